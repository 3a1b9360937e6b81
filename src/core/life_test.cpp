// What counts as life, and what an instance's own rules and its provider's word make of it, as
// transcripts: processes that are stopped while their kernels go on, lapse rules, addresses that
// another has by now.

#include "core/test_liveness_script.h"

namespace callbook::core {
namespace {

class LifeRules : public testing::TestWithParam<Transcript> {};

TEST_P(LifeRules, GiveTheExpectedTranscript) {
  expect_transcript(LivenessScript(), GetParam().text);
}

const Transcript kTranscripts[] = {
    {"AStoppedProcessIsSuspectAfterItsTtlThoughItsConnectionIsOpen", R"(
> process p speaks
  orders: p-1
> process q
  orders: p-1 q-1
> attach p
> advance 5000
> hang p
> advance 20000
  5100 ms: orders: p-1[unattended] q-1
> back p
  orders: p-1 q-1
> advance 10000
)"},
    {"AConnectionAloneIsLifeForAProcessThatDoesNotSpeak", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> attach p
> hang p
> advance 60000
)"},
    {"AStallOfTheRegistryIsNoSilenceOfThoseThatSpeak", R"(
> process p speaks
  orders: p-1
> process q speaks
  orders: p-1 q-1
> attach p
> advance 3000
> pause 30000
> advance 10000
)"},
    {"AStallBeforeTheFirstAdvanceIsNoSilenceEither", R"(
> process p speaks
  orders: p-1
> process q speaks
  orders: p-1 q-1
> attach p
> pause 30000
> advance 10000
)"},
    {"ReportsLowerOneThatOnlyItsKernelAnswersFor", R"(
> process p speaks
  orders: p-1
> process q
  orders: p-1 q-1
> attach p
> advance 2000
> hang p
> report p-1 x y z
> advance 3000
  100 ms: orders: p-1[suspect] q-1
> back p
  orders: p-1 q-1
> advance 2000
)"},
    {"WhatAnswersWithoutSpeakingForAnHourCountsAsSilent", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> process r
  orders: p-1 q-1 r-1
> hang p
> advance 3700000
  6100 ms: orders: p-1[unattended] q-1 r-1
  3608100 ms: orders: p-1[suspect] q-1 r-1
  3609100 ms: orders: p-1[down] q-1 r-1
  3639100 ms: ended session_expired instances=1
  3639100 ms: orders: q-1 r-1
)"},
    {"AnInstanceFollowsItsOwnLapseRuleInASmallService", R"(
> ttl t down=15000 remove=30000 noprobe
  orders: t-1
> advance 2000
> hang t
> advance 60000
  6100 ms: orders: t-1[suspect]
  15100 ms: orders: t-1[down]
  30100 ms: orders: nothing
)"},
    {"ARuleMaySayThatNothingIsEverRemoved", R"(
> ttl t down=6000 noprobe
  orders: t-1
> ttl u down=6000 noprobe
  orders: t-1 u-1
> hang t
> advance 7200000
  6100 ms: orders: t-1[down] u-1
> back t
  orders: t-1 u-1
> advance 1000
)"},
    {"AProbeOverrulesALapseWhereTheRuleLetsItBeAsked", R"(
> ttl t down=8000 remove=20000
  orders: t-1
> hang t
> advance 30000
  6100 ms: orders: t-1[unattended]
> kill t
> advance 30000
  8100 ms: orders: t-1[down]
  9100 ms: orders: nothing
)"},
    {"InALargerServiceTheBudgetHoldsForLapseRulesToo", R"(
> ttl t down=6000 remove=12000 noprobe
  orders: t-1
> ttl u down=6000 remove=12000 noprobe
  orders: t-1 u-1
> ttl v down=6000 remove=12000 noprobe
  orders: t-1 u-1 v-1
> ttl w down=6000 remove=12000 noprobe
  orders: t-1 u-1 v-1 w-1
> hang t u v
> advance 200000
  6100 ms: orders: t-1[down] u-1[protected] v-1[protected] w-1
  6200 ms: orders: t-1[protected] u-1[protected] v-1[protected] w-1
  12100 ms: orders: u-1[protected] v-1[protected] w-1
  72100 ms: orders: v-1[protected] w-1
)"},
    {"AStallAfterItsRemovalFindsNoInstanceWithALapseRule", R"(
> ttl t down=15000 noprobe
  orders: t-1
> ttl u
  orders: t-1 u-1
> hang t
> advance 8000
  6100 ms: orders: t-1[suspect] u-1
> deregister t-1
  orders: u-1
> pause 20000
> advance 4000
)"},
    {"AnAddressThatAnotherServiceHasByNowIsTaken", R"(
> process p
  orders: p-1
> process r
  orders: p-1 r-1
> advance 4000
> hang p
> process q service=payments at=p
  payments: q-1
> advance 20000
  6100 ms: ended address_taken instances=1
  6100 ms: orders: r-1
)"},
    {"NotWhereTheNewcomerSharesItsPort", R"(
> process p
  orders: p-1
> process r
  orders: p-1 r-1
> advance 4000
> hang p
> process q service=payments at=p shares
  payments: q-1
> advance 20000
  6100 ms: orders: p-1[unattended] r-1
)"},
    {"NotWhereALoopbackAddressIsAnotherHosts", R"(
> process p address=127.0.0.1 host=1
  orders: p-1
> process r
  orders: p-1 r-1
> advance 4000
> hang p
> process q service=payments at=p host=2
  payments: q-1
> advance 20000
  6100 ms: orders: p-1[unattended] r-1
> process s service=billing at=p host=1
  billing: s-1
> advance 60000
  2100 ms: ended address_taken instances=1
  2100 ms: orders: r-1
)"},
    {"WorkersThatShareAPortTakeNothingFromEachOther", R"(
> process p
  orders: p-1
> process q at=p
  orders: p-1 q-1
> process r
  orders: p-1 q-1 r-1
> advance 4000
> pause 20000
> hang p
> advance 20000
  6200 ms: orders: p-1[unattended] q-1 r-1
)"},
    {"WhatAProviderSaysOfItselfIsBelievedOfTheLastOneToo", R"(
> process p
  orders: p-1
> status p-1 starting
  orders: p-1[starting]
> status p-1 up
  orders: p-1
> status p-1 failing
  orders: p-1[failing]
> advance 10000
> kill p
> advance 7000
  6100 ms: orders: p-1[down]
)"},
    {"ASilentOneThatIsNotReadyCountsOnNeitherSideOfTheBreaker", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> process r 3
  orders: 5 up
> status p-1 not_ready
  orders: 4 up 1 not_ready
> advance 4000
> lose p q
> advance 20000
  6100 ms: orders: 3 up 1 suspect 1 not_ready
  7600 ms: orders: 3 up 2 down
> status p-1 up
  orders: 3 up 2 down
> advance 2000
  600 ms: orders: 3 up 2 protected
> status p-1 not_ready
  orders: 3 up 1 protected 1 not_ready
> advance 20000
  100 ms: orders: 3 up 2 down
  15600 ms: ended probe_timed_out instances=1
  15600 ms: ended probe_timed_out instances=1
  15600 ms: orders: r-1 r-2 r-3
)"},
};

INSTANTIATE_TEST_SUITE_P(Rules, LifeRules, testing::ValuesIn(kTranscripts), name_of_case);

}  // namespace
}  // namespace callbook::core
