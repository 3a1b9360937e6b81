// Registrations, heartbeats and batches: how many a second, and the server's CPU for each.

#include "load/batches.h"
#include "load/fail.h"
#include "load/instance_texts.h"
#include "load/measures.h"
#include "load/request_loop.h"
#include "load/scenarios.h"
#include "load/sessions.h"

namespace callbook::load {
namespace {

/// Below core's default limit of 10,000 instances a session.
constexpr uint64_t kInstancesPerSession = 8'000;

class Registrations : public Workload {
 public:
  /// `sessions` holds as many as `lanes` × what a connection may need; connection c takes
  /// c, c + lanes, … in turn.
  Registrations(std::vector<std::string> sessions, size_t lanes, uint64_t first, uint64_t services,
                size_t metadata_bytes, std::string_view query)
      : sessions_(std::move(sessions)),
        sent_(lanes),
        first_(first),
        services_(services),
        put_(InstanceTexts({InstanceSize::Of::kMetadata, metadata_bytes}).put_request(query)) {}

  void append_request(size_t connection, uint64_t n, std::string& out) override {
    const uint64_t round = sent_[connection]++ / kInstancesPerSession;
    const size_t session = connection + round * sent_.size();
    if (session >= sessions_.size()) fail("connection {} needs another session", connection);
    put_.append(out, {first_ + n, n % services_, sessions_[session]});
  }

  void on_response(size_t, int status, std::string_view body) override {
    if (status != 201) fail("a registration was answered {} {}", status, body);
  }

  const std::vector<std::string>& sessions() const { return sessions_; }

 private:
  std::vector<std::string> sessions_;
  std::vector<uint64_t> sent_;
  uint64_t first_;
  uint64_t services_;
  Template put_;
};

class Heartbeats : public Workload {
 public:
  explicit Heartbeats(const std::vector<std::string>& sessions) {
    for (const std::string& session : sessions) {
      requests_.push_back(request("PUT", "/v1/sessions/" + session + "/heartbeat"));
    }
  }

  void append_request(size_t, uint64_t n, std::string& out) override {
    out.append(requests_[n % requests_.size()]);
  }

  void on_response(size_t, int status, std::string_view body) override {
    if (status != 200) fail("a heartbeat was answered {} {}", status, body);
  }

 private:
  std::vector<std::string> requests_;
};

LoopPlan plan_from(Options& options) {
  return {.port = static_cast<uint16_t>(options.number("port")),
          .connections = options.number("connections", 100),
          .pipelining = options.number("pipelining", 1),
          .count = options.number("count"),
          .max_ns = static_cast<int64_t>(options.number("max-ms", 2'000)) * 1'000'000};
}

}  // namespace

std::string run_registrations(Options& options, const Deadline& deadline) {
  const LoopPlan plan = plan_from(options);
  const Process server(static_cast<pid_t>(options.number("server-pid")));
  const uint64_t first = options.number("first", 0);
  const uint64_t services = options.number("services", 100);
  const size_t metadata_bytes = options.number("metadata-bytes", 200);
  const bool logged = options.text("ack", "local") == "logged";
  options.finish();
  // A connection that outruns the others may send up to twice its share.
  const uint64_t share = 2 * plan.count / plan.connections;
  const uint64_t rounds = 1 + share / kInstancesPerSession;
  Registrations work(open_sessions(plan.port, rounds * plan.connections, deadline),
                     plan.connections, first, services, metadata_bytes,
                     logged ? "?ack=logged" : "");
  const LoopResult result = run_requests(plan, work, &server, deadline);
  const uint64_t left = close_sessions(plan.port, work.sessions(), 1, deadline);
  if (left != result.operations) {
    fail("{} registrations were accepted, but {} left with the sessions", result.operations, left);
  }
  return to_json(result);
}

std::string run_heartbeats(Options& options, const Deadline& deadline) {
  const LoopPlan plan = plan_from(options);
  const Process server(static_cast<pid_t>(options.number("server-pid")));
  const uint64_t count = options.number("sessions", 10'000);
  options.finish();
  const std::vector<std::string> sessions = open_sessions(plan.port, count, deadline);
  Heartbeats work(sessions);
  const LoopResult result = run_requests(plan, work, &server, deadline);
  close_sessions(plan.port, sessions, 1, deadline);
  return to_json(result);
}

std::string run_batches(Options& options, const Deadline& deadline) {
  const BatchPlan plan{
      .port = static_cast<uint16_t>(options.number("port")),
      .first = options.number("first", 0),
      .instances = options.number("instances"),
      .services = options.number("services", 100),
      .size = {InstanceSize::Of::kMetadata, options.number("metadata-bytes", 200)}};
  const Process server(static_cast<pid_t>(options.number("server-pid")));
  const uint64_t sessions = options.number("sessions", 1 + plan.instances / 1'000);
  options.finish();
  const auto opened = open_sessions(plan.port, sessions, deadline);
  return to_json(register_in_batches(plan, opened, &server, deadline));
}

}  // namespace callbook::load
