// A node that may bear another's name: what it does, and does not do, before it knows better.

#include <gtest/gtest.h>

#include "core/cluster_script.h"

namespace callbook::core {
namespace {

TEST(ClusterName, WhileItListensItNeitherBeatsNorJudgesNorServes) {
  expect_transcript(ClusterScript(), R"(
> start A
> start B
> advance 3500
> A open s
> A attach s
> A register orders/o-1 session=s
  A: orders = o-1
  B: orders = o-1
> start T name=A asks
> advance 60000
> T register orders/o-2
  refused not_ready
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  T: joining instances=1 sessions=1 tombstones=0 owed=0
  T: 60 beats under its name
  digests agree
)");
}

TEST(ClusterName, WhileItAnnouncesItBeatsAndDoesNotServe) {
  expect_transcript(ClusterScript(), R"(
> start A asks
> advance 5000
> A announces
> start T name=A asks
> advance 3000
> show
  A: joining instances=0 sessions=0 tombstones=0 owed=0
  T: joining instances=0 sessions=0 tombstones=0 owed=0
  T: 3 beats under its name
  digests agree
)");
}

TEST(ClusterName, TheNameIsItsOwnSoItServesWhatItHasCaughtUpWith) {
  expect_transcript(ClusterScript(), R"(
> start A
> advance 3500
> A register orders/o-1
  A: orders = o-1
> start B asks
> advance 1500
> A register orders/o-2
  A: orders = o-1 o-2
> B announces
> advance 500
> B owns
  B: orders = o-1 o-2
> B register orders/o-3
  B: orders = o-1 o-2 o-3
  A: orders = o-1 o-2 o-3
> show
  A: serving instances=3 sessions=0 tombstones=0 owed=0
  B: serving instances=3 sessions=0 tombstones=0 owed=0
  digests agree
)");
}

TEST(ClusterName, AloneWithItsStoreItDoesNotServeStaleBeforeTheNameIsItsOwn) {
  expect_transcript(ClusterScript(), R"(
> start A
> advance 3500
> A register orders/o-1
  A: orders = o-1
> kill A
> start A asks
> cut A
> advance 15000
> show
  A: joining instances=1 sessions=0 tombstones=0 owed=0
  digests agree
> A announces
> advance 500
> A owns
  A: orders = o-1
> show
  A: stale instances=1 sessions=0 tombstones=0 owed=0
  digests agree
)");
}

TEST(ClusterName, OneThatServesPaysNoHeedToTheQuestion) {
  ClusterScript script;
  script.run("> start A\n> advance 3500\n");
  Outputs out;
  const base::Now now{2'000'000, 1'700'002'000'000};
  ASSERT_EQ(script.node("A").phase(), Phase::kServing);
  EXPECT_TRUE(script.node("A").step(ClaimName{ClaimName::Stage::kListening}, now, out).ok());
  EXPECT_TRUE(script.node("A").step(AdvanceTime{}, now, out).ok());
  EXPECT_FALSE(out.beat.empty());
}

}  // namespace
}  // namespace callbook::core
