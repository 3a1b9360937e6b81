// A restart as its clients live through it: sessions and watchers lose their connections at once,
// come back after random delays of 0 to 300 ms, and go on trying until they have what they had.
//
// With --other-port they come back to another server. Prints "prepared" when the first may be
// killed or stopped, and the result when all are complete again.

#include <functional>
#include <queue>
#include <random>

#include "load/batches.h"
#include "load/client.h"
#include "load/connection.h"
#include "load/event_scanner.h"
#include "load/fail.h"
#include "load/instance_texts.h"
#include "load/measures.h"
#include "load/process.h"
#include "load/response_scanner.h"
#include "load/scenarios.h"
#include "load/sessions.h"
#include "load/watchers.h"

namespace callbook::load {
namespace {

constexpr int64_t kMaxDelayNs = 300'000'000;

/// One client process: a session that heartbeats once, or a watcher that resumes by its digest.
struct Member {
  std::string request;
  bool is_watcher = false;
  bool is_complete = false;
  Connection connection;
  ResponseScanner responses;
  EventScanner events;
};

class Crowd {
 public:
  explicit Crowd(uint16_t port) : port_(port), buffer_(kReadBytes, '\0') {}

  void add(std::string request, bool is_watcher) {
    Member& member = members_.emplace_back();
    member.request = std::move(request);
    member.is_watcher = is_watcher;
  }

  /// Connects all, spread over 300 ms, and returns when all are complete.
  void gather(const Deadline& deadline) {
    for (size_t i = 0; i < members_.size(); ++i) retry(i);
    run_until([this] { return complete_ == members_.size(); }, deadline);
  }

  /// Waits until every connection was lost and all are complete again, at `port`.
  void survive(uint16_t port, const Deadline& deadline) {
    port_ = port;
    for (Member& member : members_) member.is_complete = false;
    complete_ = 0;
    attempts_ = refused_ = not_ready_ = 0;
    run_until([this] { return complete_ == members_.size(); }, deadline);
  }

  std::string report() const {
    return fmt::format(
        R"({{"members":{},"lost_at_ns":{},"complete_at_ns":{},"recovery_ms":{:.1f},"attempts":{},)"
        R"("refused":{},"not_ready":{}}})",
        members_.size(), lost_at_ns_, complete_at_ns_, to_ms(complete_at_ns_ - lost_at_ns_),
        attempts_, refused_, not_ready_);
  }

 private:
  using Retry = std::pair<int64_t, size_t>;

  struct Sink {
    Crowd& crowd;
    size_t index;
    int status = 0;

    void on_head(int code) {
      status = code;
      if (code != 200 && code != 503) fail("member {} was answered {}", index, code);
    }
    void on_body(std::string_view part) {
      Member& member = crowd.members_[index];
      if (!member.is_watcher || status == 503) return;
      member.events.feed(part, [this](const Event& event) {
        const bool whole = event.type == "alive" || !event.text_of("\"digest\":").empty();
        if (whole) crowd.complete(index);
      });
    }
    void on_end() {
      if (status != 200) return;
      if (!crowd.members_[index].is_watcher) return crowd.complete(index);
      crowd.lose(index);  // the server has sent it away
    }
  };

  void lose(size_t index) {
    if (lost_at_ns_ == 0) lost_at_ns_ = now_ns();
    retry(index);
  }

  void complete(size_t index) {
    Member& member = members_[index];
    if (std::exchange(member.is_complete, true)) return;
    ++complete_;
    complete_at_ns_ = now_ns();
  }

  void retry(size_t index) {
    members_[index].connection.close();
    retries_.emplace(now_ns() + std::uniform_int_distribution<int64_t>(0, kMaxDelayNs)(random_),
                     index);
  }

  void attempt(size_t index) {
    Member& member = members_[index];
    ++attempts_;
    member.responses = {};
    member.events = {};
    if (!member.connection.open(poller_, index, port_)) {
      ++refused_;
      return retry(index);
    }
    member.connection.send(member.request);
  }

  void attempt_due() {
    while (!retries_.empty() && retries_.top().first <= now_ns()) {
      const size_t index = retries_.top().second;
      retries_.pop();
      attempt(index);
    }
  }

  void run_until(const std::function<bool()>& done, const Deadline& deadline) {
    while (!done()) {
      attempt_due();
      const int64_t until_ns = retries_.empty() ? deadline.at_ns : retries_.top().first;
      for (const epoll_event& event : poller_.wait(std::min(until_ns, deadline.at_ns))) {
        on_event(event);
      }
      deadline.check(
          fmt::format("{} of {} complete, {} attempts", complete_, members_.size(), attempts_));
    }
  }

  void on_event(const epoll_event& event) {
    const size_t index = event.data.u64;
    Member& member = members_[index];
    if (!member.connection.is_open()) return;
    if ((event.events & EPOLLOUT) != 0) member.connection.on_writable();
    std::string_view bytes;
    switch (member.connection.read(buffer_, bytes)) {
      case Connection::Read::kClosed:
        return lose(index);
      case Connection::Read::kNothing:
        return;
      case Connection::Read::kBytes:
        break;
    }
    Sink sink{*this, index};
    member.responses.feed(bytes, sink);
    if (sink.status == 503) {
      ++not_ready_;
      retry(index);
    }
  }

  uint16_t port_;
  Poller poller_;
  std::string buffer_;
  std::vector<Member> members_;
  std::priority_queue<Retry, std::vector<Retry>, std::greater<>> retries_;
  std::mt19937_64 random_{42};
  size_t complete_ = 0;
  uint64_t attempts_ = 0;
  uint64_t refused_ = 0;
  uint64_t not_ready_ = 0;
  int64_t lost_at_ns_ = 0;
  int64_t complete_at_ns_ = 0;
};

}  // namespace

std::string run_reconnect(Options& options, const Deadline& deadline) {
  const auto port = static_cast<uint16_t>(options.number("port"));
  const uint64_t session_count = options.number("sessions", 1'000);
  const uint64_t watchers = options.number("watchers", 1'000);
  const uint64_t instances = session_count * options.number("instances-per-session", 100);
  const uint64_t services = options.number("services", 100);
  const auto other_port = static_cast<uint16_t>(options.number("other-port", port));
  options.finish();
  raise_descriptor_limit(session_count + watchers + 100);

  const auto sessions = open_sessions(port, session_count, deadline);
  register_in_batches(
      {.port = port, .first = 0, .instances = instances, .services = services, .size = {}},
      sessions, nullptr, deadline);
  Crowd crowd(port);
  for (const std::string& session : sessions) {
    crowd.add(request("PUT", "/v1/sessions/" + session + "/heartbeat"), false);
  }
  Client client(port);
  for (uint64_t i = 0; i < watchers; ++i) {
    const std::string name = service_name(i % services);
    crowd.add(watch_request({{name, list_digest(client, name)}}), true);
  }
  crowd.gather(deadline);
  fmt::print("prepared\n");
  std::fflush(stdout);
  crowd.survive(other_port, deadline);
  return crowd.report();
}

}  // namespace callbook::load
