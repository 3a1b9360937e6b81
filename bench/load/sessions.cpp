#include "load/sessions.h"

#include <algorithm>
#include <charconv>

#include "load/client.h"
#include "load/fail.h"
#include "load/instance_texts.h"

namespace callbook::load {
namespace {

constexpr size_t kMaxConnections = 50;
constexpr size_t kMaxPipelining = 16;

class Opening : public Workload {
 public:
  explicit Opening(int64_t ttl_ms)
      : request_(request("POST", "/v1/sessions",
                         fmt::format(R"({{"ttl_ms":{},"client":"bench"}})", ttl_ms))) {}

  void append_request(size_t, uint64_t, std::string& out) override { out.append(request_); }

  void on_response(size_t, int status, std::string_view body) override {
    if (status != 201) fail("opening a session was answered {} {}", status, body);
    sessions.push_back(text_member(body, "\"session\":"));
    if (sessions.back().size() != kSessionBytes) fail("a session of another length: {}", body);
  }

  std::vector<std::string> sessions;

 private:
  std::string request_;
};

class Closing : public Workload {
 public:
  explicit Closing(const std::vector<std::string>& sessions) : sessions_(sessions) {}

  void append_request(size_t, uint64_t n, std::string& out) override {
    out.append(request("DELETE", "/v1/sessions/" + sessions_[n]));
  }

  void on_response(size_t, int status, std::string_view body) override {
    constexpr std::string_view kBefore = "{\"instances\":";
    if (status != 200 || !body.starts_with(kBefore)) {
      fail("closing a session was answered {} {}", status, body);
    }
    uint64_t count = 0;
    std::from_chars(body.data() + kBefore.size(), body.data() + body.size(), count);
    instances += count;
  }

  uint64_t instances = 0;

 private:
  const std::vector<std::string>& sessions_;
};

LoopPlan plan_for(uint16_t port, size_t count, size_t connections) {
  const size_t share = (count + connections - 1) / connections;
  return {.port = port,
          .connections = connections,
          .pipelining = std::min(share, kMaxPipelining),
          .count = count};
}

}  // namespace

std::vector<std::string> open_sessions(uint16_t port, size_t count, const Deadline& deadline,
                                       int64_t ttl_ms) {
  Opening opening(ttl_ms);
  run_requests(plan_for(port, count, std::min(count, kMaxConnections)), opening, nullptr, deadline);
  return std::move(opening.sessions);
}

uint64_t close_sessions(uint16_t port, const std::vector<std::string>& sessions, size_t connections,
                        const Deadline& deadline) {
  Closing closing(sessions);
  run_requests(plan_for(port, sessions.size(), connections), closing, nullptr, deadline);
  return closing.instances;
}

}  // namespace callbook::load
