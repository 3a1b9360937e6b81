#include "net/prober.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <deque>
#include <set>
#include <string_view>
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
#include "net/response_head.h"

namespace callbook::net {
namespace {

/// A time-out that is noticed so much later was no time-out of the target's.
constexpr std::chrono::milliseconds kLate{250};
constexpr size_t kEventsAtOnce = 256;

using Clock = std::chrono::steady_clock;
using Done = std::function<void(ProbeOutcome)>;

bool is_askable(const std::optional<std::string>& path) {
  if (!path) return true;
  // Nothing that could end the request line and begin another.
  const auto visible = [](char c) { return c > ' ' && c < '\x7F'; };
  return !path->empty() && path->front() == '/' && path->size() <= kMaxProbePathBytes &&
         std::all_of(path->begin(), path->end(), visible);
}

void write_request(const ProbeTarget& target, std::string& out) {
  const bool v6 = target.address.find(':') != std::string::npos;
  out.assign("GET ").append(*target.http_path).append(" HTTP/1.1\r\nHost: ");
  out.append(v6 ? "[" : "").append(target.address).append(v6 ? "]:" : ":");
  out.append(std::to_string(target.port));
  out.append("\r\nUser-Agent: callbook-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

/// Of a connection that did not come about.
ProbeOutcome unconnected(int error) {
  switch (error) {
    case ECONNREFUSED:
      return ProbeOutcome::kRefused;
    case ETIMEDOUT:
    case EHOSTUNREACH:
      return ProbeOutcome::kSilent;
    default:
      return ProbeOutcome::kUntested;
  }
}

/// Of a connection that was there.
ProbeOutcome broken_off(int error) {
  switch (error) {
    case ETIMEDOUT:
    case EHOSTUNREACH:
      return ProbeOutcome::kSilent;
    case ENOBUFS:
    case ENOMEM:
      return ProbeOutcome::kUntested;
    default:
      return ProbeOutcome::kFailed;
  }
}

/// The kernel says so of connections that were made, and of no others.
bool was_connected(int error) {
  return error == 0 || error == ECONNRESET || error == EPIPE;
}

int pending_error(int socket) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
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
        queue_(limits.max_per_address),
        epoll_(io_),
        timer_(io_) {}

  void add(ProbeTarget target, Done done) {
    const auto address = ProbeAddress::parse(target.address);
    const bool may_ask = address && target.port != 0 && is_askable(target.http_path);
    if (!may_ask || queue_.waiting() >= limits_.max_waiting) {
      refused_.push_back(std::move(done));
      return settle_later();
    }
    queue_.push(*address, {std::move(target), std::move(done)});
    start_waiting();
  }

  void stop() {
    stopped_ = true;
    for (const Attempt& attempt : attempts_) {
      if (attempt.taken) close(attempt);
    }
    attempts_.clear();
    queue_ = ProbeQueue(limits_.max_per_address);
    refused_.clear();
    timer_.cancel();
    boost::system::error_code ignored;
    epoll_.close(ignored);
  }

  uint64_t bytes_read() const { return bytes_read_; }

 private:
  /// Its place is used again, by another generation, so that what is said of a socket that was
  /// closed is not taken for the next one's.
  struct Attempt {
    std::optional<ProbeQueue::Taken> taken;  ///< none: free
    uint32_t generation = 0;
    int socket = -1;
    bool connected = false;
    ProbeOutcome unstarted = ProbeOutcome::kUntested;
    size_t bytes_read = 0;
    ResponseHead head;
    Clock::time_point deadline;
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
    if (const int error = connect(index); error != 0) {
      // Holds its place until then, so that one turn of the loop does not fail for all who wait.
      attempt.unstarted = unconnected(error);
      unstarted_.push_back(index);
      return settle_later();
    }
    attempt.deadline =
        Clock::now() + std::chrono::milliseconds(attempt.taken->wanted.target.timeout_ms);
    deadlines_.emplace(attempt.deadline, index);
    wait_until(attempt.deadline);
    wait_for_events();
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
    const ProbeQueue::Taken& taken = *attempt.taken;
    if (const int error = open_epoll(); error != 0) return error;
    const int family = taken.address().is_v4() ? AF_INET : AF_INET6;
    attempt.socket = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (attempt.socket < 0) return errno;
    sockaddr_storage to;
    const socklen_t length = taken.address().to_socket_address(taken.wanted.target.port, to);
    if (::connect(attempt.socket, reinterpret_cast<sockaddr*>(&to), length) != 0 &&
        errno != EINPROGRESS) {
      return errno;
    }
    // Once for all that may happen; an edge is told again by nobody, hence reading to EAGAIN.
    epoll_event event{};
    event.events = taken.wanted.target.http_path ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLOUT;
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
      if (const auto outcome = proceed(attempt, events[i].events)) finish(index, *outcome);
    }
    return count == static_cast<int>(events.size());
  }

  /// None: it goes on.
  std::optional<ProbeOutcome> proceed(Attempt& attempt, uint32_t events) {
    const bool http = attempt.taken->wanted.target.http_path.has_value();
    if (!attempt.connected) {
      if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return std::nullopt;
      const int error = (events & EPOLLERR) != 0 ? pending_error(attempt.socket) : 0;
      if (!was_connected(error)) return unconnected(error);
      attempt.connected = true;
      if (!http) return ProbeOutcome::kAnswered;
      if (error != 0) return broken_off(error);
      if (const auto outcome = send_request(attempt)) return outcome;
    }
    if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0) return std::nullopt;
    return read_head(attempt);
  }

