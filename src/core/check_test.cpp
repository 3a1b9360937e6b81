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
  1100 ms: orders: c-1 p-1[protected]
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
  1600 ms: orders: c-1[suspect] p-1 q-1
  5800 ms: orders: c-1[down] p-1 q-1
> open c
> advance 6000
  4100 ms: orders: c-1 p-1 q-1
> fail c
> advance 2500
  200 ms: orders: c-1[suspect] p-1 q-1
> open c
> advance 4000
  1900 ms: orders: c-1 p-1 q-1
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
  500 ms: orders: c-1 d-1[down] p-1
  800 ms: orders: c-1[down] d-1[down] p-1
  6800 ms: orders: c-1[down] p-1
> open c
> advance 4000
  1800 ms: orders: c-1 p-1
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
  1100 ms: orders: c-1[suspect] p-1 q-1 r-1
  5300 ms: orders: c-1[down] p-1 q-1 r-1
  11600 ms: orders: p-1 q-1 r-1
> advance 60000
)"},
    {"ManyThatFailAtOnceAreProtected", R"(
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
  600 ms: orders: a-1[suspect] b-1 c-1 d-1
  1500 ms: orders: a-1[suspect] b-1 c-1[suspect] d-1
  1800 ms: orders: a-1[suspect] b-1[suspect] c-1[suspect] d-1
  4800 ms: orders: a-1[down] b-1[suspect] c-1[suspect] d-1
  5700 ms: orders: a-1[down] b-1[suspect] c-1[protected] d-1
  6000 ms: orders: a-1[down] b-1[protected] c-1[protected] d-1
  6900 ms: orders: b-1[protected] c-1[protected] d-1
> open a
> open b
> advance 4000
  700 ms: orders: b-1 c-1[protected] d-1
  2500 ms: orders: b-1 c-1[down] d-1
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
  1800 ms: orders: c-1[down] d-1 p-1
> restart
> advance 4000
> open c
> advance 4000
  200 ms: orders: c-1 d-1 p-1
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
> results
> shut c 8002
> advance 5000
> open c 8001
> advance 6000
> results
> open c 8002
> advance 5000
> results
)"},
    {"AllChecksMustHavePassedBeforeItIsUp", R"(
> process p
  orders: p-1
> process q
  orders: p-1 q-1
> checks c a=tcp:8001 b=http:8002@6000 successes=2
  orders: c-1[suspect] p-1 q-1
> results
> advance 12000
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
> open c 8001
> advance 4000
> open c 8002
> advance 4000
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
> checks c a=http:8001 failures=2
> results
> checks c a=http:8001 failures=2 b=tcp:8002
> results
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
> open c
> advance 4000
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
> fail c
> advance 4000
> open b
> advance 4000
> fail b
> advance 4000
)"},
    {"TwoThatFailAreDown", R"(
> check a http failures=1
  orders: a-1
> check b http failures=1
  orders: a-1 b-1
> fail a
> fail b
> advance 6000
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
> shut b
> shut c
> advance 4000
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
> fail a
> fail b
> fail c
> advance 6000
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
> fail b
> fail c
> advance 10000
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
)";
  EXPECT_EQ(script.run(expected), expected.substr(1));
}

}  // namespace
}  // namespace callbook::core
