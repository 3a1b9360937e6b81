#include "net/event_loop.h"

#include <csignal>
#include <ctime>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>

#include "net/event_loop_impl.h"

namespace callbook::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Shared by the handle and the pending wait, so that the handle may go inside its own callback.
class TimerState : public std::enable_shared_from_this<TimerState> {
 public:
  TimerState(asio::io_context& io, milliseconds period, std::function<void()> task)
      : timer_(io.get_executor()), period_(period), task_(std::move(task)) {}

  void start(milliseconds delay, bool repeat) {
    repeat_ = repeat;
    timer_.expires_after(delay);
    wait();
  }

  void cancel() {
    cancelled_ = true;
    timer_.cancel();
  }

 private:
  void wait() {
    timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
      if (!error) self->fire();
    });
  }

  void fire() {
    if (cancelled_) return;
    task_();
    if (cancelled_ || !repeat_) return;
    const auto late = steady_clock::now() - timer_.expiry();
    const auto beats_passed = late / period_;
    timer_.expires_at(timer_.expiry() + (beats_passed + 1) * period_);
    wait();
  }

  SteadyTimer timer_;
  const milliseconds period_;
  const std::function<void()> task_;
  bool repeat_ = false;
  bool cancelled_ = false;
};

class TimerHandle final : public EventLoop::Timer {
 public:
  explicit TimerHandle(std::shared_ptr<TimerState> state) : state_(std::move(state)) {}
  ~TimerHandle() override { state_->cancel(); }

 private:
  std::shared_ptr<TimerState> state_;
};

class SignalState : public std::enable_shared_from_this<SignalState> {
 public:
  SignalState(asio::io_context& io, const std::vector<int>& signals, std::function<void(int)> task)
      : signals_(io), task_(std::move(task)) {
    for (const int signal : signals) signals_.add(signal);
  }

  void wait() {
    signals_.async_wait([self = shared_from_this()](boost::system::error_code error, int number) {
      if (error || self->cancelled_) return;
      self->task_(number);
      if (!self->cancelled_) self->wait();
    });
  }

  void cancel() {
    cancelled_ = true;
    boost::system::error_code ignored;
    signals_.cancel(ignored);
    signals_.clear(ignored);  // gives the signals their former meaning back at once
  }

 private:
  asio::signal_set signals_;
  const std::function<void(int)> task_;
  bool cancelled_ = false;
};

class SignalHandle final : public EventLoop::Timer {
 public:
  explicit SignalHandle(std::shared_ptr<SignalState> state) : state_(std::move(state)) {}
  ~SignalHandle() override { state_->cancel(); }

 private:
  std::shared_ptr<SignalState> state_;
};

class ReadableState : public std::enable_shared_from_this<ReadableState> {
 public:
  ReadableState(asio::io_context& io, int descriptor, std::function<void()> task)
      : descriptor_(io.get_executor(), descriptor), task_(std::move(task)) {}

  void wait() {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [self = shared_from_this()](boost::system::error_code error) {
                             if (error || self->cancelled_) return;
                             self->task_();
                             if (!self->cancelled_) self->wait();
                           });
  }

  void cancel() {
    cancelled_ = true;
    descriptor_.release();  // not closed: it is only borrowed
  }

 private:
  asio::posix::basic_stream_descriptor<Executor> descriptor_;
  const std::function<void()> task_;
  bool cancelled_ = false;
};

class ReadableHandle final : public EventLoop::Timer {
 public:
  explicit ReadableHandle(std::shared_ptr<ReadableState> state) : state_(std::move(state)) {}
  ~ReadableHandle() override { state_->cancel(); }

 private:
  std::shared_ptr<ReadableState> state_;
};

int64_t read_clock_ms(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000;
}

}  // namespace

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}
EventLoop::~EventLoop() = default;

void EventLoop::run() {
  {
    const auto work = asio::make_work_guard(impl_->io);
    impl_->io.run();
  }
  // So that run() can be called again after a stop(). The guard's end is one too, if it was the
  // last.
  impl_->io.restart();
}

void EventLoop::stop() {
  impl_->io.stop();
}

void EventLoop::post(std::function<void()> task) {
  asio::post(impl_->io, std::move(task));
}

std::unique_ptr<EventLoop::Timer> EventLoop::every(int64_t period_ms, std::function<void()> task) {
  const milliseconds period(period_ms < 1 ? 1 : period_ms);
  auto state = std::make_shared<TimerState>(impl_->io, period, std::move(task));
  state->start(period, true);
  return std::make_unique<TimerHandle>(std::move(state));
}

std::unique_ptr<EventLoop::Timer> EventLoop::after(int64_t delay_ms, std::function<void()> task) {
  auto state = std::make_shared<TimerState>(impl_->io, milliseconds(1), std::move(task));
  state->start(milliseconds(delay_ms), false);
  return std::make_unique<TimerHandle>(std::move(state));
}

std::unique_ptr<EventLoop::Timer> EventLoop::on_signals(const std::vector<int>& signals,
                                                        std::function<void(int)> task) {
  auto state = std::make_shared<SignalState>(impl_->io, signals, std::move(task));
  state->wait();
  return std::make_unique<SignalHandle>(std::move(state));
}

std::unique_ptr<EventLoop::Timer> EventLoop::on_stop_signal(std::function<void(int)> task) {
  return on_signals({SIGINT, SIGTERM}, std::move(task));
}

std::unique_ptr<EventLoop::Timer> EventLoop::on_readable(int descriptor,
                                                         std::function<void()> task) {
  auto state = std::make_shared<ReadableState>(impl_->io, descriptor, std::move(task));
  state->wait();
  return std::make_unique<ReadableHandle>(std::move(state));
}

base::Now SystemClock::now() const {
  return {.mono_ms = read_clock_ms(CLOCK_MONOTONIC), .wall_ms = read_clock_ms(CLOCK_REALTIME)};
}

}  // namespace callbook::net
