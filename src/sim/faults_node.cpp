// Faults of the nodes' machines: death, pauses, clocks, disks.

#include <algorithm>

#include <fmt/format.h>

#include "sim/faults.h"

namespace callbook::sim {
namespace {

constexpr int64_t kLeastPauseMs = 1'000;
constexpr int64_t kMostPauseMs = 30'000;
constexpr int64_t kClockStepShare = 24;  // an hour of a day
constexpr int64_t kSoonMs = 3'000;

}  // namespace

void Faults::begin_node_fault(Fault kind) {
  switch (kind) {
    case Fault::kProcessKilled:
    case Fault::kPowerLost:
      return kill_one(kind);
    case Fault::kPaused:
      return pause_one();
    case Fault::kClockStepped:
      return step_clock();
    case Fault::kRestartOfAll:
      return restart_all();
    default:
      return fail_disk(kind);
  }
}

void Faults::restart_later(RegistryNode& node, int64_t delay_ms) {
  remedies_.after(delay_ms, [&node] { node.start(); });
}

void Faults::cut_power(RegistryNode& node) {
  tell(Fault::kPowerLost, node.name());
  node.lose_power(random_.chance(0.3) ? store::MemoryFileSystem::Survival::kSynced
                                      : store::MemoryFileSystem::Survival::kRandom);
}

void Faults::kill_one(Fault kind) {
  RegistryNode* node = any_running_node();
  if (node == nullptr) return;
  if (kind == Fault::kPowerLost) {
    cut_power(*node);
  } else {
    tell(kind, node->name());
    node->kill();
  }
  restart_later(*node, random_.chance(0.6) ? random_.between(0, kSoonMs) : draw_outage_ms());
}

void Faults::restart_all() {
  tell(Fault::kRestartOfAll, "every node");
  const bool power =
      settings_.faults[static_cast<size_t>(Fault::kPowerLost)] && random_.chance(0.3);
  for (const auto& node : world_.nodes()) {
    if (power) {
      cut_power(*node);
    } else {
      node->kill();
    }
    restart_later(*node, random_.between(0, kSoonMs * 2));
  }
}

void Faults::pause_one() {
  RegistryNode* node = any_running_node();
  if (node == nullptr) return;
  const int64_t for_ms = random_.chance(0.5) ? random_.between(kLeastPauseMs, kMostPauseMs / 5)
                                             : random_.between(kLeastPauseMs, kMostPauseMs);
  tell(Fault::kPaused, fmt::format("{}: {} ms", node->name(), for_ms));
  node->pause(for_ms);
  remedies_.after(for_ms, [node] { node->go_on(); });
}

void Faults::step_clock() {
  RegistryNode& node = any_node();
  const int64_t most_ms = settings_.timing.record_age_ms / kClockStepShare;
  int64_t by_ms = random_.between(-most_ms, most_ms);
  if (random_.chance(0.3)) by_ms /= 60;
  tell(Fault::kClockStepped, fmt::format("{}: {} ms", node.name(), by_ms));
  node.step_clock(by_ms);
  remedies_.after(draw_outage_ms(), [&node, by_ms] { node.step_clock(-by_ms); });
}

void Faults::fail_disk(Fault kind) {
  RegistryNode& node = any_node();
  tell(kind, node.name());
  const int64_t for_ms = std::min<int64_t>(draw_outage_ms(), 60'000);
  if (kind == Fault::kDiskFull) {
    node.set_disk_full(true);
    remedies_.after(for_ms, [&node] { node.set_disk_full(false); });
  } else {
    node.set_syncs_fail(true);
    remedies_.after(for_ms, [&node] { node.set_syncs_fail(false); });
  }
}

}  // namespace callbook::sim
