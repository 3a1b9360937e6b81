#include "core/check_runs.h"

#include <gtest/gtest.h>

namespace callbook::core {
namespace {

using Outcome = ProbeResult::Outcome;
using Verdict = CheckRun::Verdict;

constexpr int64_t kNowMs = 1'000'000;
const Liveness kNew = {1, {}, 0, false, Cause::kRegistered, 0, Health::kSuspect};

Liveness believed(Health health, Cause cause) {
  Liveness liveness = kNew;
  liveness.health = health;
  liveness.cause = cause;
  return liveness;
}

CheckRule rule(uint32_t failures = 3, uint32_t successes = 1, int64_t remove_after_ms = 0) {
  CheckRule made;
  made.failures = failures;
  made.successes = successes;
  made.remove_after_ms = remove_after_ms;
  return made;
}

CheckRuns one(CheckRule of, const Liveness& from = kNew) {
  return CheckRuns({{"check", 5'000, std::move(of)}}, from, 0, kNowMs);
}

/// Has the check made, with this result.
void give(CheckRuns& runs, size_t index, Outcome outcome, int64_t now_ms = kNowMs) {
  static uint32_t serial = 0;
  runs.begin(index, ++serial);
  ASSERT_TRUE(runs.take(index, serial, {0, outcome, 7, {}}, now_ms));
}

void expect(const CheckRuns& runs, Health health, Cause cause) {
  EXPECT_EQ(runs.judgement().health, health);
  EXPECT_EQ(runs.judgement().cause, cause);
}

TEST(CheckRuns, ThresholdsDecideAndARefusalIsBelievedAtOnce) {
  CheckRuns runs = one(rule(2, 2));
  expect(runs, Health::kSuspect, Cause::kRegistered);
  give(runs, 0, Outcome::kAnswered);
  expect(runs, Health::kSuspect, Cause::kRegistered);
  give(runs, 0, Outcome::kAnswered);
  expect(runs, Health::kUp, Cause::kProbeAnswered);
  give(runs, 0, Outcome::kFailed);
  expect(runs, Health::kSuspect, Cause::kCheckFailed);
  give(runs, 0, Outcome::kAnswered);  // once is enough for one that was only doubted
  expect(runs, Health::kUp, Cause::kProbeAnswered);
  give(runs, 0, Outcome::kFailed);
  give(runs, 0, Outcome::kSilent);
  expect(runs, Health::kDown, Cause::kProbeTimedOut);
  give(runs, 0, Outcome::kAnswered);
  expect(runs, Health::kDown, Cause::kProbeTimedOut);
  give(runs, 0, Outcome::kRefused);
  expect(runs, Health::kRefused, Cause::kProbeRefused);
  give(runs, 0, Outcome::kAnswered);
  give(runs, 0, Outcome::kAnswered);
  expect(runs, Health::kUp, Cause::kProbeAnswered);
  give(runs, 0, Outcome::kUntested);
  expect(runs, Health::kUp, Cause::kProbeAnswered);
}

TEST(CheckRuns, TheWorstCounts) {
  const auto three = [] {
    return CheckRuns({{"a", 5'000, rule(2)}, {"b", 5'000, rule(2)}, {"c", 5'000, rule(2)}},
                     believed(Health::kUp, Cause::kProbeAnswered), 0, kNowMs);
  };
  CheckRuns runs = three();
  give(runs, 1, Outcome::kFailed);
  expect(runs, Health::kSuspect, Cause::kCheckFailed);
  give(runs, 2, Outcome::kSilent);
  give(runs, 2, Outcome::kSilent);
  expect(runs, Health::kDown, Cause::kProbeTimedOut);
  give(runs, 0, Outcome::kRefused);
  expect(runs, Health::kRefused, Cause::kProbeRefused);
  give(runs, 0, Outcome::kAnswered);
  give(runs, 2, Outcome::kAnswered);
  expect(runs, Health::kSuspect, Cause::kCheckFailed);
  give(runs, 1, Outcome::kAnswered);
  expect(runs, Health::kUp, Cause::kProbeAnswered);
}

TEST(CheckRuns, WhatIsKnownOfTheInstanceHoldsUntilACheckHasResults) {
  CheckRuns runs = one(rule(3, 2), believed(Health::kProtected, Cause::kCheckFailed));
  expect(runs, Health::kDown, Cause::kCheckFailed);
  give(runs, 0, Outcome::kAnswered);
  expect(runs, Health::kDown, Cause::kCheckFailed);
  give(runs, 0, Outcome::kAnswered);
  expect(runs, Health::kUp, Cause::kProbeAnswered);

  expect(one(rule(), believed(Health::kUp, Cause::kHomeLost)), Health::kUp, Cause::kProbeAnswered);
  expect(one(rule(), believed(Health::kRefused, Cause::kProbeRefused)), Health::kRefused,
         Cause::kProbeRefused);
  runs = one(rule(3, 2), believed(Health::kSuspect, Cause::kProbeTimedOut));
  expect(runs, Health::kSuspect, Cause::kProbeTimedOut);
  give(runs, 0, Outcome::kAnswered);
  expect(runs, Health::kUp, Cause::kProbeAnswered);
}

TEST(CheckRuns, OnlyTheProbeUnderWayIsHeard) {
  CheckRuns runs = one(rule(1));
  const ProbeResult failed{0, Outcome::kFailed, 7, "HTTP 500"};
  EXPECT_FALSE(runs.take(0, 0, failed, kNowMs));  // none is under way
  runs.begin(0, 5);
  runs.begin(0, 6);
  EXPECT_FALSE(runs.take(0, 5, failed, kNowMs));
  EXPECT_FALSE(runs.take(1, 6, failed, kNowMs));
  EXPECT_TRUE(runs.pass_over(0, 6));
  EXPECT_FALSE(runs.take(0, 6, failed, kNowMs));
  EXPECT_EQ(runs[0].checked_ms, 0);
  runs.begin(0, 7);
  EXPECT_TRUE(runs.take(0, 7, failed, kNowMs));
  EXPECT_EQ(runs[0].checked_ms, kNowMs);
  EXPECT_EQ(runs[0].elapsed_ms, 7);
  EXPECT_EQ(runs[0].output, "HTTP 500");
}

TEST(CheckRuns, WhatTheProberDoesNotSayIsSaidForPeople) {
  CheckRuns runs = one(rule());
  const std::pair<Outcome, const char*> kOutputs[] = {
      {Outcome::kAnswered, "connected"},
      {Outcome::kRefused, "connection refused"},
      {Outcome::kSilent, "no answer within 1000 ms"},
      {Outcome::kFailed, "not as expected"},
      {Outcome::kUntested, "could not be asked from here"}};
  for (const auto& [outcome, output] : kOutputs) {
    give(runs, 0, outcome);
    EXPECT_EQ(runs[0].output, output);
  }
  runs.begin(0, 1);
  runs.take(0, 1, {0, Outcome::kFailed, 0, std::string(1'000, 'x')}, kNowMs);
  EXPECT_EQ(runs[0].output, std::string(256, 'x'));
}

std::vector<size_t> due(CheckRuns& runs, int64_t now_ms) {
  std::vector<size_t> begun;
  runs.take_due(now_ms, [&](size_t index) { begun.push_back(index); });
  return begun;
}

TEST(CheckRuns, EachHasAnIntervalOfItsOwn) {
  CheckRuns runs({{"a", 1'000, rule()}, {"b", 4'000, rule()}},
                 believed(Health::kUp, Cause::kProbeAnswered), 0, kNowMs);
  EXPECT_EQ(runs.shortest_interval_ms(), 1'000);
  EXPECT_EQ(runs[0].due_ms, kNowMs + 1'000);
  EXPECT_LE(runs[1].due_ms, kNowMs + 4'000);
  std::array<int, 2> begun{};
  for (int64_t now_ms = kNowMs; now_ms <= kNowMs + 40'000; now_ms += 100) {
    EXPECT_LE(now_ms - 100, runs.next_due_ms());
    for (const size_t index : due(runs, now_ms)) ++begun[index];
  }
  EXPECT_EQ(begun[0], 40);
  EXPECT_EQ(begun[1], 10);
}

TEST(CheckRuns, OneThatIsUnderWayIsWaitedForOnce) {
  CheckRuns runs = one(rule());
  const int64_t due_ms = runs[0].due_ms;
  EXPECT_EQ(due(runs, due_ms).size(), 1u);
  runs.begin(0, 5);
  EXPECT_TRUE(due(runs, due_ms + 5'000).empty());
  EXPECT_TRUE(runs[0].owed);  // its time-out is as long as the interval: to be begun when it comes
  EXPECT_TRUE(runs.take(0, 5, {0, Outcome::kSilent, 5'000, {}}, due_ms + 5'001));
  EXPECT_TRUE(runs[0].owed);
  runs.begin(0, 6);
  EXPECT_FALSE(runs[0].owed);
  EXPECT_TRUE(due(runs, due_ms + 10'000).empty());
  EXPECT_EQ(due(runs, due_ms + 15'000).size(), 1u);  // it has got lost
  runs.begin(0, 7);
  EXPECT_FALSE(runs.take(0, 6, {0, Outcome::kSilent, 5'000, {}}, due_ms + 15'001));
}

TEST(CheckRuns, DuesAreSpreadOverTheIntervalAndDoNotDrift) {
  std::array<int, 10> by_tenth{};
  for (uint64_t spread = 0; spread < 1'000; ++spread) {
    CheckRuns runs({{"a", 1'000, rule()}, {"b", 1'000, rule()}}, kNew, spread * 7'919, kNowMs);
    for (size_t i = 0; i < 2; ++i) {
      const int64_t after_ms = runs[i].due_ms - kNowMs;
      ASSERT_GT(after_ms, 0);
      ASSERT_LE(after_ms, 1'000);
      ++by_tenth[static_cast<size_t>((after_ms - 1) / 100)];
    }
    const int64_t first_ms = runs[0].due_ms;
    due(runs, first_ms + 80);
    EXPECT_EQ(runs[0].due_ms, first_ms + 1'000);
  }
  for (const int count : by_tenth) EXPECT_GT(count, 120);
}

TEST(CheckRuns, WhatWasMissedIsNotMadeUpFor) {
  CheckRuns runs({{"a", 1'000, rule()}, {"b", 1'000, rule()}}, kNew, 123, kNowMs);
  const int64_t first_ms = runs[0].due_ms;
  runs.skip_missed(kNowMs + 10'500);
  EXPECT_GT(runs.next_due_ms(), kNowMs + 10'500);
  EXPECT_EQ((runs[0].due_ms - first_ms) % 1'000, 0);
  EXPECT_EQ(due(runs, kNowMs + 30'000).size(), 2u);
  EXPECT_GT(runs.next_due_ms(), kNowMs + 30'000);
}

TEST(CheckRuns, OneThatIsNotUpDoesNotWaitForTheCheckOfTheHour) {
  const CheckSet checks = {{"a", 1'000, rule()}, {"b", 3'600'000, rule()}};
  CheckRuns runs(checks, believed(Health::kDown, Cause::kCheckFailed), 123, kNowMs);
  EXPECT_LE(runs[1].due_ms, kNowMs + 1'000);
  runs.skip_missed(kNowMs + 1'000);
  EXPECT_LE(runs[1].due_ms, kNowMs + 2'000);
  const int64_t due_ms = runs[1].due_ms;
  due(runs, due_ms);
  EXPECT_EQ(runs[1].due_ms, due_ms + 3'600'000);
}

TEST(CheckRuns, RemovalIsDueSoLongAfterTheFirstFailure) {
  CheckRuns runs({{"a", 1'000, rule(2, 1, 10'000)}, {"b", 1'000, rule(2, 1, 10'000)}}, kNew, 0,
                 kNowMs);
  give(runs, 0, Outcome::kSilent, kNowMs);
  EXPECT_EQ(runs.removal(kNowMs + 10'000), nullptr);  // it has not failed often enough
  give(runs, 0, Outcome::kSilent, kNowMs + 3'000);
  EXPECT_EQ(runs.removal(kNowMs + 9'999), nullptr);
  ASSERT_NE(runs.removal(kNowMs + 10'000), nullptr);
  EXPECT_EQ(runs.removal(kNowMs + 10'000)->name, "a");
  // What is answered is believed before what is not.
  give(runs, 1, Outcome::kFailed, kNowMs);
  give(runs, 1, Outcome::kFailed, kNowMs + 1'000);
  EXPECT_EQ(runs.removal(kNowMs + 10'000)->name, "b");
  give(runs, 1, Outcome::kAnswered, kNowMs + 2'000);
  EXPECT_EQ(runs.removal(kNowMs + 10'000)->name, "a");
  give(runs, 0, Outcome::kAnswered, kNowMs + 4'000);
  give(runs, 0, Outcome::kRefused, kNowMs + 5'000);
  EXPECT_EQ(runs.removal(kNowMs + 14'999), nullptr);
  EXPECT_EQ(runs.removal(kNowMs + 15'000)->cause, Cause::kProbeRefused);
}

TEST(CheckRuns, WithoutAWishItIsNeverRemoved) {
  CheckRuns runs = one(rule(1));
  give(runs, 0, Outcome::kRefused);
  EXPECT_EQ(runs.removal(kNowMs + 1'000'000'000), nullptr);
}

}  // namespace
}  // namespace callbook::core
