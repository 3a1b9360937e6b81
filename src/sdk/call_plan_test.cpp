#include "sdk/call_plan.h"

#include <thread>

#include "callbook/guard.h"
#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

using std::chrono::milliseconds;

struct Scene {
  explicit Scene(CallPolicy asked = {}) : policy(std::move(asked)) {}
  CallPlan::Decision after(Outcome outcome, const std::string& id = "a") {
    return plan.after(outcome, id, 0.5, now_ms);
  }
  CallPolicy policy;
  RetryBudget budget{0.2};
  int64_t now_ms = 5'000'000;
  CallPlan plan{policy, budget, now_ms};
};

CallPolicy idempotent() {
  CallPolicy policy;
  policy.idempotent = true;
  return policy;
}

TEST(CallPlan, AnAnswerEndsIt) {
  Scene scene;
  EXPECT_FALSE(scene.after(Outcome::kAnswered).again);
  EXPECT_TRUE(scene.plan.result());
  EXPECT_EQ(scene.plan.result().attempts, 1u);
}

TEST(CallPlan, WhatWasNotServedIsTriedElsewhereAtOnce) {
  for (Outcome outcome : {Outcome::kRefused, Outcome::kNotSent}) {
    Scene scene;
    const auto decision = scene.after(outcome, "a");
    EXPECT_TRUE(decision.again);
    EXPECT_EQ(decision.wait_ms, 0);
    EXPECT_EQ(scene.plan.tried(), std::vector<std::string>{"a"});
  }
}

TEST(CallPlan, WhatMayHaveBeenServedOnlyIfThatDoesNoHarm) {
  Scene scene;
  EXPECT_FALSE(scene.after(Outcome::kFailed).again);
  EXPECT_FALSE(scene.plan.result());
  EXPECT_EQ(scene.plan.result().error,
            "'a' broke off or did not answer in time, and the call may have been served");
  Scene harmless(idempotent());
  EXPECT_TRUE(harmless.after(Outcome::kFailed).again);
}

TEST(CallPlan, TheSameInstanceIsNotCalledAgainWithoutAPause) {
  Scene scene;
  EXPECT_EQ(scene.after(Outcome::kRefused, "a").wait_ms, 0);
  EXPECT_EQ(scene.after(Outcome::kRefused, "b").wait_ms, 0);
  EXPECT_GT(scene.after(Outcome::kRefused, "a").wait_ms, 0);
}

TEST(CallPlan, AttemptsAreCounted) {
  CallPolicy policy;
  policy.max_attempts = 3;
  Scene scene(policy);
  EXPECT_TRUE(scene.after(Outcome::kNotSent, "a").again);
  EXPECT_TRUE(scene.after(Outcome::kNotSent, "b").again);
  EXPECT_FALSE(scene.after(Outcome::kNotSent, "c").again);
  EXPECT_EQ(scene.plan.result().attempts, 3u);
  EXPECT_EQ(scene.plan.result().error, "'c' could not be reached; it was the last of 3 attempts");
}

TEST(CallPlan, TheDeadlineIsForAllOfIt) {
  CallPolicy policy;
  policy.deadline = milliseconds(1'000);
  policy.attempt_timeout = milliseconds(300);
  Scene scene(policy);
  EXPECT_EQ(scene.plan.attempt_ms(scene.now_ms), 300);
  scene.now_ms += 900;
  EXPECT_TRUE(scene.after(Outcome::kNotSent, "a").again);
  EXPECT_EQ(scene.plan.attempt_ms(scene.now_ms), 100);
  EXPECT_LE(scene.plan.after_nobody(0.99, scene.now_ms).wait_ms, 21);
  scene.now_ms += 100;
  EXPECT_EQ(scene.plan.attempt_ms(scene.now_ms), 0);
  EXPECT_FALSE(scene.plan.after_nobody(0.5, scene.now_ms).again);
  EXPECT_EQ(scene.plan.result().error, "there is nobody to call");
}

TEST(RetryBudget, AShareOfTheCallsOfTheLastSecondsAndAFewAlways) {
  RetryBudget budget(0.2);
  const auto left = [&](int64_t now_ms) {
    int taken = 0;
    while (budget.take(now_ms)) ++taken;
    return taken;
  };
  EXPECT_EQ(left(1'000'000), 10);
  for (int i = 0; i < 1'000; ++i) budget.note_call(1'002'000);
  EXPECT_EQ(left(1'002'000), 200);
  EXPECT_EQ(left(1'009'000), 0);
  EXPECT_EQ(left(1'010'500), 10);  // the first ten are forgotten
  EXPECT_EQ(left(1'012'500), 0);   // so are the calls, and the retries that they allowed
  EXPECT_EQ(left(1'020'500), 10);
}

TEST(RetryBudget, ManyThreadsTakeNoMoreThanThereIs) {
  RetryBudget budget(0.5);
  for (int i = 0; i < 10'000; ++i) budget.note_call(7'000);
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (budget.take(7'000)) ++taken;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(taken, 5'010);
  EXPECT_LE(taken, 5'010 + 4);  // each may have looked before the others took
}

TEST(Guard, LetsInOnlyWhenReadyAndNotWhenDraining) {
  Guard guard;
  EXPECT_EQ(guard.admit("orders").refusal(), Refusal::kNotReady);
  guard.set_ready();
  {
    const auto admission = guard.admit("orders");
    EXPECT_TRUE(admission);
    EXPECT_EQ(guard.in_flight(), 1u);
    guard.drain();
    EXPECT_EQ(guard.admit("orders").refusal(), Refusal::kDraining);
    EXPECT_EQ(guard.in_flight(), 1u);
    EXPECT_FALSE(guard.wait_idle(milliseconds(5)));
  }
  {
    Guard busy;
    busy.set_ready();
    auto admission = std::make_unique<Guard::Admission>(busy.admit());
    busy.drain();
    std::thread last([&] { admission.reset(); });
    EXPECT_TRUE(busy.wait_idle(milliseconds(60'000)));
    last.join();
  }
  EXPECT_TRUE(guard.wait_idle(milliseconds(0)));
}

TEST(Guard, RefusesWhatIsNotServedHere) {
  Guard guard({"orders", "billing/eu"});
  guard.set_ready();
  EXPECT_TRUE(guard.admit());
  EXPECT_TRUE(guard.admit("orders", "anything"));
  EXPECT_TRUE(guard.admit("billing", "eu"));
  EXPECT_TRUE(guard.admit("billing"));
  EXPECT_EQ(guard.admit("billing", "us").refusal(), Refusal::kNotServed);
  EXPECT_EQ(guard.admit("ledger").refusal(), Refusal::kNotServed);
  EXPECT_EQ(guard.admit("order").refusal(), Refusal::kNotServed);
  EXPECT_EQ(guard.in_flight(), 0u);
}

TEST(Guard, RefusalsHaveNames) {
  for (Refusal refusal : {Refusal::kNotReady, Refusal::kDraining, Refusal::kNotServed}) {
    EXPECT_EQ(refusal_from(name_of(refusal)), refusal);
  }
  EXPECT_FALSE(refusal_from("unavailable").has_value());
}

}  // namespace
}  // namespace callbook::sdk
