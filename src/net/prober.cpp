#include "net/prober.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <set>
#include <utility>
#include <vector>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/event_loop_impl.h"
#include "net/probe_address.h"
#include "net/probe_queue.h"

namespace callbook::net {
namespace {

using std::chrono::milliseconds;

/// A time-out that is noticed so much later was no time-out of the target's.
constexpr milliseconds kLate{250};
/// Time-outs are looked at so much after the first is due. Probes that were begun together run out
/// of time together: else what waits at their host takes the places of the first, and is sent,
/// before enough of them are silent for it to be concluded.
constexpr milliseconds kTogether{1};
constexpr size_t kEventsAtOnce = 256;
/// A host that is silent has room for so many times the usual number of probes.
constexpr size_t kRoomAtSilent = 16;
/// What has waited behind probes that ran out of time still has a quarter of its time-out, within
/// these bounds: results that come a quarter of a second after it are not waited for.
constexpr int64_t kLeastPart = 4;
constexpr milliseconds kLeastTime{50};
constexpr milliseconds kMostTime{150};

using Clock = std::chrono::steady_clock;
using Done = Prober::Done;

/// The kernel says so of connections that were made, and of no others.
bool was_connected(int error) {
  return error == 0 || error == ECONNRESET || error == EPIPE;
}

int pending_error(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

int64_t ms_of(Clock::duration time) {
  return std::chrono::duration_cast<milliseconds>(time).count();
}

std::string within(int64_t timeout_ms) {
  return " within " + std::to_string(timeout_ms) + " ms";
}

size_t room_at_silent(const ProbeLimits& limits) {
  // Others keep at least three quarters of the places.
  return std::max(limits.max_per_address,
                  std::min(kRoomAtSilent * limits.max_per_address, limits.max_in_flight / 4));
}

}  // namespace

/// The sockets stand in an epoll set of their own, which the loop's reactor watches as one
/// descriptor. That saves each probe four system calls, and the allocation of its handlers.
/// Deadlines share a timer.
class Prober::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(EventLoop& loop, ProbeLimits limits)
      : io_(loop.impl().io),
        limits_(limits),
        queue_(limits.max_per_address, room_at_silent(limits)),
        epoll_(io_),
        timer_(io_) {}

  void add(ProbeTarget target, Done done) {
    const auto address = ProbeAddress::parse(target.address);
    if (!address || target.port == 0 || (target.udp && !target.talk)) {
      return refuse(std::move(done), "not asked: such an address is never probed");
    }
    if (queue_.waiting() >= limits_.max_waiting) {
      return refuse(std::move(done), "not asked: too many probes wait");
    }
    queue_.push(*address, {std::move(target), std::move(done), Clock::now()});
    start_waiting();
  }

  void stop() {
    stopped_ = true;
    for (const Attempt& attempt : attempts_) {
      if (attempt.taken) close(attempt);
    }
    attempts_.clear();
    queue_ = ProbeQueue(limits_.max_per_address, limits_.max_per_address);
    refused_.clear();
    timer_.cancel();
    boost::system::error_code ignored;
    epoll_.close(ignored);
  }

  uint64_t concluded_unasked() const { return concluded_unasked_; }

 private:
  /// Its place is used again, by another generation, so that what is said of a socket that was
  /// closed is not taken for the next one's.
  struct Attempt {
    std::optional<ProbeQueue::Taken> taken;  ///< none: free
    uint32_t generation = 0;
    int socket = -1;
    bool connected = false;  ///< TCP alone
    std::optional<ProbeVerdict> unstarted;
    std::unique_ptr<ProbeTalk> talk;
    Clock::time_point begun;
    Clock::time_point deadline;

    const ProbeTarget& target() const { return taken->wanted.target; }
  };
  struct Refused {
    Done done;
    std::string text;
  };

  void start_waiting() {
    while (queue_.under_way() < limits_.max_in_flight) {
      auto taken = queue_.take();
      if (!taken) return;
      start(std::move(*taken));
    }
  }

  void start(ProbeQueue::Taken taken) {
    const uint32_t index = free_attempt();
    Attempt& attempt = attempts_[index];
    attempt.taken.emplace(std::move(taken));
    attempt.begun = Clock::now();
    if (const int error = connect(index); error != 0) {
      // Holds its place until then, so that one turn of the loop does not fail for all who wait.
      attempt.unstarted = unconnected(error);
      unstarted_.push_back(index);
      return settle_later();
    }
    if (attempt.target().udp) attempt.talk = attempt.target().talk();
    set_deadline(index, attempt.taken->waited_on_silence && !attempt.target().udp);
    wait_for_events();
  }

