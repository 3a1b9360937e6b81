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

}  // namespace
}  // namespace callbook::core
