// What nodes know when they begin, come back, or find their bus made anew, as transcripts.

#include <gtest/gtest.h>

#include "core/cluster_script.h"

namespace callbook::core {
namespace {

class ClusterJoin : public testing::TestWithParam<Transcript> {};

TEST_P(ClusterJoin, GivesTheExpectedTranscript) {
  expect_transcript(ClusterScript(), GetParam().text);
}

const Transcript kTranscripts[] = {
    {"ABusMadeAnewIsAnsweredByAnnouncing", R"(
> start A
> start B
> advance 3500
> A open s
> A attach s
> A register orders/o-1 session=s
  A: orders = o-1
  B: orders = o-1
> B register stock/s-1
  B: stock = s-1
  A: stock = s-1
> recreate
> advance 3000
> start C
> advance 4000
  C: orders = o-1
  C: stock = s-1
> show
  A: serving instances=2 sessions=1 tombstones=0 owed=0
  B: serving instances=2 sessions=1 tombstones=0 owed=0
  C: serving instances=2 sessions=1 tombstones=0 owed=0
  digests agree
)"},
    {"ARestartedNodeComesBackWithItsOwnStateWhenAlone", R"(
> start A
> advance 3500
> A open s
> A register orders/o-1 session=s
  A: orders = o-1
> A register stock/s-1
  A: stock = s-1
> kill A
> recreate
> start A
> advance 3500
  A: orders = o-1
  A: stock = s-1
> show
  A: serving instances=2 sessions=1 tombstones=0 owed=0
  digests agree
)"},
    // Found by the simulator: each was once wrong.
    {"WordOfTheForgottenDoesNotTakeTheLiving", R"(
> start A
> start B
> advance 3500
> A open s
> A register orders/o-1 session=s meta=1
  A: orders = o-1(1)
  B: orders = o-1(1)
> cut A
> B resume s
> A register orders/o-1 session=s meta=2
  A: orders = o-1(2)
> advance 3000
> B refresh s
> advance 4000
  A: orders = [session_expired]
> B refresh s
> show
  A: serving instances=0 sessions=0 tombstones=1 owed=2
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  digests differ
> heal A
  A: orders = o-1(1)
> B refresh s
> advance 5000
> B refresh s
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  digests agree
)"},
    {"AnOverrideReachesTheOtherNodesAndOutlivesBothRestarts", R"(
> start A
> start B
> advance 3500
> A open s1
> A register orders/o-1 session=s1 meta=x
  A: orders = o-1(x)
  B: orders = o-1(x)
> B isolate orders/o-1
  B: orders = o-1[out_of_service](x)
  A: orders = o-1[out_of_service](x)
> kill A
> B weigh orders/o-1 weight=7
  B: orders = o-1[weight 7](x)
> start A
  A: orders = o-1[weight 7](x)
> advance 3500
> A register orders/o-1 session=s1 meta=y
  A: orders = o-1[weight 7](y)
  B: orders = o-1[weight 7](y)
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  digests agree
)"},
    {"ADrainGoesOnThroughARestartAndEndsWithoutTheNodeThatWasTold", R"(
> start A
> start B
> advance 3500
> A register orders/o-1 meta=x
  A: orders = o-1(x)
  B: orders = o-1(x)
> A register orders/o-2 meta=y
  A: orders = o-1(x) o-2(y)
  B: orders = o-1(x) o-2(y)
> A deregister orders/o-1 drain=9000
  A: orders = o-1[draining](x) o-2(y)
  B: orders = o-1[draining](x) o-2(y)
> A deregister orders/o-2 drain=20000
  A: orders = o-1[draining](x) o-2[draining](y)
  B: orders = o-1[draining](x) o-2[draining](y)
> kill A
> start A
  A: orders = o-1[draining](x) o-2[draining](y)
> advance 9000
  A: orders = o-2[draining](y)
  B: orders = o-2[draining](y)
> kill A
> advance 15900
> advance 200
  B: orders = [drained]
)"},
    {"ThatASessionIsSupersededOutlivesARestart", R"(
> start A
> start B
> advance 3500
> A open s1
> A register orders/o-1 session=s1 meta=old
  A: orders = o-1(old)
  B: orders = o-1(old)
> A open s2
> A register orders/o-1 session=s2 meta=new
  A: orders = o-1(new)
  B: orders = o-1(new)
> kill A
> start A
  A: orders = o-1(new)
> advance 3500
> A refresh s1
  refused superseded
> A refresh s2
> show
  A: serving instances=1 sessions=2 tombstones=0 owed=0
  B: serving instances=1 sessions=2 tombstones=0 owed=0
  digests agree
)"},
    {"TheBusLearnsWhatItsAuthorOwedForTooLongAndOthersHold", R"(
> start A
> start B
> lines
> advance 3500
> cut A
> A register orders/o-1 meta=x
  A: orders = o-1(x)
> advance 44000000
  B: orders = o-1(x)
> heal A
> advance 100000
> kill A
> kill B
> start C
> advance 120000
  C: orders = o-1(x)
> show
  C: serving instances=1 sessions=0 tombstones=0 owed=0
  1 records were told directly
  digests agree
)"},
    {"ANodeThatStoodStillWhileItJoinedHearsTheOthersBeforeItServes", R"(
> start A
> start B
> advance 500
> pause B
> advance 10000
> A register orders/o-1
  A: orders = o-1
> wake B
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=0
  B: joining instances=0 sessions=0 tombstones=0 owed=0
  digests differ
> advance 100
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=0
  B: joining instances=0 sessions=0 tombstones=0 owed=0
  digests differ
> advance 5000
  B: orders = o-1
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=0
  B: serving instances=1 sessions=0 tombstones=0 owed=0
  digests agree
)"},
    // B's clock is ahead: to it the later session has been over for so long that it forgets it,
    // while A still tells of what that session had.
    {"ThatALaterOneIsOverIsNotWordOfWhatWasRemovedBeforeIt", R"(
> start A
> start B
> advance 3500
> A open s1
> A attach s1
> A register orders/o-1 session=s1
  A: orders = o-1
  B: orders = o-1
> kill B
> A deregister orders/o-1 session=s1
  A: orders = [deregistered]
> A open s2
> A register orders/o-1 session=s2
  A: orders = o-1
> A close s2
  A: orders = [session_closed]
> clock A 86340000
> clock B 86460000
> recreate
> advance 1000
> start B
> advance 1000
  B: forgotten
> show
  A: serving instances=0 sessions=1 tombstones=1 owed=0
  B: serving instances=0 sessions=1 tombstones=0 owed=1
  digests differ
> advance 150000
  A: forgotten
> show
  A: serving instances=0 sessions=1 tombstones=0 owed=0
  B: serving instances=0 sessions=1 tombstones=0 owed=0
  digests agree
)"},
};

INSTANTIATE_TEST_SUITE_P(Rules, ClusterJoin, testing::ValuesIn(kTranscripts), name_of_case);

/// A node that joins reads on to where the bus was when it began; meanwhile the bus loses its end,
/// and nobody else is there to publish anything more.
TEST(JoiningNode, DoesNotWaitForWhatTheBusHasLost) {
  RegistryOptions options;
  options.node = "A";
  options.clustered = true;
  options.boot = 1;
  Registry registry(options);
  base::Now now{1'000'000, 1'700'000'000'000};
  const auto step = [&](const Input& input) {
    Outputs out;
    EXPECT_TRUE(registry.step(input, now, out).ok());
    return out.fetches.size();
  };
  const auto heads = [](uint64_t version) {
    ReportBus report;
    report.heads = {StreamPosition{1, version}, StreamPosition{1, 0}};
    return report;
  };
  step(FinishLoading{0});
  step(heads(10));
  size_t fetches = 0;
  for (int i = 0; i < 50 && fetches == 0; ++i) {
    now.mono_ms += 100;
    fetches = step(AdvanceTime{});
  }
  ASSERT_GT(fetches, 0u);
  step(heads(5));
  step(ApplyBatch{Stream::kTied, 1, 0, 5, {}});
  EXPECT_EQ(registry.phase(), Phase::kServing);
}

}  // namespace
}  // namespace callbook::core
