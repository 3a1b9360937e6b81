// Seeds that once failed, each by the fault it is named after. What a seed draws moves when the
// simulator changes; the rule behind it has a transcript in core/cluster_test.cpp where that can
// show it.

#include <cstdint>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "sim/simulation.h"

namespace callbook::sim {
namespace {

struct Regression {
  const char* name;
  uint64_t seed;
  bool probes = false;            ///< those before there were probes are run as they were
  bool former_processes = false;  ///< instead of those that the seed draws (Settings)
};

void PrintTo(const Regression& regression, std::ostream* out) {
  *out << regression.name << " (seed " << regression.seed << ")";
}

class Regressions : public testing::TestWithParam<Regression> {};

TEST_P(Regressions, AreMended) {
  const uint64_t seed = GetParam().seed;
  Settings settings = GetParam().probes ? settings_of(seed) : settings_without_probes(seed);
  if (GetParam().former_processes) settings.new_processes = false;
  const Outcome outcome = run(settings, false);
  EXPECT_TRUE(outcome.ok) << outcome.failure << "\n" << outcome.trace;
}

std::string name_of_seed(const testing::TestParamInfo<Regression>& tested) {
  return tested.param.name;
}

/// Faults of core.
INSTANTIATE_TEST_SUITE_P(
    Seeds, Regressions,
    testing::Values(Regression{"ForgottenRegistrationTookALivingOne", 15},
                    Regression{"RegistrationWithOwnTtlWasNoEvidence", 41},
                    Regression{"SessionOpenedLaterHadAnEarlierStamp", 8},
                    Regression{"EarlierProcessNeverToldToStop", 5},
                    Regression{"LateRemovalTookASuccessorsInstance", 100},
                    Regression{"RemovalByALaterProcessToldNobody", 216},
                    Regression{"StampsMadeTwiceAfterALostTail", 6},
                    Regression{"RepeatsFilledTheOutbox", 179},
                    Regression{"BodyOfAnEndedSessionTookALivingOne", 188},
                    Regression{"HomeWithoutABodyNeverAskedForIt", 288},
                    Regression{"SupersessionForgottenByARestart", 315},
                    Regression{"RemovalForAnotherSessionWasUndone", 22},
                    Regression{"UnknownSessionWasSuperseded", 102},
                    Regression{"NodeThatStoodStillCalledBackTheDead", 766},
                    Regression{"NodeServedWithoutBodiesItHadForgotten", 998},
                    Regression{"RemovalFromTheKnowingWasAConflict", 947},
                    Regression{"RemovalByItsSuccessorWentUnsaid", 138},
                    Regression{"RemovalBeforeItsSessionWasUndone", 1248},
                    Regression{"StampsFollowingOthersWereMadeTwice", 208},
                    Regression{"StaleNodeEndedASupersededSuspect", 30, true},
                    Regression{"HoldOutlastedItsMassDeath", 47, true},
                    Regression{"MissedAfterReportsWasNotAskedAnew", 757, true},
                    Regression{"ReleaseCameBackWithARestart", 591, true},
                    Regression{"RemovedAndTakenWasKeptForItsFirstHolder", 825, true},
                    Regression{"RemovalBeforeATickWasOfLongAgo", 800116, true},
                    Regression{"LeaseOfARemovedInstanceKeptItElsewhere", 800413},
                    Regression{"OverrideOfARecordOwedForLongWasNotTold", 3100215, true},
                    Regression{"HomeHeardOfTheLaterProcessFirst", 3101158, true},
                    Regression{"ReturnedNodeVouchedForWhatWasRemovedElsewhere", 1020, true},
                    Regression{"ReturnedNodeAnnouncedForASupersededSession", 1097, true},
                    Regression{"StallExcusedADeregisteredOneWithALapseRule", 1025, true},
                    Regression{"ReturnedNodeTookItselfForTheHomeAllAlong", 4001030, true},
                    Regression{"SuspicionAtTheNewHomeWasRefuted", 4001071, true},
                    Regression{"RestartedHomeListedWhatALaterProcessTookAndLeft", 4000066, true},
                    Regression{"LeaseOfBeforeMadeAGhostOfTheNewOne", 1212, true},
                    Regression{"StrayClaimAtAnotherNodeTookALivingOnesId", 4003135, true},
                    Regression{"BreakerCountedTheNotReadyOnlyWhileTheyWereDown", 4000455, true},
                    Regression{"RemovalOfANotReadyOneCostNoBudget", 4003262, true},
                    Regression{"MissedAfterReportsWasAskedAtLongIntervals", 4000308, true},
                    Regression{"RegistrationOfAForgottenBodyErasedANewerStatus", 4005713, true},
                    Regression{"SilenceOfBeforeARestartOutlastedALifeSign", 896, true},
                    Regression{"EndOfAnExclusionUndidALaterWord", 4002548, true},
                    Regression{"DrainTookALaterProcessWhoseSessionWasLate", 4003141, true},
                    Regression{"StatusOfAForgottenBodyWasResetByItsOwnSession", 5000520, true},
                    Regression{"WhatWasOwedForTooLongNeverReachedTheBus", 4004806, true},
                    Regression{"NodeThatStoodStillWhileItJoinedServedWhatItKnew", 6000196, true},
                    Regression{"BodyThatCameBackWasShownWithoutItsStatus", 5001049, true},
                    Regression{"EndOfALaterOneWasWordOfARemovedOne", 5000320, true},
                    Regression{"DrainOfALostOneKeptOutEveryProcess", 5619618884216, true},
                    Regression{"ForgottenOneDisplacedALapseRule", 7087341042780, true},
                    Regression{"SilenceBeforeASignOfLifeCounted", 9000008, true},
                    Regression{"JoiningNodesWaitedForWhatTheBusHadLost", 9000832, true},
                    Regression{"CorrectedWithoutItsSession", 9001738, true}),
    name_of_seed);

/// Faults of the checkers and of the model.
INSTANTIATE_TEST_SUITE_P(
    CheckersSeeds, Regressions,
    testing::Values(Regression{"SizeWithinAStepWasNotCounted", 800085, true},
                    Regression{"TtlOfASilencedHomeWasToBeKept", 900336},
                    Regression{"ReportedBesideAnUnreachedWasJudged", 700114, true},
                    Regression{"ReportedBesideAnUnattendedWasJudged", 800604, true},
                    Regression{"FacetOnFullDisksWasDemanded", 901169, true, true},
                    Regression{"ReturnedSinceTheLastListWasNotCounted", 2000228, true},
                    Regression{"ReportedAndBrokenSinceWasJudgedByALateRound", 2001123, true},
                    Regression{"ReportedAndMissedSinceWasJudgedByALateRound", 2001492, true},
                    Regression{"RemovedByALateCallWasToBeMissed", 3300011, true},
                    Regression{"ObjectionToATakeoverWasTakenForACallBack", 3101663, true},
                    Regression{"LooksOfANodeThatStoodStillWereDemanded", 3100266, true},
                    Regression{"ForgottenRemovalHeardAgainWasItsOwn", 212, true},
                    Regression{"BudgetOfAFormerProcessWasCounted", 3101254, true},
                    Regression{"ReportedOfOneFoundDownWasNotSeen", 3101866, true},
                    Regression{"OwnTtlThatWaitsForBudgetWasToBeGone", 800, true},
                    Regression{"BodyForgottenWithItsSessionWasTakenOut", 4001600, true},
                    Regression{"BodyThatWaitedInVainWasToBeListed", 4002801, true},
                    Regression{"DeregistrationAtAClockBehindWasTheLastWord", 5000092, true},
                    Regression{"LoweredAtTheEndWasToBeUp", 3101303, true},
                    Regression{"LateCallOfOneTakenOutHidTheLaterProcess", 3200476, true},
                    Regression{"LapsedClaimWithoutASessionWasNoReason", 3200076, true},
                    Regression{"RemovalOfTheLastMomentWasDemandedElsewhere", 1200038, true},
                    Regression{"EarlierWordOfItsHomeWasASignOfLife", 4000282, true},
                    Regression{"DeregisteredAndWantedAgainWasToBeDown", 4003579, true},
                    Regression{"AnswerOfTheOtherAtItsAddressWasItsOwn", 4002236, true},
                    Regression{"BudgetIgnoredWhatCameSinceTheLastList", 5001131, true},
                    Regression{"DiedWhileMissedWasToBeDownAtOnce", 5000751, true},
                    Regression{"ForgottenWhileANodeWasApartWasTheLastWord", 7000609, true},
                    Regression{"BusLostItsTailWhileTheNodeWasDead", 7001492, true},
                    Regression{"StoppedBeforeItWasToldItsTtl", 7087341043922, true},
                    Regression{"GivenUpAsItsSessionWasSaidAgain", 9003724, true},
                    Regression{"ProtectedOneWasDownBefore", 20000000038, true},
                    Regression{"RoundOfAnotherAtTheAddressWasForgotten", 9000419, true},
                    Regression{"SweptByANodeThatRejoinedAsNew", 8000823, true},
                    Regression{"CallsOfADeadProcessHadAnOrder", 8000043, true},
                    Regression{"AnswersCountedFromAReportedRound", 7001537, true},
                    Regression{"BudgetSpentBeforeARestartWasCounted", 6100489, true},
                    Regression{"StatusOfAnInstanceHeardOfAnewWasDemanded", 6100762, true},
                    Regression{"TakenBackByItsHomeBeganAnew", 6000130, true},
                    Regression{"BodyForgottenWithItsSessionWasHeld", 6000098, true},
                    Regression{"RoundOfBeforeItWasMissedWasNotLate", 4006014, true},
                    Regression{"BegunAsTheMachineWasLostWasNoSuccessor", 5000668, true},
                    Regression{"OutByItsOwnLateCallWasToBeToldToStop", 5000508, true},
                    Regression{"OutByACallToAPausedNodeWasToBeToldToStop", 5000850, true},
                    Regression{"ResumedAtAPausedNodeWasToStayGone", 5000811, true},
                    Regression{"OutdoneByItsOwnFormerSessionWasToLive", 5001963, true}),
    name_of_seed);

}  // namespace
}  // namespace callbook::sim