  std::optional<ProbeOutcome> send_request(const Attempt& attempt) {
    write_request(attempt.taken->wanted.target, request_);
    const ssize_t sent = ::send(attempt.socket, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return broken_off(errno);
    // The first that is sent, and shorter than any send buffer: the kernel is out of memory.
    if (sent != static_cast<ssize_t>(request_.size())) return ProbeOutcome::kUntested;
    return std::nullopt;
  }

  std::optional<ProbeOutcome> read_head(Attempt& attempt) {
    while (attempt.bytes_read < kMaxProbeAnswerBytes) {
      const ssize_t count =
          ::recv(attempt.socket, buffer_.data(), kMaxProbeAnswerBytes - attempt.bytes_read, 0);
      if (count < 0 && errno == EAGAIN) return std::nullopt;
      if (count < 0) return broken_off(errno);
      if (count == 0) return ProbeOutcome::kFailed;
      const auto length = static_cast<size_t>(count);
      attempt.bytes_read += length;
      bytes_read_ += length;
      const auto state = attempt.head.take({buffer_.data(), length});
      if (state == ResponseHead::State::kNoHttp1) return ProbeOutcome::kFailed;
      if (state == ResponseHead::State::kWhole) {
        return attempt.head.status() / 100 == 2 ? ProbeOutcome::kAnswered : ProbeOutcome::kFailed;
      }
    }
    return ProbeOutcome::kFailed;
  }

  // --- Time ---

  void wait_until(Clock::time_point deadline) {
    if (timer_is_set_ && timer_.expiry() <= deadline) return;
    timer_is_set_ = true;
    timer_.expires_at(deadline);
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
      finish(index, now - deadline > kLate ? ProbeOutcome::kUntested : ProbeOutcome::kSilent);
    }
    if (!stopped_ && !deadlines_.empty()) wait_until(deadlines_.begin()->first);
  }

  // --- The end ---

  /// Calls back: afterwards this may be stopped, and any reference to an attempt dangles.
  void finish(uint32_t index, ProbeOutcome outcome) {
    Attempt& attempt = attempts_[index];
    close(attempt);
    deadlines_.erase({attempt.deadline, index});
    queue_.release(*attempt.taken);
    const Done done = std::move(attempt.taken->wanted.done);
    const uint32_t next_generation = attempt.generation + 1;
    attempt = Attempt();
    attempt.generation = next_generation;
    free_.push_back(index);
    done(outcome);
    if (!stopped_) start_waiting();
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
      finish(index, attempts_[index].unstarted);
      if (stopped_) return;
    }
    for (const Done& done : std::exchange(refused_, {})) {
      done(ProbeOutcome::kUntested);
      if (stopped_) return;
    }
  }

  asio::io_context& io_;
  const ProbeLimits limits_;
  ProbeQueue queue_;
  std::deque<Attempt> attempts_;
  std::vector<uint32_t> free_;                                  ///< of attempts_
  std::set<std::pair<Clock::time_point, uint32_t>> deadlines_;  ///< of all that have a socket
  std::vector<uint32_t> unstarted_;                             ///< of attempts_, to be settled
  std::vector<Done> refused_;                                   ///< to be settled: untested
  asio::posix::basic_stream_descriptor<Executor> epoll_;
  SteadyTimer timer_;
  std::string request_;                            ///< for write_request()
  std::array<char, kMaxProbeAnswerBytes> buffer_;  ///< for recv()
  uint64_t bytes_read_ = 0;
  bool timer_is_set_ = false;
  bool is_waiting_ = false;
  bool will_settle_ = false;
  bool stopped_ = false;
};

Prober::Prober(EventLoop& loop, ProbeLimits limits) : impl_(std::make_shared<Impl>(loop, limits)) {}

Prober::~Prober() {
  impl_->stop();
}

void Prober::probe(ProbeTarget target, std::function<void(ProbeOutcome)> done) {
  impl_->add(std::move(target), std::move(done));
}

uint64_t Prober::bytes_read() const {
  return impl_->bytes_read();
}

}  // namespace callbook::net
