#include "core/feature_readers.h"

#include <gtest/gtest.h>

#include "core/registry.h"

namespace callbook::core {
namespace {

constexpr int64_t kAbsentMs = 100'000;
constexpr int64_t kGapMs = 5'000;
constexpr RecordFeatures kAll = kReadFeatures;

/// One node's table, and a clock that calls it as a node does.
struct Node {
  FeatureReaders readers{kAbsentMs, kGapMs};
  int64_t now_ms = 1'000'000;

  void hear(NodeId node, RecordFeatures reads, RecordFeatures all_read = 0) {
    readers.hear(node, reads, all_read, now_ms);
  }
  void listen_for(int64_t ms) {
    for (const int64_t end_ms = now_ms + ms; now_ms < end_ms; now_ms += 1'000) {
      readers.listen(now_ms);
    }
    readers.listen(now_ms);
  }
  RecordFeatures all() const { return readers.read_by_all(now_ms); }
};

TEST(FeatureReaders, ANodeAloneWaitsAsLongAsAnotherMayBeAway) {
  Node node;
  EXPECT_EQ(node.all(), 0u);
  node.listen_for(kAbsentMs);
  EXPECT_EQ(node.all(), 0u);
  node.listen_for(1'000);
  EXPECT_EQ(node.all(), kAll);
}

TEST(FeatureReaders, ANodeThatDoesNotSayReadsNone) {
  Node node;
  node.hear(2, 0);
  node.listen_for(1'000);
  node.hear(3, kAll, kAll);
  node.listen_for(kAbsentMs - 1'000);
  EXPECT_EQ(node.all(), 0u);
  node.listen_for(1'000);  // 2 has been silent for too long to be waited for
  EXPECT_EQ(node.all(), kAll);
  node.hear(2, 0);
  EXPECT_EQ(node.all(), 0u);
  node.hear(2, kAll);  // it has been upgraded
  EXPECT_EQ(node.all(), kAll);
}

TEST(FeatureReaders, ThatItLacksOneFeatureSaysNothingOfTheOthers) {
  Node node;
  node.listen_for(kAbsentMs + 1'000);
  node.hear(2, ~bit_of(RecordFeature::kLaterCauses));
  EXPECT_EQ(node.all(), kAll & ~bit_of(RecordFeature::kLaterCauses));
}

TEST(FeatureReaders, AfterARestartTheWordOfOneThatHasListenedIsEnough) {
  Node node;
  node.listen_for(1'000);
  node.hear(2, kAll, kAll);
  EXPECT_EQ(node.all(), 0u);  // others may not have had the time to speak
  node.listen_for(kGapMs);
  EXPECT_EQ(node.all(), kAll);
  node.hear(3, 0);
  EXPECT_EQ(node.all(), 0u);
}

TEST(FeatureReaders, ABreakInListeningIsAsARestart) {
  Node node;
  node.listen_for(kAbsentMs + 1'000);
  node.hear(2, kAll, kAll);
  EXPECT_EQ(node.all(), kAll);
  node.now_ms += kGapMs;
  EXPECT_EQ(node.all(), kAll);
  node.now_ms += 1;
  EXPECT_EQ(node.all(), 0u);
  node.listen_for(kGapMs + 1'000);
  EXPECT_EQ(node.all(), 0u);  // what 2 said before the break does not count
  node.hear(2, kAll, kAll);
  EXPECT_EQ(node.all(), kAll);
}

/// A registry of a cluster, stepped by hand.
struct Clustered {
  explicit Clustered(const std::string& name) {
    RegistryOptions options;
    options.node = name;
    options.clustered = true;
    options.timing.absent_node_ms = kAbsentMs;
    registry = std::make_unique<Registry>(options);
    step(FinishLoading{0});
    ReportBus heads;
    for (StreamPosition& head : heads.heads) head.generation = 1;
    step(heads);
  }
  void step(const Input& input) {
    Outputs out;
    EXPECT_TRUE(registry->step(input, now, out).ok());
    if (!out.beat.empty()) beat = out.beat;
  }
  void live_for(int64_t ms) {
    for (const int64_t end_ms = now.mono_ms + ms; now.mono_ms < end_ms;) {
      now.mono_ms += 100;
      now.wall_ms += 100;
      step(AdvanceTime{});
    }
  }
  bool reads() const { return registry->every_node_reads(RecordFeature::kLaterCauses, now); }

  std::unique_ptr<Registry> registry;
  base::Now now{1'000'000, 1'700'000'000'000};
  std::string beat;
};

TEST(FeatureReaders, BeatsCarryIt) {
  Clustered a("A");
  a.live_for(kAbsentMs + kGapMs);
  EXPECT_TRUE(a.reads());
  a.live_for(1'000);  // until the beat says so

  Clustered b("B");
  b.live_for(kGapMs + 1'000);
  EXPECT_FALSE(b.reads());
  b.step(HearBeat{a.beat});
  EXPECT_TRUE(b.reads());
  b.live_for(1'000);
  a.step(HearBeat{b.beat});
  EXPECT_TRUE(a.reads());

  NodeBeat former = *decode_beat(b.beat);
  former.node = "C";
  std::string bytes = encode_beat(former);
  bytes.resize(bytes.size() - 2 * sizeof(uint64_t));  // release 0.1 ends there
  a.step(HearBeat{bytes});
  EXPECT_FALSE(a.reads());
  a.live_for(1'000);
  EXPECT_EQ(decode_beat(a.beat)->all_read, 0u);
  EXPECT_EQ(decode_beat(a.beat)->reads, kReadFeatures);
}

TEST(FeatureReaders, ANodeOfNoClusterReadsWhatItWrites) {
  const Registry registry{RegistryOptions()};
  EXPECT_TRUE(registry.every_node_reads(RecordFeature::kLaterCauses, {5, 5}));
}

}  // namespace
}  // namespace callbook::core
