#include "node/prober.h"

#include <utility>

namespace callbook::node {
namespace {

using Kind = core::CheckRule::Kind;

core::ProbeResult::Outcome to_core(net::ProbeOutcome outcome) {
  using Outcome = core::ProbeResult::Outcome;
  switch (outcome) {
    case net::ProbeOutcome::kAnswered:
      return Outcome::kAnswered;
    case net::ProbeOutcome::kRefused:
      return Outcome::kRefused;
    case net::ProbeOutcome::kSilent:
      return Outcome::kSilent;
    case net::ProbeOutcome::kFailed:
      return Outcome::kFailed;
    case net::ProbeOutcome::kUntested:
      break;
  }
  return Outcome::kUntested;
}

probe::HttpRule http_of(const core::CheckRule& rule) {
  probe::HttpRule http{rule.method, rule.path, rule.headers, rule.host, {}};
  for (const auto& range : rule.expected) http.expect.push_back({range.from, range.to});
  return http;
}

}  // namespace

probe::Request to_request(const core::Probe& probe, bool for_another) {
  probe::Request request;
  request.host = probe.address;
  request.port = probe.port;
  request.timeout_ms = probe.timeout_ms;
  request.loopback = !for_another;
  if (probe.rule == nullptr) return request;
  const core::CheckRule& rule = *probe.rule;
  if (rule.kind == Kind::kHttps || (rule.kind == Kind::kGrpc && rule.tls)) {
    request.tls = {.verify = !rule.skip_verify, .server_name = rule.server_name};
  }
  switch (rule.kind) {
    case Kind::kTcp:
      break;
    case Kind::kHttp:
    case Kind::kHttps:
      request.kind = probe::Request::Kind::kHttp;
      request.http = http_of(rule);
      break;
    case Kind::kGrpc:
      request.kind = probe::Request::Kind::kGrpc;
      request.grpc = {rule.grpc_service};
      break;
    case Kind::kUdp:
      request.kind = probe::Request::Kind::kUdp;
      request.udp = {rule.payload, rule.silence_passes};
      break;
  }
  return request;
}

Prober::Prober(probe::ProberOptions options, Deliver deliver) : deliver_(std::move(deliver)) {
  prober_ = std::make_unique<probe::Prober>(loop_, clock_, std::move(options));
  thread_ = std::thread([this] { loop_.run(); });
}

Prober::~Prober() {
  loop_.stop();
  thread_.join();
}

void Prober::probe(std::vector<core::Probe> probes, bool for_another) {
  auto held = std::make_shared<std::vector<core::Probe>>(std::move(probes));
  loop_.post([this, held, for_another] {
    for (const core::Probe& one : *held) {
      prober_->probe(to_request(one, for_another),
                     [this, ticket = one.ticket](const probe::Result& result) {
                       finished(ticket, result);
                     });
    }
  });
}

Prober::Stats Prober::stats() const {
  return {concluded_unasked_, names_asked_, names_answered_};
}

void Prober::finished(uint64_t ticket, const probe::Result& result) {
  // What finishes in one turn of the loop is delivered as one.
  if (results_.empty()) loop_.post([this] { this->deliver(); });
  results_.push_back({ticket, to_core(result.outcome), result.elapsed_ms, result.text});
}

void Prober::deliver() {
  const probe::Prober::Stats stats = prober_->stats();
  concluded_unasked_ = stats.concluded_unasked;
  names_asked_ = stats.names.asked;
  names_answered_ = stats.names.answered;
  deliver_(std::exchange(results_, {}));
}

}  // namespace callbook::node
