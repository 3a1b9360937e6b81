#pragma once

#include <array>
#include <cstdint>

#include "core/limits.h"
#include "sim/observer.h"

namespace callbook::sim {

/// Where all nodes of a simulation are.
inline constexpr const char* kDatacenter = "dc1";

/// The longest that a lapse rule lets silence be, unless it is for ever.
inline constexpr int64_t kLongestLapseMs = 40'000;

/// Nobody carries out probes: who lapses is removed at once.
inline core::Timing unprobed() {
  core::Timing timing;
  timing.probe_rounds = 0;
  return timing;
}

/// What one seed decides before anything runs.
struct Settings {
  uint64_t seed = 0;
  uint32_t nodes = 3;             ///< 1 to 5; 1 is a registry that stands alone, without a bus
  int64_t duration_ms = 600'000;  ///< with faults and load; the quiet end comes after it
  int64_t quiet_ms = 120'000;     ///< after faults end: within it everything must have converged
  core::Limits limits;
  core::Timing timing = unprobed();  ///< days are scaled down to minutes in some seeds

  uint32_t services = 5;
  uint32_t providers = 30;
  uint32_t max_instances_per_provider = 4;
  uint32_t consumers = 10;
  int64_t operation_every_ms = 250;  ///< on average, over all providers
  bool client_tokens = true;  ///< clients bring along the last stamp and epoch they were told

  std::array<bool, static_cast<size_t>(Fault::kCount)> faults{};  ///< which may happen
  int64_t fault_every_ms = 10'000;                                ///< on average

  // Where probes are carried out (timing.probe_rounds above 0).
  double probes_untested = 0;     ///< share of probes that their node can't carry out
  bool addresses_reused = false;  ///< processes may come back under other ids where they were
  /// Processes speak, have ids, and don't all insist on an id that another holds. Not in the first
  /// thousand seeds, which are run for every change, until those kinds of failure are mended that
  /// the others find (docs/simulation.md).
  bool new_processes = false;
  /// Ids are claimed by mistake, without a session, from processes that live.
  bool stray_claims = false;
  bool claims_astray() const { return new_processes && stray_claims; }
  bool client_reports = false;     ///< consumers report whom they can't reach
  bool breakers_released = false;  ///< operators release breakers now and then

  bool exclusions = false;  ///< operators drain and deregister instances, and restore them
  /// Three of four processes say in each session which they are, where not all do (new_processes).
  bool process_ids = false;
  /// Whether this process, by its number, does.
  bool names_process(uint32_t process) const {
    return new_processes || (process_ids && process % 4 != 0);
  }

  /// What only seeds above 1,000 may draw, each by itself.
  bool later_rules = false;
  bool statuses = false;      ///< providers say how their instances are
  bool lapses = false;        ///< a few instances, in small services, have lapse rules of their own
  bool lapsing_mass = false;  ///< and those of a larger service, where breakers hold; in late seeds

  /// Some processes of the first half are of the former release, whose beats do not say which
  /// features of records they read.
  bool former_releases = false;

  bool probes() const { return timing.probe_rounds > 0; }
  /// Whether a seed lasts long enough for answers without a word to count as silence.
  bool doubts_answers() const { return timing.unattended_ms < duration_ms; }
};

/// Draws the settings of a seed. About half of the seeds probe those that are not heard of; in the
/// others a lapse is a removal, which is quicker and so shows more of what goes on between nodes.
Settings settings_of(uint64_t seed);
/// The same without what has to do with probes.
Settings settings_without_probes(uint64_t seed);

}  // namespace callbook::sim
