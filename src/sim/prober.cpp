#include "sim/prober.h"

#include "sim/client_end.h"

namespace callbook::sim {
namespace {

/// A timer that comes later than this is one of a process that stood still.
constexpr int64_t kLateMs = 200;

}  // namespace

Prober::Prober(Process& process, Surroundings& around, uint64_t boot, Random random)
    : process_(process), around_(around), random_(random), last_(boot) {}

void Prober::begin(const core::Probe& wanted) {
  const uint64_t probe = ++last_;
  tickets_.emplace(probe, wanted.ticket);
  const double untested = around_.settings.probes_untested;
  if (untested > 0 && random_.chance(untested)) {
    process_.later(random_.between(0, 2),
                   [this, probe] { settle(probe, core::ProbeResult::Outcome::kUntested); });
    return;
  }
  const int64_t due_ms = around_.scheduler.now_ms() + wanted.timeout_ms;
  process_.later(wanted.timeout_ms, [this, probe, due_ms] {
    using Outcome = core::ProbeResult::Outcome;
    const bool late = around_.scheduler.now_ms() > due_ms + kLateMs;
    settle(probe, late ? Outcome::kUntested : Outcome::kSilent);
  });
  around_.clients->probe(process_.index(), probe, wanted.address, wanted.port);
}

void Prober::answered(uint64_t probe, bool listens) {
  using Outcome = core::ProbeResult::Outcome;
  settle(probe, listens ? Outcome::kAnswered : Outcome::kRefused);
}

void Prober::settle(uint64_t probe, core::ProbeResult::Outcome outcome) {
  const auto found = tickets_.find(probe);
  if (found == tickets_.end()) return;
  const uint64_t ticket = found->second;
  tickets_.erase(found);
  process_.receive(core::ProbeResult{ticket, outcome}, nullptr);
}

}  // namespace callbook::sim
