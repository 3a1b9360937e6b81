#include "node/prober.h"

#include <utility>

namespace callbook::node {
namespace {

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

/// The path of an HTTP check; none: a connection is enough.
std::optional<std::string> http_path_of(const core::Probe& probe) {
  if (probe.rule == nullptr || probe.rule->kind != core::CheckRule::Kind::kHttp)
    return std::nullopt;
  return probe.rule->path;
}

}  // namespace

Prober::Prober(net::ProbeLimits limits, Deliver deliver) : deliver_(std::move(deliver)) {
  prober_ = std::make_unique<net::Prober>(loop_, limits);
  thread_ = std::thread([this] { loop_.run(); });
}

Prober::~Prober() {
  loop_.stop();
  thread_.join();
}

void Prober::probe(std::vector<core::Probe> probes) {
  auto held = std::make_shared<std::vector<core::Probe>>(std::move(probes));
  loop_.post([this, held] {
    for (core::Probe& one : *held) {
      prober_->probe(
          {std::move(one.address), one.port, one.timeout_ms, http_path_of(one)},
          [this, ticket = one.ticket](net::ProbeOutcome outcome) { finished(ticket, outcome); });
    }
  });
}

void Prober::finished(uint64_t ticket, net::ProbeOutcome outcome) {
  // What finishes in one turn of the loop is delivered as one.
  if (results_.empty()) {
    loop_.post([this] { deliver_(std::exchange(results_, {})); });
  }
  results_.push_back({ticket, to_core(outcome)});
}

}  // namespace callbook::node
