#include "load/batches.h"

#include <algorithm>

#include "load/fail.h"

namespace callbook::load {
namespace {

constexpr uint64_t kLines = 1'000;
constexpr size_t kConnections = 4;

class Batches : public Workload {
 public:
  Batches(const BatchPlan& plan, const std::vector<std::string>& sessions)
      : plan_(plan),
        sessions_(sessions),
        per_session_((plan.instances + sessions.size() - 1) / sessions.size()),
        line_(InstanceTexts(plan.size).batch_line()),
        owed_(kConnections) {}

  void append_request(size_t connection, uint64_t n, std::string& out) override {
    const uint64_t begin = n * kLines;
    const uint64_t end = std::min(begin + kLines, plan_.instances);
    out.append(request("POST", "/v1/batch"));
    // The empty request announces no body: put the length in its place.
    out.resize(out.size() - std::string_view("0\r\n\r\n").size());
    out.append(fmt::format("{}\r\n\r\n", (end - begin) * line_.bytes()));
    for (uint64_t i = begin; i < end; ++i) {
      line_.append(out, {.sequence = plan_.first + i,
                         .service = i % plan_.services,
                         .session = sessions_[i / per_session_]});
    }
    owed_[connection] = end - begin;
  }

  void on_response(size_t connection, int status, std::string_view body) override {
    const uint64_t created = count_of(body, "\"status\":201");
    if (status != 200 || created != owed_[connection]) {
      fail("a batch was answered {} with {} of {} created: {}", status, created, owed_[connection],
           body.substr(0, 500));
    }
  }

 private:
  const BatchPlan& plan_;
  const std::vector<std::string>& sessions_;
  uint64_t per_session_;
  Template line_;
  std::vector<uint64_t> owed_;
};

}  // namespace

LoopResult register_in_batches(const BatchPlan& plan, const std::vector<std::string>& sessions,
                               const Process* server, const Deadline& deadline) {
  Batches batches(plan, sessions);
  const LoopPlan loop{.port = plan.port,
                      .connections = kConnections,
                      .pipelining = 1,
                      .count = (plan.instances + kLines - 1) / kLines};
  LoopResult result = run_requests(loop, batches, server, deadline);
  if (result.operations != loop.count) fail("{} of {} batches", result.operations, loop.count);
  result.operations = plan.instances;
  return result;
}

std::string batch_request(const InstanceTexts& texts, uint64_t first, uint64_t count,
                          uint64_t service, const std::string& session) {
  const Template line = texts.batch_line();
  std::string body;
  for (uint64_t i = first; i < first + count; ++i) line.append(body, {i, service, session});
  return request("POST", "/v1/batch", body);
}

size_t count_of(std::string_view text, std::string_view needle) {
  size_t count = 0;
  for (size_t at = text.find(needle); at != text.npos; at = text.find(needle, at + needle.size())) {
    ++count;
  }
  return count;
}

}  // namespace callbook::load
