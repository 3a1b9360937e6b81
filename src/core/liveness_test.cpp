// What the registry makes of silence, as transcripts: providers that die, hang, lose their hosts or
// come back, and a registry that stands still, is cut off, or is restarted.

#include "core/test_liveness_script.h"

namespace callbook::core {
namespace {

class LivenessRules : public testing::TestWithParam<Transcript> {};

TEST_P(LivenessRules, GiveTheExpectedTranscript) {
  expect_transcript(LivenessScript(), GetParam().text);
}

const Transcript kTranscripts[] = {
    {"AKilledProcessWithAConnectionIsSuspectAndDownAtOnce", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> attach p
> kill p
  orders: p-1[down] q-1
> advance 12000
  10000 ms: ended probe_refused instances=1
  10000 ms: orders: q-1
> advance 60000
)"},
    {"AKilledProcessWithHeartbeatsIsMissedAfterThree", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> advance 4000
> kill p
> advance 20000
  6100 ms: orders: p-1[down] q-1
  16100 ms: ended probe_refused instances=1
  16100 ms: orders: q-1
)"},
    {"ALostHostIsDownAfterABurstAndRemovedWithinTheBudget", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> process r
  orders: p-1 q-1 r-1
> advance 4000
> lose p
> advance 60000
  6100 ms: orders: p-1[suspect] q-1 r-1
  7600 ms: orders: p-1[down] q-1 r-1
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: q-1 r-1
)"},
    {"WhoAnswersWithoutHeartbeatsIsUnattendedAndComesBack", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> hang p
> advance 30000
  6100 ms: orders: p-1[unattended] q-1
> back p
  orders: p-1 q-1
> advance 10000
> hang p
> advance 10000
  6100 ms: orders: p-1[unattended] q-1
> lose p
> advance 20000
  600 ms: orders: p-1[suspect] q-1
  2100 ms: orders: p-1[down] q-1
> back p
  orders: p-1 q-1
)"},
    {"AnotherProcessAtTheSameAddressRemovesTheUnattended", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> hang p
> advance 10000
  6100 ms: orders: p-1[unattended] q-1
> process s at=p
  orders: p-1[unattended] q-1 s-1
> advance 40000
  100 ms: ended address_taken instances=1
  100 ms: orders: q-1 s-1
)"},
    {"SixOfTenReallyKilledAreRemovedPromptlyAndThenTheRest", R"(
> process a 3
  orders: a-1 a-2 a-3
> process b 3
  orders: 6 up
> process c 4
  orders: 10 up
> attach a
> attach b
> attach c
> kill a b
  orders: 4 up 6 down
> advance 12000
  10000 ms: ended probe_refused instances=3
  10000 ms: ended probe_refused instances=3
  10000 ms: orders: c-1 c-2 c-3 c-4
> kill c
  orders: c-1[down] c-2[down] c-3[down] c-4[down]
> advance 12000
  10000 ms: ended probe_refused instances=4
  10000 ms: orders: nothing
)"},
    {"SixOfTenUnreachableAreServedOn", R"(
> process a
  orders: a-1
> process b
  orders: a-1 b-1
> process c
  orders: a-1 b-1 c-1
> process d
  orders: a-1 b-1 c-1 d-1
> process e
  orders: 5 up
> process f
  orders: 6 up
> process g
  orders: 7 up
> process h
  orders: 8 up
> process i
  orders: 9 up
> process j
  orders: 10 up
> advance 2000
> lose a b c d e f
> advance 60000
  6100 ms: orders: 4 up 6 suspect
  7600 ms: orders: 4 up 1 down 5 protected
  8100 ms: orders: 4 up 6 protected
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: 4 up 5 protected
> advance 240000
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: 4 up 4 protected
  97600 ms: ended probe_timed_out instances=1
  97600 ms: orders: 4 up 3 protected
  157600 ms: ended probe_timed_out instances=1
  157600 ms: orders: 4 up 2 protected
  217600 ms: ended probe_timed_out instances=1
  217600 ms: orders: 4 up 1 protected
> back a b c d e f
  refused not_found
  refused not_found
  refused not_found
  refused not_found
  refused not_found
  orders: 5 up
> advance 10000
  2000 ms: refused not_found
  2000 ms: refused not_found
  2000 ms: refused not_found
  2000 ms: refused not_found
  2000 ms: refused not_found
)"},
    {"AnOperatorReleasesTheBreaker", R"(
> process a
  orders: a-1
> process b
  orders: a-1 b-1
> process c
  orders: a-1 b-1 c-1
> process d
  orders: a-1 b-1 c-1 d-1
> advance 2000
> lose a b c
> advance 45000
  6100 ms: orders: a-1[suspect] b-1[suspect] c-1[suspect] d-1
  7600 ms: orders: a-1[down] b-1[protected] c-1[protected] d-1
  8100 ms: orders: a-1[protected] b-1[protected] c-1[protected] d-1
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: b-1[protected] c-1[protected] d-1
> restart
> advance 60000
> release orders
> advance 2000
  600 ms: ended probe_timed_out instances=1
  600 ms: ended probe_timed_out instances=1
  600 ms: orders: d-1
)"},
    {"AReleaseOutlivesNeitherItsMassDeathNorARestart", R"(
> process a
  orders: a-1
> process b
  orders: a-1 b-1
> process c
  orders: a-1 b-1 c-1
> process d
  orders: a-1 b-1 c-1 d-1
> advance 2000
> lose a b c
> advance 12000
  6100 ms: orders: a-1[suspect] b-1[suspect] c-1[suspect] d-1
  7600 ms: orders: a-1[down] b-1[protected] c-1[protected] d-1
  8100 ms: orders: a-1[protected] b-1[protected] c-1[protected] d-1
> release orders
> back a b c
  orders: a-1 b-1 c-1 d-1
> advance 10000
> restart
> advance 4000
> lose a b c
> advance 45000
  6100 ms: orders: a-1[suspect] b-1[suspect] c-1[suspect] d-1
  7600 ms: orders: a-1[down] b-1[protected] c-1[protected] d-1
  8100 ms: orders: a-1[protected] b-1[protected] c-1[protected] d-1
)"},
    {"ARemovalJustBeforeARestartCountsAgainstTheBudget", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> process r
  orders: p-1 q-1 r-1
> process s
  orders: p-1 q-1 r-1 s-1
> lose p
> advance 40000
  6100 ms: orders: p-1[suspect] q-1 r-1 s-1
  7600 ms: orders: p-1[down] q-1 r-1 s-1
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: q-1 r-1 s-1
> restart
> lose q
> advance 70000
  6100 ms: orders: q-1[suspect] r-1 s-1
  7600 ms: orders: q-1[down] r-1 s-1
  60600 ms: ended probe_timed_out instances=1
  60600 ms: orders: r-1 s-1
)"},
    {"AZoneHasABreakerOfItsOwn", R"(
> process a zone=x
  orders: a-1
> process b zone=x
  orders: a-1 b-1
> process c 18 zone=y
  orders: 20 up
> advance 2000
> lose a b
> advance 50000
  6100 ms: orders: 18 up 2 suspect
  7600 ms: orders: 18 up 1 down 1 protected
  8100 ms: orders: 18 up 2 protected
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: 18 up 1 protected
)"},
    {"ARegistryThatStoodStillRemovesNobody", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> process r
  orders: p-1 q-1 r-1
> advance 2000
> pause 30000
> advance 10000
> lose p
> advance 30000
  6100 ms: orders: p-1[suspect] q-1 r-1
  7600 ms: orders: p-1[down] q-1 r-1
> pause 20000
> advance 10000
)"},
    {"WhoHearsTooLittleRemovesNobodyForSilenceForTenMinutes", R"(
> process a 2
  orders: a-1 a-2
> process b 2
  orders: a-1 a-2 b-1 b-2
> process c
  orders: 5 up
> process d
  orders: 6 up
> process e
  orders: 7 up
> process f
  orders: 8 up
> process g
  orders: 9 up
> process h
  orders: 10 up
> process i
  orders: 11 up
> process j
  orders: 12 up
> process k
  orders: 13 up
> process l
  orders: 14 up
> process m
  orders: 15 up
> process n
  orders: 16 up
> process o
  orders: 17 up
> process p
  orders: 18 up
> process q
  orders: 19 up
> process r
  orders: 20 up
> process s
  orders: 21 up
> process t
  orders: 22 up
> process u
  orders: 23 up
> process v
  orders: 24 up
> lossy
> advance 8000
> lose v
> advance 60000
  4100 ms: orders: 23 up 1 suspect
  5600 ms: orders: 23 up 1 down
> attach u
> kill u
  orders: 22 up 2 down
> advance 12000
  10000 ms: ended probe_refused instances=1
  10000 ms: orders: 22 up 1 down
> advance 480000
> advance 60000
  44600 ms: ended probe_timed_out instances=1
  44600 ms: orders: 22 up
)"},
    {"ThreeConsumersCauseAProbeAndRemoveNobody", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> advance 2000
> report p-1 x y x y
> advance 3000
> report p-1 x y z
> advance 3000
  100 ms: orders: p-1[suspect] q-1
  1000 ms: orders: p-1 q-1
> shut p
> report p-1 x y z
> advance 60000
  100 ms: orders: p-1[down] q-1
> open p
> advance 30000
  2100 ms: orders: p-1 q-1
> shut p
> report p-1 x y z
> advance 3000
  100 ms: orders: p-1[down] q-1
> kill p
> advance 20000
  15100 ms: ended probe_refused instances=1
  15100 ms: orders: q-1
)"},
    {"ARefusedOneIsStillRemovedAfterARestart", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> attach p
> attach q
> kill p
  orders: p-1[down] q-1
> advance 3000
> restart
> advance 30000
  6100 ms: orders: p-1[down] q-1[unattended]
  16100 ms: ended probe_refused instances=1
  16100 ms: orders: q-1[unattended]
)"},
    {"AHoldEndsWithItsMassDeath", R"(
> process a
  orders: a-1
> process b
  orders: a-1 b-1
> process c
  orders: a-1 b-1 c-1
> process d
  orders: a-1 b-1 c-1 d-1
> advance 2000
> lose b c d
> advance 10000
  6100 ms: orders: a-1 b-1[suspect] c-1[suspect] d-1[suspect]
  7600 ms: orders: a-1 b-1[down] c-1[protected] d-1[protected]
  8100 ms: orders: a-1 b-1[protected] c-1[protected] d-1[protected]
> back b c d
  orders: a-1 b-1 c-1 d-1
> advance 3700000
> lose b c d
> advance 200000
  6100 ms: orders: a-1 b-1[suspect] c-1[suspect] d-1[suspect]
  7600 ms: orders: a-1 b-1[down] c-1[protected] d-1[protected]
  8100 ms: orders: a-1 b-1[protected] c-1[protected] d-1[protected]
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: a-1 c-1[protected] d-1[protected]
  97600 ms: ended probe_timed_out instances=1
  97600 ms: orders: a-1 d-1[protected]
)"},
    {"WhoIsMissedAfterReportsIsAskedAnew", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> advance 2000
> shut p
> report p-1 x y z
> advance 21000
  100 ms: orders: p-1[down] q-1
> hang p
> advance 10000
  5100 ms: orders: p-1[unattended] q-1
> advance 10000
)"},
    {"WhoIsMissedAfterReportsIsAskedInABurstAgain", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> process r
  orders: p-1 q-1 r-1
> advance 4000
> lose p
> report p-1 x y z
> advance 60000
  1600 ms: orders: p-1[down] q-1 r-1
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: q-1 r-1
)"},
    {"OneOutOfServiceCountsOnNeitherSide", R"(
> process a
  orders: a-1
> process b
  orders: a-1 b-1
> process c
  orders: a-1 b-1 c-1
> process d
  orders: a-1 b-1 c-1 d-1
> isolate a-1
  orders: a-1[out_of_service] b-1 c-1 d-1
> isolate b-1
  orders: a-1[out_of_service] b-1[out_of_service] c-1 d-1
> lose a b
> advance 50000
  37600 ms: ended probe_timed_out instances=1
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: c-1 d-1
)"},
};

TEST(ServiceTiming, IsEachServicesOwnAndOfAProcessWithSeveralServicesTheMostPatientCounts) {
  RegistryOptions options;
  ServiceTiming patient = static_cast<const ServiceTiming&>(options.timing);
  patient.silent_removal_ms = 60'000;
  patient.probe_rounds = 5;
  options.service_timing[{kDefaultNamespace, "ledger"}] = patient;
  ServiceTiming hasty = static_cast<const ServiceTiming&>(options.timing);
  hasty.silent_removal_ms = 5'000;
  hasty.breaker = {100, 0, 0};
  options.service_timing[{kDefaultNamespace, "cache"}] = hasty;
  LivenessScript script(options);
  const std::string text = R"(
> process a service=cache
  cache: a-1
> process b service=cache
  cache: a-1 b-1
> process c service=ledger
  ledger: c-1
> process d service=ledger
  ledger: c-1 d-1
> process e
  orders: e-1
> process f
  orders: e-1 f-1
> process a service=ledger
  ledger: a-1 c-1 d-1
> advance 4000
> lose a b c e
> advance 80000
  6100 ms: cache: a-1[suspect] b-1[suspect]
  6100 ms: ledger: a-1[suspect] c-1[suspect] d-1
  6100 ms: orders: e-1[suspect] f-1
  7600 ms: cache: a-1[suspect] b-1[down]
  7600 ms: orders: e-1[down] f-1
  8600 ms: cache: a-1[down] b-1[down]
  8600 ms: ledger: a-1[down] c-1[protected] d-1
  9100 ms: cache: a-1[protected] b-1[down]
  9100 ms: ledger: a-1[protected] c-1[protected] d-1
  12600 ms: ended probe_timed_out instances=1
  12600 ms: cache: a-1[protected]
  37600 ms: ended probe_timed_out instances=1
  37600 ms: orders: f-1
  68600 ms: ended probe_timed_out instances=2
  68600 ms: ledger: c-1[protected] d-1
  68600 ms: cache: nothing
)";
  EXPECT_EQ(script.run(text), text.substr(1));
}

INSTANTIATE_TEST_SUITE_P(Rules, LivenessRules, testing::ValuesIn(kTranscripts), name_of_case);

}  // namespace
}  // namespace callbook::core