  /// `hurry`: it has waited at a host of which nothing is heard. What was asked there when it was
  /// pushed has run out of time: its own silence must not come a whole time-out later.
  void set_deadline(uint32_t index, bool hurry) {
    Attempt& attempt = attempts_[index];
    const milliseconds timeout(attempt.target().timeout_ms);
    deadlines_.erase({attempt.deadline, index});
    attempt.deadline = attempt.begun + timeout;
    if (hurry) {
      const auto least = attempt.begun + std::clamp(timeout / kLeastPart, kLeastTime, kMostTime);
      attempt.deadline =
          std::min(attempt.deadline, std::max(attempt.taken->wanted.since + timeout, least));
    }
    deadlines_.emplace(attempt.deadline, index);
    wait_until(attempt.deadline);
  }

  uint32_t free_attempt() {
    if (free_.empty()) {
      attempts_.emplace_back();
      return static_cast<uint32_t>(attempts_.size() - 1);
    }
    const uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }

  /// Begins to; returns errno.
  int connect(uint32_t index) {
    Attempt& attempt = attempts_[index];
    const ProbeTarget& target = attempt.target();
    const ProbeAddress& address = attempt.taken->address();
    if (const int error = open_epoll(); error != 0) return error;
    const int family = address.is_v4() ? AF_INET : AF_INET6;
    const int type = target.udp ? SOCK_DGRAM : SOCK_STREAM;
    attempt.socket = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (attempt.socket < 0) return errno;
    sockaddr_storage to;
    const socklen_t length = address.to_socket_address(target.port, to);
    if (::connect(attempt.socket, reinterpret_cast<sockaddr*>(&to), length) != 0 &&
        errno != EINPROGRESS) {
      return errno;
    }
    // Once for all that may happen; an edge is told again by nobody, hence reading to EAGAIN.
    epoll_event event{};
    event.events = target.talk ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLOUT;
    event.data.u64 = uint64_t{attempt.generation} << 32 | index;
    const int added = ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, attempt.socket, &event);
    return added == 0 ? 0 : errno;
  }

  /// With the first probe, and if there was no descriptor for it then, with a later one.
  int open_epoll() {
    if (epoll_.is_open()) return 0;
    const int descriptor = ::epoll_create1(EPOLL_CLOEXEC);
    if (descriptor < 0) return errno;
    boost::system::error_code error;
    epoll_.assign(descriptor, error);
    if (error) ::close(descriptor);
    return error.value();
  }

  // --- What happens ---

