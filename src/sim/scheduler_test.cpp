#include "sim/scheduler.h"

#include <vector>

#include <gtest/gtest.h>

namespace callbook::sim {
namespace {

TEST(Scheduler, RunsInTheOrderOfTimesAndThenOfScheduling) {
  Scheduler scheduler;
  std::vector<int> ran;
  scheduler.at(20, [&] { ran.push_back(3); });
  scheduler.at(10, [&] { ran.push_back(1); });
  scheduler.at(10, [&] { ran.push_back(2); });
  scheduler.at(30, [&] { ran.push_back(4); });
  scheduler.run_until(20);
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(scheduler.now_ms(), 20);
  EXPECT_EQ(scheduler.events_run(), 3u);
}

TEST(Scheduler, RunsWhatIsScheduledMeanwhileInTheSameMoment) {
  Scheduler scheduler;
  std::vector<int> ran;
  scheduler.at(10, [&] {
    ran.push_back(1);
    scheduler.after(0, [&] { ran.push_back(3); });
  });
  scheduler.at(10, [&] { ran.push_back(2); });
  scheduler.run_until(10);
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 3}));
}

TEST(Scheduler, WhatIsLateRunsNow) {
  Scheduler scheduler;
  scheduler.run_until(100);
  int64_t at_ms = 0;
  scheduler.at(50, [&] { at_ms = scheduler.now_ms(); });
  scheduler.run_until(100);
  EXPECT_EQ(at_ms, 100);
}

}  // namespace
}  // namespace callbook::sim
