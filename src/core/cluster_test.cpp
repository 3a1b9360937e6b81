// The rules between nodes as transcripts: what each node's list becomes, step by step.

#include <gtest/gtest.h>

#include "core/cluster_script.h"

namespace callbook::core {
namespace {

class Cluster : public testing::TestWithParam<Transcript> {};

TEST_P(Cluster, GivesTheExpectedTranscript) {
  expect_transcript(ClusterScript(), GetParam().text);
}

const Transcript kTranscripts[] = {
    {"ARegistrationReachesEveryNode", R"(
> start A
> start B
> advance 3500
> A open s
> A register orders/o-1 session=s
  A: orders = o-1
  B: orders = o-1
> B deregister orders/o-1
  B: orders = [deregistered]
  A: orders = [deregistered]
> show
  A: serving instances=0 sessions=1 tombstones=1 owed=0
  B: serving instances=0 sessions=1 tombstones=1 owed=0
  digests agree
)"},
    {"DeregisteringWinsThoughItsClockIsAnHourBehind", R"(
> start A
> start B
> clock B -3600000
> advance 3500
> A open s
> A register orders/o-1 session=s
  A: orders = o-1
  B: orders = o-1
> B deregister orders/o-1
  B: orders = [deregistered]
  A: orders = [deregistered]
> show
  A: serving instances=0 sessions=1 tombstones=1 owed=0
  B: serving instances=0 sessions=1 tombstones=1 owed=0
  digests agree
)"},
    {"ASessionMovesWithoutAFlap", R"(
> start A
> start B
> advance 3500
> A open s
> A attach s
> A register orders/o-1 session=s
  A: orders = o-1
  B: orders = o-1
> B resume s
> advance 3000
> B refresh s
> advance 4000
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  digests agree
> advance 2500
  B: orders = [session_expired]
  A: orders = [session_expired]
> show
  A: serving instances=0 sessions=0 tombstones=1 owed=0
  B: serving instances=0 sessions=0 tombstones=1 owed=0
  digests agree
)"},
    {"WhoIsCutOffGoesOnAndOwes", R"(
> start A
> start B
> advance 3500
> A open s
> A register orders/o-1 session=s meta=1
  A: orders = o-1(1)
  B: orders = o-1(1)
> cut A
> A register orders/o-1 session=s meta=2
  A: orders = o-1(2)
> A register orders/o-2 session=s
  A: orders = o-1(2) o-2
> show
  A: serving instances=2 sessions=1 tombstones=0 owed=2
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  digests differ
> heal A
  B: orders = o-1(2)
  B: orders = o-1(2) o-2
> show
  A: serving instances=2 sessions=1 tombstones=0 owed=0
  B: serving instances=2 sessions=1 tombstones=0 owed=0
  digests agree
)"},
    {"TheLaterOpenedOfTwoSessionsKeepsTheId", R"(
> start A
> start B
> advance 3500
> A open s1
> A register orders/o-1 session=s1 meta=old
  A: orders = o-1(old)
  B: orders = o-1(old)
> cut A
> B open s2
> B register orders/o-1 session=s2 meta=new
  B: orders = o-1(new)
> clock A 60000
> A register orders/o-1 session=s1 meta=again
  A: orders = o-1(again)
> heal A
  A: orders = o-1(new)
> A refresh s1
  refused superseded
> B refresh s2
> show
  A: serving instances=1 sessions=2 tombstones=0 owed=0
  B: serving instances=1 sessions=2 tombstones=0 owed=0
  digests agree
)"},
    {"AProcessWhoseIdALaterOneTookAndLeftIsToldToStop", R"(
> start A
> start B
> advance 3500
> A open s1
> A register orders/o-1 session=s1 meta=old
  A: orders = o-1(old)
  B: orders = o-1(old)
> cut A
> B open s2
> B register orders/o-1 session=s2 meta=new
  B: orders = o-1(new)
> B close s2
  B: orders = [session_closed]
> recreate
> heal A
> advance 1000
  A: orders = [session_closed]
> A refresh s1
  refused superseded
> show
  A: serving instances=0 sessions=1 tombstones=1 owed=0
  B: serving instances=0 sessions=1 tombstones=1 owed=0
  digests agree
)"},
    {"WhatAnOperatorDrainsIsNotTheLaterProcessWhoseSessionIsHeardOfAfterIt", R"(
> start A
> start B
> start C
> advance 3500
> A open s1 process=one
> A register orders/o-1 session=s1 meta=old
  A: orders = o-1(old)
  B: orders = o-1(old)
  C: orders = o-1(old)
> cut B
> A open s2 process=two
> A register orders/o-1 session=s2 meta=new
  A: orders = o-1(new)
  C: orders = o-1(new)
> C resume s2 epoch=1
> recreate
> B deregister orders/o-1 drain=3000 by=alice
  B: orders = o-1[draining](old)
> heal B
  A: orders = o-1(new)
  C: orders = o-1(new)
> advance 4000
  B: orders = o-1[draining](new)
  B: orders = o-1(new)
> show
  A: serving instances=1 sessions=2 tombstones=0 owed=0
  B: serving instances=1 sessions=2 tombstones=0 owed=0
  C: serving instances=1 sessions=2 tombstones=0 owed=0
  digests agree
)"},
    {"ThatAnExclusionIsOverDoesNotEndWhatAnOperatorSaidElsewhereSince", R"(
> start A
> start B
> advance 3500
> A register orders/o-1 ttl=5000
  A: orders = o-1
  B: orders = o-1
> cut A
> A deregister orders/o-1 by=alice
  A: orders = [deregistered]
> advance 300000
  B: orders = [home_lost]
> B deregister orders/o-1 by=bob
> advance 310000
> heal A
> B register orders/o-1 ttl=5000
> show
  A: serving instances=0 sessions=0 tombstones=0 owed=0
  B: serving instances=0 sessions=0 tombstones=0 owed=0
  digests agree
)"},
    {"ANodeThatWasApartVouchesOnlyForWhatWasRegisteredSinceItsClientCameBack", R"(
> start A
> start B
> advance 3500
> A open s
> A register orders/o-1 session=s
  A: orders = o-1
  B: orders = o-1
> A register orders/o-2 session=s
  A: orders = o-1 o-2
  B: orders = o-1 o-2
> cut A
> B resume s epoch=1
> B deregister orders/o-2
  B: orders = o-1
> A resume s epoch=2
> A register orders/o-1 session=s
> A attach s epoch=3
> clock A 172800000
> clock B 172800000
> advance 1000
> recreate
> heal A
> advance 61000
  A: orders = o-1
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  digests agree
)"},
    {"AHomeRefutesWhatItKnowsToBeWrong", R"(
> start A
> start B
> start C
> advance 3500
> A open s
> A attach s
> A register orders/o-1 session=s
  A: orders = o-1
  B: orders = o-1
  C: orders = o-1
> cut A
> advance 35500
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  C: serving instances=1 sessions=1 tombstones=0 owed=0
  digests differ
> advance 3000
> heal A
> advance 2000
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  C: serving instances=1 sessions=1 tombstones=0 owed=0
  digests agree
)"},
    {"AnEndedSessionIsRefutedByItsHomeWithBodies", R"(
> start A
> start B
> start C
> advance 3500
> A open s
> A attach s
> A register orders/o-1 session=s
  A: orders = o-1
  B: orders = o-1
  C: orders = o-1
> cut A
> advance 43000
  B: orders = [home_lost]
  C: orders = [home_lost]
> heal A
  B: orders = o-1
  C: orders = o-1
> advance 2000
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  C: serving instances=1 sessions=1 tombstones=0 owed=0
  digests agree
)"},
    {"ALostNodesSessionsAreTakenOverAndEnd", R"(
> start A
> start B
> advance 3500
> A open s
> A register orders/o-1 session=s
  A: orders = o-1
  B: orders = o-1
> kill A
> advance 35000
> advance 7000
  B: orders = [home_lost]
> show
  B: serving instances=0 sessions=0 tombstones=1 owed=0
  digests agree
)"},
    {"WhoeverBelievedInAWrongEndIsToldTheBodies", R"(
> start A
> start B
> advance 3500
> A open s
> A register orders/o-1 session=s meta=1
  A: orders = o-1(1)
  B: orders = o-1(1)
> cut A
> B resume s
> advance 3000
> B refresh s
> advance 4000
  A: orders = [session_expired]
> B refresh s
> heal A
  A: orders = o-1(1)
> advance 1000
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  digests agree
)"},
    {"ALaterProcessThatTookAndLeftStopsTheEarlier", R"(
> start A
> start B
> advance 3500
> A open s1
> A register orders/o-1 session=s1 meta=old
  A: orders = o-1(old)
  B: orders = o-1(old)
> cut A
> B open s2
> B register orders/o-1 session=s2 meta=new
  B: orders = o-1(new)
> B deregister orders/o-1 session=s2
  B: orders = [deregistered]
> A refresh s1
> heal A
  A: orders = [deregistered]
> A refresh s1
  refused superseded
> show
  A: serving instances=0 sessions=2 tombstones=1 owed=0
  B: serving instances=0 sessions=2 tombstones=1 owed=0
  digests agree
)"},
    {"ARemovalIsJudgedByItsSessionThoughTheBusTellsOfThatLater", R"(
> start A
> start B
> start C
> advance 3500
> A open s1
> A register orders/o-1 session=s1 meta=old
  A: orders = o-1(old)
  B: orders = o-1(old)
  C: orders = o-1(old)
> cut A
> B open s2
> B register orders/o-1 session=s2 meta=new
  B: orders = o-1(new)
  C: orders = o-1(new)
> B deregister orders/o-1 session=s2
  B: orders = [deregistered]
  C: orders = [deregistered]
> C resume s2
> A refresh s1
> heal A
  A: orders = [deregistered]
> A refresh s1
  refused superseded
> show
  A: serving instances=0 sessions=2 tombstones=1 owed=0
  B: serving instances=0 sessions=2 tombstones=1 owed=0
  C: serving instances=0 sessions=2 tombstones=1 owed=0
  digests agree
)"},
    {"TheNodeThatAcceptedItStopsTheEarlierProcessTheHomeOfWhichHeardOfTheLaterFirst", R"(
> start A
> start B
> advance 3500
> A open s1
> cut B
> B register orders/o-1 session=s1 meta=old
  B: orders = o-1(old)
> advance 100
> A open s2
> A register orders/o-1 session=s2 meta=new
  A: orders = o-1(new)
> heal B
  B: orders = o-1(new)
> advance 5000
> A refresh s1
  refused superseded
> show
  A: serving instances=1 sessions=2 tombstones=0 owed=0
  B: serving instances=1 sessions=2 tombstones=0 owed=0
  digests agree
)"},
    {"WhatWasRemovedAndTakenByAnotherSinceIsNotKeptForItsLivingHolder", R"(
> start A
> start B
> advance 3500
> A open s1
> A register orders/o-1 session=s1 meta=old
  A: orders = o-1(old)
  B: orders = o-1(old)
> cut B
> A deregister orders/o-1 session=s1
  A: orders = [deregistered]
> A open s2
> A register orders/o-1 session=s2 meta=new
  A: orders = o-1(new)
> A close s2
  A: orders = [session_closed]
> recreate
> A refresh s1
> heal B
> advance 3000
  B: orders = [session_closed]
> A refresh s1
> advance 3000
> A refresh s1
> show
  A: serving instances=0 sessions=1 tombstones=1 owed=0
  B: serving instances=0 sessions=1 tombstones=1 owed=0
  digests agree
)"},
    {"ALateRemovalTakesNothingFromASuccessor", R"(
> start A
> start B
> advance 3500
> A open s1
> A register orders/o-1 session=s1 meta=old
  A: orders = o-1(old)
  B: orders = o-1(old)
> B open s2
> B register orders/o-1 session=s2 meta=new
  B: orders = o-1(new)
  A: orders = o-1(new)
> A deregister orders/o-1 session=s1
  refused conflict
> show
  A: serving instances=1 sessions=2 tombstones=0 owed=0
  B: serving instances=1 sessions=2 tombstones=0 owed=0
  digests agree
)"},
    {"TheLaterOverrideWinsWhicheverArrivesLast", R"(
> start A
> start B
> advance 3500
> A register orders/o-1 meta=x
  A: orders = o-1(x)
  B: orders = o-1(x)
> cut A
> A isolate orders/o-1
  A: orders = o-1[out_of_service](x)
> advance 1000
> B weigh orders/o-1 weight=7
  B: orders = o-1[weight 7](x)
> heal A
  A: orders = o-1[weight 7](x)
> A restore orders/o-1
  A: orders = o-1(x)
  B: orders = o-1(x)
> recreate
> advance 5000
> start C
> advance 3500
  C: orders = o-1(x)
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=0
  B: serving instances=1 sessions=0 tombstones=0 owed=0
  C: serving instances=1 sessions=0 tombstones=0 owed=0
  digests agree
)"},
    {"WhoAsksForAnothersRemovalAgainMakesNoNewOne", R"(
> start A
> start B
> advance 3500
> A open s1
> A open s2
> A register orders/o-1 session=s1 meta=x
  A: orders = o-1(x)
  B: orders = o-1(x)
> cut A
> A deregister orders/o-1 session=s1
  A: orders = [deregistered]
> A deregister orders/o-1 session=s1
> A deregister orders/o-1 session=s2
  refused not_found
> heal A
  B: orders = [deregistered]
> show
  A: serving instances=0 sessions=2 tombstones=1 owed=0
  B: serving instances=0 sessions=2 tombstones=1 owed=0
  digests agree
)"},
    {"AHomeThatHoldsNothingUnderALeaseEndsIt", R"(
> start A
> start B
> start C
> advance 3500
> A register orders/o-1 ttl=6000 meta=1
  A: orders = o-1(1)
  B: orders = o-1(1)
  C: orders = o-1(1)
> cut B
> A register orders/o-1 ttl=6000 meta=2
  A: orders = o-1(2)
  C: orders = o-1(2)
> A register orders/o-1 ttl=6000 meta=3
  A: orders = o-1(3)
  C: orders = o-1(3)
> cut C
> A deregister orders/o-1
  A: orders = [deregistered]
> advance 100
> B register orders/o-1 ttl=6000 meta=4
  B: orders = o-1(4)
> advance 7000
  B: orders = [session_expired]
> heal B
> heal C
  C: orders = [deregistered]
> show
  A: serving instances=0 sessions=0 tombstones=1 owed=0
  B: serving instances=0 sessions=0 tombstones=1 owed=0
  C: serving instances=0 sessions=0 tombstones=1 owed=0
  digests agree
)"},
    {"ALeaseRememberedFromBeforeIsNotTheNewOnes", R"(
> start A
> start B
> advance 3500
> A register orders/o-1 ttl=6000 meta=old
  A: orders = o-1(old)
  B: orders = o-1(old)
> advance 6500
  A: orders = [session_expired]
  B: orders = [session_expired]
> A register orders/o-1 ttl=3600000 meta=back
  A: orders = o-1(back)
  B: orders = o-1(back)
> advance 3500000
> A deregister orders/o-1
  A: orders = [deregistered]
  B: orders = [deregistered]
> advance 36100000
> clock A 50400000
> clock B 50000000
> advance 2000
  A: forgotten
> show
  A: serving instances=0 sessions=0 tombstones=0 owed=0
  B: serving instances=0 sessions=0 tombstones=1 owed=0
  digests differ
> A register orders/o-1 ttl=6000 meta=new
  A: orders = o-1(new)
  B: orders = o-1(new)
> advance 2000
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=0
  B: serving instances=1 sessions=0 tombstones=0 owed=0
  digests agree
)"},
    {"AHomeKeepsItsIdsAgainstClaimsAcceptedElsewhere", R"(
> start A
> start B
> advance 3500
> A open s1
> A register orders/o-1 session=s1 meta=held
  A: orders = o-1(held)
  B: orders = o-1(held)
> advance 100
> A refresh s1
> B register orders/o-1 ttl=6000 port=81 meta=stray
  B: orders = o-1(stray)
  B: orders = o-1(held)
> B register orders/o-1 port=81 meta=lasting
  B: orders = o-1(lasting)
  B: orders = o-1(held)
> advance 1000
> A refresh s1
> advance 4000
> A refresh s1
> advance 4000
> A refresh s1
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  digests agree
> B register orders/o-1 port=81 meta=insists insist=yes
  B: orders = o-1(insists)
  A: orders = o-1(insists)
> advance 1000
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  digests agree
)"},
    {"WhatALivingOneBroughtIsNotDisplacedByWhatAForgottenOneDid", R"(
> start A
> start B
> start C
> advance 3500
> A register orders/o-1 ttl=60000 lapse=90000 meta=1
  A: orders = o-1(1)~90000
  B: orders = o-1(1)~90000
  C: orders = o-1(1)~90000
> cut B
> A register orders/o-1 ttl=60000 lapse=90000 meta=2
  A: orders = o-1(2)~90000
  C: orders = o-1(2)~90000
> A register orders/o-1 ttl=60000 lapse=90000 meta=3
  A: orders = o-1(3)~90000
  C: orders = o-1(3)~90000
> cut A
> cut C
> advance 100
> B register orders/o-1 ttl=2000 meta=other
  B: orders = o-1(other)
> advance 3000
  B: orders = [session_expired]
> heal B
> heal C
> kill C
> start C
  C: orders = o-1(3)~90000
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=0
  B: serving instances=0 sessions=0 tombstones=1 owed=0
  C: serving instances=1 sessions=0 tombstones=0 owed=0
  digests differ
> heal A
  B: orders = o-1(3)~90000
> show
  A: serving instances=1 sessions=0 tombstones=0 owed=0
  B: serving instances=1 sessions=0 tombstones=0 owed=0
  C: serving instances=1 sessions=0 tombstones=0 owed=0
  digests agree
)"},
    {"AnIdIsKeptWithWhatItsProviderSays", R"(
> start A
> start B
> advance 3500
> B open s1
> cut A
> A open s2
> A register orders/o-1 session=s2 meta=later
  A: orders = o-1(later)
> A say orders/o-1 status=not_ready
  A: orders = o-1[not_ready](later)
> advance 100
> B register orders/o-1 session=s1 meta=earlier
  B: orders = o-1(earlier)
> B say orders/o-1 status=failing
  B: orders = o-1[failing](earlier)
> heal A
  B: orders = o-1[not_ready](later)
> advance 1000
> show
  A: serving instances=1 sessions=2 tombstones=0 owed=0
  B: serving instances=1 sessions=2 tombstones=0 owed=0
  digests agree
)"},
    {"AHomeThatCorrectsARegistrationTellsOfItsSession", R"(
> start A
> start B
> advance 3500
> B register orders/o-1 ttl=60000 meta=earlier
  B: orders = o-1(earlier)
  A: orders = o-1(earlier)
> cut B
> A open s
> A register orders/o-1 session=s meta=later
  A: orders = o-1(later)
> lose 2
> heal B
> B say orders/o-1 status=failing
  B: orders = o-1[failing](earlier)
  B: orders = o-1(later)
> show
  A: serving instances=1 sessions=1 tombstones=0 owed=0
  B: serving instances=1 sessions=1 tombstones=0 owed=0
  digests agree
)"},
};

INSTANTIATE_TEST_SUITE_P(Rules, Cluster, testing::ValuesIn(kTranscripts), name_of_case);

}  // namespace
}  // namespace callbook::core
