#include "sim/settings.h"

#include <algorithm>

#include "sim/random.h"

namespace callbook::sim {
namespace {

constexpr int64_t kLeastDurationMs = 600'000;
constexpr int64_t kLeastOperations = 2'200;  // a little more than asked for: they come by chance

/// So many seeds are run for every change, and stay as they are.
constexpr uint64_t kFirstSeeds = 1'000;
/// Those before, which have been run, draw no larger services with lapse rules.
constexpr uint64_t kLateSeeds = 10'000'000'000;

constexpr Fault kOfClusters[] = {
    Fault::kPartitionNodeBus, Fault::kPartitionNodeNode, Fault::kBusStalled, Fault::kBusDropped,
    Fault::kBusRepeated,      Fault::kBusTailLost,       Fault::kBusForked,  Fault::kBusRecreated,
    Fault::kBusCompacted,     Fault::kNewerNode,
};

uint32_t draw_nodes(Random& random) {
  const int64_t roll = random.between(1, 100);
  if (roll <= 5) return 1;
  if (roll <= 20) return 2;
  if (roll <= 78) return 3;
  if (roll <= 88) return 4;
  return 5;
}

/// A day in minutes, so that a seed sees records age out, be announced again, and nodes come back
/// after so long that they rejoin as new.
void scale_days_down(core::Timing& timing, Random& random) {
  timing.record_age_ms = 1000 * random.between(120, 240);
  timing.tombstone_ms = timing.record_age_ms;
  timing.announce_ms = timing.record_age_ms / 3;
  timing.rejoin_ms = timing.record_age_ms / 2;
  timing.mark_ms = random.between(1'000, 3'000);
  timing.unknown_session_ms = random.between(5'000, 10'000);
}

void draw_timing(core::Timing& timing, Random& random) {
  if (random.chance(0.5)) scale_days_down(timing, random);
  timing.lost_after_ms = random.between(3'000, 6'000);
  timing.takeover_grace_ms =
      random.chance(0.3) ? random.between(1'000, 5'000) : random.between(5'000, 30'000);
}

void draw_limits(core::Limits& limits, Random& random) {
  if (random.chance(0.15)) limits.max_outbox = static_cast<uint32_t>(random.between(10, 60));
  if (random.chance(0.3)) limits.max_publications = static_cast<uint32_t>(random.between(2, 50));
}

void draw_load(Settings& settings, Random& random) {
  settings.duration_ms = kLeastDurationMs;
  if (random.chance(0.1)) settings.duration_ms += 1000 * random.between(0, 300);
  settings.services = static_cast<uint32_t>(random.between(1, 10));
  settings.providers = static_cast<uint32_t>(random.between(5, 40));
  settings.max_instances_per_provider = static_cast<uint32_t>(random.between(1, 6));
  settings.consumers = static_cast<uint32_t>(random.between(2, 15));
  const int64_t slowest_ms = settings.duration_ms / kLeastOperations;
  settings.operation_every_ms = random.between(slowest_ms / 2, slowest_ms);
  settings.client_tokens = !random.chance(0.05);
}

bool can_happen(const Settings& settings, Fault fault) {
  if (settings.nodes > 1) return true;
  return std::find(std::begin(kOfClusters), std::end(kOfClusters), fault) == std::end(kOfClusters);
}

Fault draw_fault(const Settings& settings, Random& random) {
  for (;;) {
    const auto fault = static_cast<Fault>(random.index(static_cast<size_t>(kFirstOfLiveness)));
    if (can_happen(settings, fault)) return fault;
  }
}

void draw_faults(Settings& settings, Random& random) {
  const int64_t roll = random.between(1, 100);
  if (roll <= 5) return;  // none: what goes wrong then is no fault's doing
  const bool often = random.chance(0.3);
  settings.fault_every_ms = often ? random.between(2'000, 6'000) : random.between(6'000, 30'000);
  if (roll <= 25) {  // one kind alone
    settings.faults[static_cast<size_t>(draw_fault(settings, random))] = true;
    return;
  }
  const double share = roll <= 40 ? 1.0 : random.chance(0.5) ? 0.25 : 0.6;
  for (size_t i = 0; i < static_cast<size_t>(kFirstOfLiveness); ++i) {
    settings.faults[i] = random.chance(share) && can_happen(settings, static_cast<Fault>(i));
  }
  settings.faults[static_cast<size_t>(draw_fault(settings, random))] = true;
}

/// An hour in minutes: breakers hold, and services are remembered as large, for as long as a seed
/// can see. Where few sessions are enough for it, nodes come to doubt themselves.
void scale_hours_down(core::Timing& timing, Random& random) {
  timing.breaker.hold_ms = 1000 * random.between(60, 200);
  timing.breaker_period_ms = 1000 * random.between(60, 180);
}

void draw_liveness(Settings& settings, Random& random) {
  if (!random.chance(0.5)) return;
  core::Timing& timing = settings.timing;
  timing.probe_rounds = core::Timing().probe_rounds;
  if (random.chance(0.5)) scale_hours_down(timing, random);
  if (random.chance(0.7)) {
    timing.doubt.least_sessions = static_cast<uint32_t>(random.between(3, 6));
    timing.doubt.longest_ms = 1000 * random.between(30, 120);
  }
  if (random.chance(0.25)) {
    settings.probes_untested = static_cast<double>(random.between(2, 40)) / 100;
  }
  settings.addresses_reused = random.chance(0.25);
  settings.client_reports = random.chance(0.6);
  settings.breakers_released = random.chance(0.3);
  const bool without_faults =
      std::none_of(settings.faults.begin(), settings.faults.end(), [](bool may) { return may; });
  // In some seeds nothing else goes wrong, so that what is due in time can be demanded.
  const bool alone = random.chance(0.3);
  const bool all = random.chance(0.3);
  if (alone) settings.faults = {};
  if (without_faults) return;
  for (auto i = static_cast<size_t>(kFirstOfLiveness); i < settings.faults.size(); ++i) {
    settings.faults[i] = all || random.chance(0.5);
  }
  if (alone) settings.fault_every_ms = random.between(8'000, 30'000);
}

/// What operators take out. A stream of its own, as each of the next: seeds without it are as they
/// were before there was such a thing.
void draw_exclusions(Settings& settings, Random random) {
  settings.exclusions = random.chance(0.2);
  if (!settings.exclusions) return;
  settings.process_ids = random.chance(0.7);
  if (random.chance(0.5)) settings.timing.exclusion_ms = 1000 * random.between(30, 120);
}

/// Ids that are claimed by mistake: of seeds with new processes, the others don't know that an id
/// can be refused.
void draw_claims(Settings& settings, Random random) {
  settings.stray_claims = random.chance(0.1);
}

/// Hours in minutes: short enough to pass while all is quiet at the end.
void draw_releases(Settings& settings, Random& random) {
  settings.former_releases = settings.nodes > 1 && random.chance(0.2);
  if (settings.former_releases) settings.timing.absent_node_ms = 1000 * random.between(20, 80);
}

void draw_later_rules(Settings& settings, const Random& random) {
  settings.statuses = random.child(1).chance(0.25);
  settings.lapses = random.child(2).chance(0.25);
  settings.lapsing_mass =
      settings.lapses && settings.seed > kLateSeeds && random.child(5).chance(0.5);
  Random unattended = random.child(3);
  // An hour, less than the longest time that a process is stopped.
  if (settings.probes() && unattended.chance(0.3))
    settings.timing.unattended_ms = 1000 * unattended.between(5, 25);
}

/// The longest chain of waits after which everybody must agree: a node is found lost, its sessions'
/// grace ends, their leases run out at the new home, and records wait for word of a session.
int64_t quiet_ms_for(const core::Timing& timing) {
  const int64_t waits_ms = timing.lost_after_ms + timing.takeover_grace_ms +
                           timing.unknown_session_ms + timing.join_timeout_ms +
                           timing.snapshot_timeout_ms +
                           (timing.probe_rounds > 0 ? timing.silent_removal_ms : 0);
  return std::max<int64_t>(120'000, waits_ms + 30'000);
}

}  // namespace

Settings settings_without_probes(uint64_t seed) {
  Settings settings;
  settings.seed = seed;
  settings.new_processes = seed > kFirstSeeds;
  const Random root(seed);
  // A child for each aspect: a change of how one is drawn leaves the others as they were.
  Random nodes = root.child(1);
  Random timing = root.child(2);
  Random limits = root.child(3);
  Random load = root.child(4);
  Random faults = root.child(5);
  settings.nodes = draw_nodes(nodes);
  draw_timing(settings.timing, timing);
  draw_limits(settings.limits, limits);
  draw_load(settings, load);
  draw_faults(settings, faults);
  settings.quiet_ms = quiet_ms_for(settings.timing);
  return settings;
}

Settings settings_of(uint64_t seed) {
  Settings settings = settings_without_probes(seed);
  Random liveness = Random(seed).child(6);
  draw_liveness(settings, liveness);
  Random releases = Random(seed).child(7);
  draw_releases(settings, releases);
  draw_exclusions(settings, Random(seed).child(8));
  draw_claims(settings, Random(seed).child(10));
  settings.later_rules = seed > kFirstSeeds;
  if (settings.later_rules) draw_later_rules(settings, Random(seed).child(9));
  settings.quiet_ms = quiet_ms_for(settings.timing);
  if (settings.lapses) settings.quiet_ms += kLongestLapseMs;
  return settings;
}

}  // namespace callbook::sim
