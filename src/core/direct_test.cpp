// What nodes tell each other while the bus is away, as transcripts and step by step.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/cluster_script.h"

namespace callbook::core {
namespace {

void expect_transcript(const std::string& text) {
  ClusterScript script;
  EXPECT_EQ(script.run(text), text.substr(1));
}

TEST(Direct, AnOverrideReachesTheOthersThoughTheBusBeAway) {
  expect_transcript(R"(
> lines
> start A
> start B
> start C
> advance 3500
> A register orders/o-1
  A: orders = o-1
  B: orders = o-1
  C: orders = o-1
> cut A
> cut B
> cut C
> A isolate orders/o-1
  A: orders = o-1[out_of_service]
> advance 100
  B: orders = o-1[out_of_service]
  C: orders = o-1[out_of_service]
> B restore orders/o-1
  B: orders = o-1
> advance 100
  A: orders = o-1
  C: orders = o-1
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=1
  B: serving instances=1 sessions=0 tombstones=0 owed=1
  C: serving instances=1 sessions=0 tombstones=0 owed=0
  4 records were told directly
  digests agree
> heal A
> heal B
> heal C
> advance 5000
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=0
  B: serving instances=1 sessions=0 tombstones=0 owed=0
  C: serving instances=1 sessions=0 tombstones=0 owed=0
  4 records were told directly
  digests agree
)");
}

TEST(Direct, SessionsAndTheirInstancesComeAlong) {
  expect_transcript(R"(
> lines
> start A
> start B
> advance 3500
> cut A
> cut B
> A open s
> A attach s
> A register orders/o-1 session=s meta=x
  A: orders = o-1(x)
> advance 100
  B: orders = o-1(x)
> advance 10000
> A close s
  A: orders = [session_closed]
> advance 100
  B: orders = [session_closed]
> heal A
> heal B
> advance 5000
> show
  A: serving instances=0 sessions=0 tombstones=1 owed=0
  B: serving instances=0 sessions=0 tombstones=1 owed=0
  3 records were told directly
  digests agree
)");
}

TEST(Direct, OneThatIsCutOffAloneTellsThoseThatAreNot) {
  expect_transcript(R"(
> lines
> start A
> start B
> start C
> advance 3500
> cut A
> A register orders/o-1
  A: orders = o-1
> advance 100
  B: orders = o-1
  C: orders = o-1
> B register orders/o-2
  B: orders = o-1 o-2
  C: orders = o-1 o-2
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=1
  B: serving instances=2 sessions=0 tombstones=0 owed=0
  C: serving instances=2 sessions=0 tombstones=0 owed=0
  2 records were told directly
  digests differ
> heal A
  A: orders = o-1 o-2
> show
  A: serving instances=2 sessions=0 tombstones=0 owed=0
  B: serving instances=2 sessions=0 tombstones=0 owed=0
  C: serving instances=2 sessions=0 tombstones=0 owed=0
  2 records were told directly
  digests agree
)");
}

TEST(Direct, WhatFindsNoWayIsToldOnceThereIsOne) {
  expect_transcript(R"(
> lines
> start A
> start B
> advance 3500
> cut A
> cut B
> line B down
> A register orders/o-1
  A: orders = o-1
> advance 20000
> line B up
> advance 2000
  B: orders = o-1
> advance 20000
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=1
  B: serving instances=1 sessions=0 tombstones=0 owed=0
  1 records were told directly
  digests agree
)");
}

TEST(Direct, OneThatStartsAnewIsToldAnew) {
  expect_transcript(R"(
> lines
> start A
> start B
> advance 3500
> cut A
> cut B
> A register orders/o-1
  A: orders = o-1
> advance 100
  B: orders = o-1
> kill B
> start B
  B: orders = o-1
> advance 2000
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=1
  B: serving instances=1 sessions=0 tombstones=0 owed=0
  2 records were told directly
  digests agree
)");
}

/// A registry without the bus that hears one other node.
struct Lone {
  RegistryOptions options;
  std::unique_ptr<Registry> registry;
  base::Now now{1'000'000, 1'700'000'000'000};
  Outputs out;
  uint64_t boot_of_other = 7;