  void wait_for_events() {
    if (std::exchange(is_waiting_, true)) return;
    epoll_.async_wait(asio::posix::descriptor_base::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (error || self->stopped_) return;
                        self->is_waiting_ = false;
                        self->take_events();
                        self->end_turn();
                        if (!self->stopped_ && self->queue_.under_way() > 0) {
                          self->wait_for_events();
                        }
                      });
  }

  /// Returns whether there may be more.
  bool take_events() {
    std::array<epoll_event, kEventsAtOnce> events;
    const int count =
        ::epoll_wait(epoll_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count && !stopped_; ++i) {
      const auto index = static_cast<uint32_t>(events[i].data.u64);
      Attempt& attempt = attempts_[index];
      if (attempt.generation != events[i].data.u64 >> 32) continue;
      if (auto verdict = proceed(index, events[i].events)) finish(index, std::move(*verdict));
    }
    return count == static_cast<int>(events.size());
  }

  /// None: it goes on.
  std::optional<ProbeVerdict> proceed(uint32_t index, uint32_t events) {
    Attempt& attempt = attempts_[index];
    if (!attempt.connected && !attempt.target().udp) {
      if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return std::nullopt;
      const int error = (events & EPOLLERR) != 0 ? pending_error(attempt.socket) : 0;
      if (!was_connected(error)) return unconnected(error);
      attempt.connected = true;
      queue_.heard(*attempt.taken);
      if (!attempt.target().talk) return ProbeVerdict{ProbeOutcome::kAnswered, 0, "connected"};
      if (error != 0) return broken_off(error);
      attempt.talk = attempt.target().talk();  // not before: most hosts that are gone never connect
      if (attempt.taken->waited_on_silence) set_deadline(index, false);
    }
    return attempt.talk->proceed(attempt.socket);
  }

  // --- Time ---

  void wait_until(Clock::time_point deadline) {
    const Clock::time_point at = deadline + kTogether;
    if (timer_is_set_ && timer_.expiry() <= at) return;
    timer_is_set_ = true;
    timer_.expires_at(at);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
      if (!cancelled && !self->stopped_) self->time_out();
    });
  }

  void time_out() {
    timer_is_set_ = false;
    const auto now = Clock::now();
    // What came in time counts, though this thread may be late to look at it.
    for (size_t left = attempts_.size(); take_events() && !stopped_ && left > kEventsAtOnce;) {
      left -= kEventsAtOnce;
    }
    while (!stopped_ && !deadlines_.empty() && deadlines_.begin()->first <= now) {
      const auto [deadline, index] = *deadlines_.begin();
      finish(index, timed_out(attempts_[index], now - deadline));
    }
    end_turn();
    if (!stopped_ && !deadlines_.empty()) wait_until(deadlines_.begin()->first);
  }

  static ProbeVerdict timed_out(const Attempt& attempt, Clock::duration late) {
    const int64_t timeout_ms = attempt.target().timeout_ms;
    if (late > kLate) {
      return {ProbeOutcome::kUntested, 0,
              "not asked: this node stood still for " + std::to_string(ms_of(late)) + " ms"};
    }
    if (attempt.talk && (attempt.connected || attempt.target().udp)) {
      return attempt.talk->timed_out(timeout_ms);
    }
    return {ProbeOutcome::kSilent, 0, "no connection" + within(timeout_ms)};
  }

  /// What the probes that just ended say of those that wait; and the next ones.
  void end_turn() {
    if (stopped_) return;
    for (ProbeQueue::Wanted& wanted : queue_.take_concluded()) {
      ++concluded_unasked_;
      const Done done = std::move(wanted.done);
      done({{ProbeOutcome::kSilent, 0, "the host answers no connection"},
            ms_of(Clock::now() - wanted.since)});
      if (stopped_) return;
    }
    start_waiting();
  }

  // --- The end ---

  /// Calls back: afterwards this may be stopped, and any reference to an attempt dangles.
  void finish(uint32_t index, ProbeVerdict verdict) {
    Attempt& attempt = attempts_[index];
    close(attempt);
    deadlines_.erase({attempt.deadline, index});
    learn(attempt, verdict.outcome);
    queue_.release(*attempt.taken);
    const Done done = std::move(attempt.taken->wanted.done);
    const ProbeResult result{std::move(verdict), ms_of(Clock::now() - attempt.begun)};
    const uint32_t next_generation = attempt.generation + 1;
    attempt = Attempt();
    attempt.generation = next_generation;
    free_.push_back(index);
    done(result);
  }

  /// What it says of its host. That a connection was made was noted when it was.
  void learn(const Attempt& attempt, ProbeOutcome outcome) {
    if (attempt.connected || outcome == ProbeOutcome::kUntested) return;
    if (outcome != ProbeOutcome::kSilent) {
      // A datagram that nobody answered may have passed for all that.
      if (!attempt.target().udp || outcome == ProbeOutcome::kRefused) queue_.heard(*attempt.taken);
    } else if (!attempt.target().udp) {
      queue_.silent(*attempt.taken);
    }
  }

  static void close(const Attempt& attempt) {
    if (attempt.socket < 0) return;
    // Reset: nothing of it is to be left behind, here (TIME_WAIT) or there.
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    if (attempt.connected) {
      ::setsockopt(attempt.socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    ::close(attempt.socket);
  }

  void refuse(Done done, std::string text) {
    refused_.push_back({std::move(done), std::move(text)});
    settle_later();
  }

  /// For those who may not be called back yet.
  void settle_later() {
    if (std::exchange(will_settle_, true)) return;
    asio::post(io_, [self = shared_from_this()] {
      if (!self->stopped_) self->settle();
    });
  }

  void settle() {
    will_settle_ = false;
    for (const uint32_t index : std::exchange(unstarted_, {})) {
      finish(index, std::move(*attempts_[index].unstarted));
      if (stopped_) return;
    }
    for (const Refused& refused : std::exchange(refused_, {})) {
      refused.done({{ProbeOutcome::kUntested, 0, refused.text}, 0});
      if (stopped_) return;
    }
    end_turn();
  }

  asio::io_context& io_;
  const ProbeLimits limits_;
  ProbeQueue queue_;
  std::deque<Attempt> attempts_;
  std::vector<uint32_t> free_;                                  ///< of attempts_
  std::set<std::pair<Clock::time_point, uint32_t>> deadlines_;  ///< of all that have a socket
  std::vector<uint32_t> unstarted_;                             ///< of attempts_, to be settled
  std::vector<Refused> refused_;                                ///< to be settled
  asio::posix::basic_stream_descriptor<Executor> epoll_;
  SteadyTimer timer_;
  uint64_t concluded_unasked_ = 0;
  bool timer_is_set_ = false;
  bool is_waiting_ = false;
  bool will_settle_ = false;
  bool stopped_ = false;
};

Prober::Prober(EventLoop& loop, ProbeLimits limits) : impl_(std::make_shared<Impl>(loop, limits)) {}

Prober::~Prober() {
  impl_->stop();
}

void Prober::probe(ProbeTarget target, Done done) {
  impl_->add(std::move(target), std::move(done));
}

uint64_t Prober::concluded_unasked() const {
  return impl_->concluded_unasked();
}

}  // namespace callbook::net
