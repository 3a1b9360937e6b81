#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/time.h"

namespace callbook::net {

/// One thread's event loop. Everything made on a loop (servers, clients, timers) is used only from
/// the thread that calls run(), but for post() and stop(), which any thread may call.
class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Runs until stop(). Handlers must not throw.
  void run();
  /// Makes run() return after the handler under way. Thread-safe.
  void stop();
  /// Runs `task` on the loop's thread, after what is queued there already; tasks posted by one
  /// thread keep their order. Thread-safe.
  void post(std::function<void()> task);

  /// A timer that calls back until it is destroyed. Owned by the caller; destroy it on the loop's
  /// thread or after run() has returned.
  class Timer {
   public:
    virtual ~Timer() = default;
  };
  /// Calls `task` every `period_ms` (at least 1), skipping beats that a stall has swallowed.
  std::unique_ptr<Timer> every(int64_t period_ms, std::function<void()> task);
  /// Calls `task` once, `delay_ms` from now, unless the timer is destroyed before.
  std::unique_ptr<Timer> after(int64_t delay_ms, std::function<void()> task);
  /// Calls `task` with the number of each of `signals` that the process receives.
  std::unique_ptr<Timer> on_signals(const std::vector<int>& signals,
                                    std::function<void(int signal)> task);
  /// The same for SIGINT and SIGTERM.
  std::unique_ptr<Timer> on_stop_signal(std::function<void(int signal)> task);
  /// Calls `task` whenever `descriptor` is readable, which `task` must end. Borrows the descriptor:
  /// destroy the timer before it is closed.
  std::unique_ptr<Timer> on_readable(int descriptor, std::function<void()> task);

  /// The loop's asio::io_context, for the .cpp files of net/ only.
  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// The system's clocks (CLOCK_MONOTONIC, CLOCK_REALTIME).
class SystemClock final : public base::Clock {
 public:
  base::Now now() const override;
};

}  // namespace callbook::net
