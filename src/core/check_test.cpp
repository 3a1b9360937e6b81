// Instances that the registry checks itself, as transcripts.

#include "core/test_liveness_script.h"

namespace callbook::core {
namespace {

class Checks : public testing::TestWithParam<Transcript> {};

TEST_P(Checks, GiveTheExpectedTranscript) {
  LivenessScript script;
  EXPECT_EQ(script.run(GetParam().text), std::string(GetParam().text).substr(1));
}

const Transcript kTranscripts[] = {
    {"OneThatAnswersIsUpAfterItsFirstCheck", R"(
> check c tcp
  orders: c-1
> advance 10000
> check c tcp
> check c tcp failures=2
  orders: c-1
)"},
    {"OneThatNeverAnsweredIsNeverUp", R"(
> process p
  orders: p-1
> lose p
> check c tcp
  orders: c-1 p-1
> shut c
> advance 10000
  600 ms: orders: c-1[down] p-1
  6100 ms: orders: c-1[down] p-1[suspect]
  7600 ms: orders: c-1[down] p-1[protected]
> open c
> advance 3000
  600 ms: orders: c-1 p-1[protected]
  1600 ms: orders: c-1 p-1[down]
)"},
    {"ThresholdsOfFailuresAndSuccessesAreKept", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> check c http successes=2
  orders: c-1[suspect] p-1 q-1
> advance 6000
  1300 ms: orders: c-1 p-1 q-1
> fail c
> advance 8000
  1300 ms: orders: c-1[suspect] p-1 q-1
  5300 ms: orders: c-1[down] p-1 q-1
> open c
> advance 6000
  3300 ms: orders: c-1 p-1 q-1
> fail c
> advance 2500
  1300 ms: orders: c-1[suspect] p-1 q-1
> open c
> advance 4000
  800 ms: orders: c-1 p-1 q-1
)"},
    {"RefusedIsDownAtOnceAndRemovedOnlyByWish", R"(
> process p
  orders: p-1
> check c tcp
  orders: c-1 p-1
> check d tcp remove=6000
  orders: c-1 d-1 p-1
> advance 4000
> kill c d
> advance 20000
  300 ms: orders: c-1 d-1[down] p-1
  600 ms: orders: c-1[down] d-1[down] p-1
  6300 ms: orders: c-1[down] p-1
> open c
> advance 4000
  600 ms: orders: c-1 p-1
)"},
    {"HeartbeatsAreNotNeededAndLostHostsAreRemovedByWishWithinTheBudget", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> process r
  orders: p-1 q-1 r-1
> check c tcp remove=10000
  orders: c-1 p-1 q-1 r-1
> advance 10000
> lose c
> advance 20000
  2700 ms: orders: c-1[suspect] p-1 q-1 r-1
  6700 ms: orders: c-1[down] p-1 q-1 r-1
  12700 ms: orders: p-1 q-1 r-1
> advance 60000
)"},
    {"ThreeOfFourThatFailAreDownAndLeaveByWishWhateverTheBudget", R"(
> check a http remove=5000
  orders: a-1
> check b http remove=5000
  orders: a-1 b-1
> check c http remove=5000
  orders: a-1 b-1 c-1
> check d http remove=5000
  orders: a-1 b-1 c-1 d-1
> advance 4000
> fail a
> fail b
> fail c
> advance 20000
  400 ms: orders: a-1[suspect] b-1 c-1 d-1
  1300 ms: orders: a-1[suspect] b-1 c-1[suspect] d-1
  1600 ms: orders: a-1[suspect] b-1[suspect] c-1[suspect] d-1
  4400 ms: orders: a-1[down] b-1[suspect] c-1[suspect] d-1
  5300 ms: orders: a-1[down] b-1[suspect] c-1[down] d-1
  5600 ms: orders: a-1[down] b-1[down] c-1[down] d-1
  6400 ms: orders: b-1[down] c-1[down] d-1
  7300 ms: orders: b-1[down] d-1
  7600 ms: orders: d-1
> open a
> open b
> advance 4000
)"},
    {"AStandstillOfTheRegistryBlamesNobody", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> check c tcp failures=1
  orders: c-1 p-1 q-1
> advance 3000
> lose c
> pause 8000
> advance 100
> open c
> advance 4000
)"},
    {"WhatIsKnownOutlivesARestart", R"(
> process p
  orders: p-1
> check c tcp
  orders: c-1 p-1
> check d tcp
  orders: c-1 d-1 p-1
> advance 3000
> shut c
> advance 3000
  1600 ms: orders: c-1[down] d-1 p-1
> restart
> advance 4000
> open c
> advance 4000
  600 ms: orders: c-1 d-1 p-1
)"},
    {"TheWorstOfSeveralChecksCounts", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> checks c web=http:8001 admin=tcp:8002@4000
  orders: c-1 p-1 q-1
> advance 5000
> fail c 8001
> advance 8000
  200 ms: orders: c-1[suspect] p-1 q-1
  4200 ms: orders: c-1[down] p-1 q-1
> results
  c-1 admin tcp 10.0.0.3:8002 passing 200 ms ago, failures=0, 'connected', at node-1
  c-1 web http 10.0.0.3:8001 failing 1800 ms ago, failures=4, 'not as expected', at node-1
> shut c 8002
> advance 5000
> open c 8001
> advance 6000
> results
  c-1 admin tcp 10.0.0.3:8002 failing 3200 ms ago, failures=2, 'connection refused', at node-1
  c-1 web http 10.0.0.3:8001 passing 800 ms ago, failures=0, 'as expected', at node-1
> open c 8002
> advance 5000
  800 ms: orders: c-1 p-1 q-1
> results
  c-1 admin tcp 10.0.0.3:8002 passing 200 ms ago, failures=0, 'connected', at node-1
  c-1 web http 10.0.0.3:8001 passing 1800 ms ago, failures=0, 'as expected', at node-1
)"},
    {"AllChecksMustHavePassedBeforeItIsUp", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> checks c a=tcp:8001 b=http:8002@6000 successes=2
  orders: c-1[suspect] p-1 q-1
> results
  c-1 a tcp 10.0.0.3:8001 unknown 0 ms ago, failures=0, 'connected', at node-1
  c-1 b http 10.0.0.3:8002 unknown 0 ms ago, failures=0, 'as expected', at node-1
> advance 12000
  1200 ms: orders: c-1 p-1 q-1
)"},
    {"OneThatIsDownIsUpOnlyWhenAllPassAgain", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> checks c a=http:8001 b=http:8002 failures=1
  orders: c-1 p-1 q-1
> fail c 8001
> fail c 8002
> advance 4000
  800 ms: orders: c-1[down] p-1 q-1
> open c 8001
> advance 4000
> open c 8002
> advance 4000
  1200 ms: orders: c-1 p-1 q-1
)"},
    {"TheSameChecksAgainAreNotBegunAnew", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> checks c a=http:8001 failures=2
  orders: c-1 p-1 q-1
> fail c 8001
> advance 2000
  1000 ms: orders: c-1[suspect] p-1 q-1
> checks c a=http:8001 failures=2
  orders: c-1[down] p-1 q-1
> results
  c-1 a http 10.0.0.3:8001 failing 0 ms ago, failures=2, 'not as expected', at node-1
> checks c a=http:8001 failures=2 b=tcp:8002
  orders: c-1[suspect] p-1 q-1
> results
  c-1 a http 10.0.0.3:8001 failing 0 ms ago, failures=1, 'not as expected', at node-1
  c-1 b tcp 10.0.0.3:8002 passing 0 ms ago, failures=0, 'connected', at node-1
)"},
    {"ATimeOutAsLongAsTheIntervalIsNoExcuse", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> check c tcp interval=1000
  orders: c-1 p-1 q-1
> advance 2000
> lose c
> advance 8000
  1300 ms: orders: c-1[suspect] p-1 q-1
  3300 ms: orders: c-1[down] p-1 q-1
> results
  c-1 check tcp 10.0.0.3:8000 failing 700 ms ago, failures=7, 'no answer within 1000 ms', at node-1
)"},
    {"TwoOfTenThatFailAreBothDown", R"(
> check a http failures=2
  orders: a-1
> check b http failures=2
  orders: a-1 b-1
> check c http failures=2
  orders: a-1 b-1 c-1
> check d http failures=2
  orders: a-1 b-1 c-1 d-1
> check e http failures=2
  orders: 5 up
> check f http failures=2
  orders: 6 up
> check g http failures=2
  orders: 7 up
> check h http failures=2
  orders: 8 up
> check i http failures=2
  orders: 9 up
> check j http failures=2
  orders: 10 up
> advance 4000
> fail c
> fail h
> advance 10000
  1300 ms: orders: 9 up 1 suspect
  1900 ms: orders: 8 up 2 suspect
  3300 ms: orders: 8 up 1 suspect 1 down
  3900 ms: orders: 8 up 2 down
> open c
> advance 4000
  1300 ms: orders: 9 up 1 down
)"},
    {"OnlyAWholeServiceOfThreeThatFailsIsProtected", R"(
> check a http failures=1
  orders: a-1
> check b http failures=1
  orders: a-1 b-1
> check c http failures=1
  orders: a-1 b-1 c-1
> advance 2000
> fail a
> fail b
> advance 4000
  400 ms: orders: a-1[down] b-1 c-1
  1600 ms: orders: a-1[down] b-1[down] c-1
> fail c
> advance 4000
  1300 ms: orders: a-1[down] b-1[down] c-1[protected]
  1600 ms: orders: a-1[down] b-1[protected] c-1[protected]
  2400 ms: orders: a-1[protected] b-1[protected] c-1[protected]
> open b
> advance 4000
  1600 ms: orders: a-1[protected] b-1 c-1[protected]
  2400 ms: orders: a-1[down] b-1 c-1[protected]
  3300 ms: orders: a-1[down] b-1 c-1[down]
> fail b
> advance 4000
  1600 ms: orders: a-1[down] b-1[protected] c-1[down]
  2400 ms: orders: a-1[protected] b-1[protected] c-1[down]
  3300 ms: orders: a-1[protected] b-1[protected] c-1[protected]
)"},
    {"TwoThatFailAreDown", R"(
> check a http failures=1
  orders: a-1
> check b http failures=1
  orders: a-1 b-1
> fail a
> fail b
> advance 6000
  400 ms: orders: a-1[down] b-1
  1600 ms: orders: a-1[down] b-1[down]
)"},
    {"RefusedIsBelievedOfEveryInstanceAndSilenceIsNot", R"(
> check a http failures=1
  orders: a-1
> check b http failures=1
  orders: a-1 b-1
> check c http failures=1
  orders: a-1 b-1 c-1
> shut a
> fail b
> lose c
> advance 6000
  400 ms: orders: a-1[down] b-1 c-1
  1600 ms: orders: a-1[down] b-1[down] c-1
  2300 ms: orders: a-1[down] b-1[down] c-1[protected]
  3600 ms: orders: a-1[down] b-1[protected] c-1[protected]
> shut b
> shut c
> advance 4000
  1300 ms: orders: a-1[down] b-1[protected] c-1[down]
  1600 ms: orders: a-1[down] b-1[down] c-1[down]
)"},
    {"ThoseThatAreOutOfServiceAreNoneOfTheOthers", R"(
> check a http failures=1
  orders: a-1
> check b http failures=1
  orders: a-1 b-1
> check c http failures=1
  orders: a-1 b-1 c-1
> check d http failures=1
  orders: a-1 b-1 c-1 d-1
> isolate d-1
  orders: a-1 b-1 c-1 d-1[out_of_service]
> fail a
> fail b
> fail c
> advance 6000
  400 ms: orders: a-1[down] b-1 c-1 d-1[out_of_service]
  1300 ms: orders: a-1[down] b-1 c-1[down] d-1[out_of_service]
  1600 ms: orders: a-1[down] b-1[protected] c-1[down] d-1[out_of_service]
  2400 ms: orders: a-1[protected] b-1[protected] c-1[down] d-1[out_of_service]
  3300 ms: orders: a-1[protected] b-1[protected] c-1[protected] d-1[out_of_service]
)"},
    {"OnlySilentOnesAreRemovedWithinTheBudget", R"(
> check a http remove=5000 failures=1
  orders: a-1
> check b http remove=5000 failures=1
  orders: a-1 b-1
> check c http remove=5000 failures=1
  orders: a-1 b-1 c-1
> check d http remove=5000 failures=1
  orders: a-1 b-1 c-1 d-1
> lose a b c
> advance 130000
  1400 ms: orders: a-1[down] b-1 c-1 d-1
  2300 ms: orders: a-1[down] b-1 c-1[down] d-1
  2600 ms: orders: a-1[down] b-1[down] c-1[down] d-1
  7400 ms: orders: b-1[down] c-1[down] d-1
  68300 ms: orders: b-1[down] d-1
> fail b
> fail c
> advance 10000
  1600 ms: orders: d-1
)"},
    {"ReportsOfConsumersHaveItCheckedNow", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> check c tcp interval=60000
  orders: c-1 p-1 q-1
> advance 100
> shut c
> advance 100
> report c-1 x y z
  orders: c-1[down] p-1 q-1
> advance 61000
)"},
};

INSTANTIATE_TEST_SUITE_P(Rules, Checks, testing::ValuesIn(kTranscripts),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(CheckSettings, AServiceWhoseFailuresAreBelievedIsNeverProtected) {
  RegistryOptions options;
  ServiceTiming believing;
  believing.protect_failing = false;
  options.service_timing[{kDefaultNamespace, "orders"}] = believing;
  LivenessScript script(options);
  const std::string_view expected = R"(
> check a http failures=1
  orders: a-1
> check b http failures=1
  orders: a-1 b-1
> check c http failures=1
  orders: a-1 b-1 c-1
> fail a
> fail b
> fail c
> advance 6000
  400 ms: orders: a-1[down] b-1 c-1
  1300 ms: orders: a-1[down] b-1 c-1[down]
  1600 ms: orders: a-1[down] b-1[down] c-1[down]
)";
  EXPECT_EQ(script.run(expected), expected.substr(1));
}

}  // namespace
}  // namespace callbook::core
