#include "sim/settings.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

namespace callbook::sim {
namespace {

constexpr uint64_t kSeeds = 1'000;

TEST(Settings, EverySeedIsLongAndBusyEnough) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Settings settings = settings_of(seed);
    EXPECT_GE(settings.duration_ms, 600'000) << "seed " << seed;
    EXPECT_GE(settings.duration_ms / settings.operation_every_ms, 2'000) << "seed " << seed;
    EXPECT_GE(settings.nodes, 1u) << "seed " << seed;
    EXPECT_LE(settings.nodes, 5u) << "seed " << seed;
    EXPECT_EQ(settings.timing.record_age_ms, settings.timing.tombstone_ms) << "seed " << seed;
    EXPECT_GT(settings.quiet_ms,
              settings.timing.takeover_grace_ms + settings.timing.unknown_session_ms)
        << "seed " << seed;
  }
}

TEST(Settings, SeedsDiffer) {
  std::set<uint32_t> nodes;
  std::set<size_t> kinds;
  size_t scaled = 0;
  size_t probed = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Settings settings = settings_of(seed);
    nodes.insert(settings.nodes);
    kinds.insert(
        static_cast<size_t>(std::count(settings.faults.begin(), settings.faults.end(), true)));
    if (settings.timing.record_age_ms < 3'600'000) ++scaled;
    if (settings.probes()) ++probed;
  }
  EXPECT_EQ(nodes.size(), 5u);
  EXPECT_TRUE(kinds.contains(0));
  EXPECT_TRUE(kinds.contains(1));
  EXPECT_TRUE(kinds.contains(static_cast<size_t>(Fault::kCount)));
  EXPECT_GT(probed, kSeeds / 3);
  EXPECT_LT(probed, kSeeds * 2 / 3);
  EXPECT_GT(scaled, kSeeds / 3);
  EXPECT_LT(scaled, kSeeds * 2 / 3);
}

TEST(Settings, ANodeAloneHasNoFaultsOfABus) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Settings settings = settings_of(seed);
    if (settings.nodes > 1) continue;
    EXPECT_FALSE(settings.faults[static_cast<size_t>(Fault::kBusForked)]) << "seed " << seed;
    EXPECT_FALSE(settings.faults[static_cast<size_t>(Fault::kPartitionNodeNode)])
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace callbook::sim