  Lone() {
    options.node = "A";
    options.clustered = true;
    registry = std::make_unique<Registry>(options);
    step(FinishLoading{});
    ReportBus heads;
    for (StreamPosition& head : heads.heads) head = {1, 0};
    step(heads);
    for (int i = 0; i < 40; ++i) tick(100);
    step(ReportBusLost{});
    hear();
  }
  void step(const Input& input) {
    out.clear();
    ASSERT_TRUE(registry->step(input, now, out).ok());
  }
  void tick(int64_t ms) {
    now.mono_ms += ms;
    now.wall_ms += ms;
    step(AdvanceTime{});
  }
  void hear() {
    NodeBeat beat;
    beat.node = "B";
    beat.boot = boot_of_other;
    beat.serving = true;
    beat.wall_ms = now.wall_ms;
    step(HearBeat{encode_beat(beat)});
  }
  void add(const std::string& id, size_t bytes = 10) {
    RegisterInstance input;
    input.key = {{kDefaultNamespace, "orders"}, id};
    input.registration.address = "10.0.0.1";
    input.registration.metadata = *Metadata::from({{"m", std::string(bytes, 'x')}});
    step(input);
  }
  void settle(SettleDirect::Outcome outcome, uint64_t through) {
    step(SettleDirect{node_id_of("B"), through, outcome});
  }
};

TEST(Direct, OneBatchAtATimeIsOnItsWayAndNothingIsToldTwice) {
  Lone one;
  one.add("o-1");
  one.tick(100);
  ASSERT_EQ(one.out.direct.size(), 1u);
  EXPECT_EQ(one.out.direct[0].to, node_id_of("B"));
  EXPECT_EQ(one.out.direct[0].records.size(), 1u);
  const uint64_t first = one.out.direct[0].through;
  one.add("o-2");
  one.tick(100);
  EXPECT_TRUE(one.out.direct.empty());
  one.settle(SettleDirect::Outcome::kTaken, first);
  one.tick(100);
  ASSERT_EQ(one.out.direct.size(), 1u);
  EXPECT_EQ(one.out.direct[0].records.size(), 1u);
  one.settle(SettleDirect::Outcome::kTaken, one.out.direct[0].through);
  for (int i = 0; i < 30; ++i) {
    one.hear();
    one.tick(100);
    EXPECT_TRUE(one.out.direct.empty());
  }
}

TEST(Direct, WhatFailedOrWasNotAnsweredIsToldAgain) {
  Lone one;
  one.add("o-1");
  one.tick(100);
  ASSERT_EQ(one.out.direct.size(), 1u);
  one.settle(SettleDirect::Outcome::kFailed, one.out.direct[0].through);
  one.tick(100);
  EXPECT_TRUE(one.out.direct.empty());
  one.hear();
  one.tick(1'000);
  ASSERT_EQ(one.out.direct.size(), 1u);
  for (int i = 0; i < 4; ++i) {
    one.hear();
    one.tick(1'000);
    EXPECT_TRUE(one.out.direct.empty()) << i;
  }
  one.hear();
  one.tick(1'000);
  EXPECT_EQ(one.out.direct.size(), 1u);
}

TEST(Direct, ANodeOfAnOlderReleaseIsLeftAloneUntilItStartsAnew) {
  Lone one;
  one.add("o-1");
  one.tick(100);
  ASSERT_EQ(one.out.direct.size(), 1u);
  one.settle(SettleDirect::Outcome::kUnknown, one.out.direct[0].through);
  for (int i = 0; i < 10; ++i) {
    one.hear();
    one.tick(1'000);
    EXPECT_TRUE(one.out.direct.empty());
  }
  one.boot_of_other = 8;
  one.hear();
  one.tick(100);
  EXPECT_EQ(one.out.direct.size(), 1u);
}

TEST(Direct, BatchesAreBoundedInRecordsAndBytes) {
  Lone many;
  for (int i = 0; i < 700; ++i) many.add("o-" + std::to_string(i));
  many.tick(100);
  ASSERT_EQ(many.out.direct.size(), 1u);
  EXPECT_EQ(many.out.direct[0].records.size(), 500u);
  many.settle(SettleDirect::Outcome::kTaken, many.out.direct[0].through);
  many.tick(100);
  ASSERT_EQ(many.out.direct.size(), 1u);
  EXPECT_EQ(many.out.direct[0].records.size(), 200u);
  Lone large;
  for (int i = 0; i < 400; ++i) large.add("o-" + std::to_string(i), 1'000);
  large.tick(100);
  ASSERT_EQ(large.out.direct.size(), 1u);
  EXPECT_LT(large.out.direct[0].records.byte_count(), 260u * 1024);
  EXPECT_GT(large.out.direct[0].records.size(), 200u);
}

TEST(Direct, OnTheBusNothingIsToldDirectly) {
  Lone one;
  ReportBus heads;
  for (StreamPosition& head : heads.heads) head = {1, 0};
  one.step(heads);
  one.add("o-1");
  one.tick(100);
  EXPECT_TRUE(one.out.direct.empty());
}

TEST(Direct, WhatIsOwedForTooLongIsLeftToTheBus) {
  Lone one;
  one.boot_of_other = 0;
  one.add("o-1");
  one.tick(100);
  one.tick(one.options.timing.rejoin_ms + 1'000);
  one.hear();
  one.tick(100);
  EXPECT_TRUE(one.out.direct.empty());
  // What has changed again since is news, though the bus has lacked the record for as long.
  one.add("o-1", 11);
  one.tick(100);
  EXPECT_EQ(one.out.direct.size(), 1u);
}

TEST(Direct, WhatAnotherNodeTellsIsStillOwedToTheBus) {
  Lone one;
  one.add("o-1");
  one.tick(100);
  ASSERT_EQ(one.out.direct.size(), 1u);
  const RecordBatch records = one.out.direct[0].records;
  const std::vector<BusMessage> messages{{0, records[0].key, records[0].value}};
  ASSERT_EQ(one.registry->owed_changes(), 1u);
  one.step(ApplyDirect{messages});
  EXPECT_EQ(one.registry->owed_changes(), 1u);
}

TEST(ReadStamp, TellsWhatOperatorsSayFromWhatIsRegistered) {
  Lone one;
  one.add("o-1");
  const InstanceKey key{{kDefaultNamespace, "orders"}, "o-1"};
  const auto stamp = [&](const InstanceKey& of, bool of_override) {
    const auto read = one.registry->step(ReadStamp{of, of_override}, one.now, one.out);
    return std::get<StampRead>(*read).stamp;
  };
  const Stamp registered = stamp(key, false);
  EXPECT_GT(registered, Stamp{});
  EXPECT_EQ(stamp(key, true), Stamp{});
  const auto said = one.registry->step(SetOverride{key, 7, false, "alice", ""}, one.now, one.out);
  EXPECT_EQ(stamp(key, true), std::get<OverrideChanged>(*said).stamp);
  EXPECT_EQ(stamp(key, false), registered);
  EXPECT_EQ(stamp({{kDefaultNamespace, "carts"}, "c-1"}, true), Stamp{});
}

}  // namespace
}  // namespace callbook::core
