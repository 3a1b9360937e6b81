#include "cli/reclaim.h"

#include <gtest/gtest.h>

namespace callbook::cli {
namespace {

sdk::Random always(double number) {
  return [number] { return number; };
}

TEST(Reclaim, WaitsUntilTheIdHasBeenFreeForAWhile) {
  Reclaim reclaim(always(0));
  reclaim.registered(0);
  reclaim.lost(1'000);
  EXPECT_FALSE(reclaim.should_try("suspect", 2'000));
  EXPECT_FALSE(reclaim.should_try(std::nullopt, 3'000));
  EXPECT_FALSE(reclaim.should_try("up", 7'000)) << "its holder has restarted";
  EXPECT_FALSE(reclaim.should_try("down", 9'000));
  EXPECT_FALSE(reclaim.should_try(std::nullopt, 13'999));
  EXPECT_TRUE(reclaim.should_try(std::nullopt, 14'000));
}

TEST(Reclaim, OnlyAHolderThatDoesNotLiveIsGone) {
  for (const char* state :
       {"up", "suspect", "draining", "out_of_service", "starting", "not_ready", "failing"}) {
    Reclaim reclaim(always(0));
    reclaim.lost(0);
    reclaim.should_try(state, 0);
    EXPECT_FALSE(reclaim.should_try(state, 100'000)) << state;
  }
  for (const char* state : {"down", "protected", "unattended"}) {
    Reclaim reclaim(always(0));
    reclaim.lost(0);
    EXPECT_FALSE(reclaim.should_try(state, 0)) << state;
    EXPECT_TRUE(reclaim.should_try(state, Reclaim::kFirstCalmMs)) << state;
  }
}

/// How long the id must have been free after each of several losses.
TEST(Reclaim, EachLossDoublesTheWhileUntilTheIdIsHeldForLong) {
  Reclaim reclaim(always(0));
  int64_t now_ms = 0;
  const auto lose_after = [&](int64_t held_ms) {
    reclaim.registered(now_ms);
    now_ms += held_ms;
    reclaim.registered(now_ms);  // again, after some trouble
    reclaim.lost(now_ms);
    int64_t calm_ms = 0;
    while (!reclaim.should_try(std::nullopt, now_ms + calm_ms)) calm_ms += 1'000;
    now_ms += calm_ms;
    return calm_ms;
  };
  for (const int64_t expected : {5'000, 10'000, 20'000, 40'000, 60'000, 60'000}) {
    EXPECT_EQ(lose_after(10'000), expected);
  }
  EXPECT_EQ(lose_after(Reclaim::kSettledMs), 5'000);
  EXPECT_EQ(lose_after(0), 10'000);
}

TEST(Reclaim, LooksGrowRareAndAreSpread) {
  Reclaim reclaim(always(0));
  reclaim.lost(0);
  for (const int64_t expected : {500, 1'000, 2'000, 4'000, 7'500, 7'500}) {
    EXPECT_EQ(reclaim.next_look_ms(), expected);
  }
  EXPECT_FALSE(reclaim.should_try(std::nullopt, 90'000));
  EXPECT_EQ(reclaim.next_look_ms(), 500) << "it may be free soon";

  Reclaim other(always(0.999));
  other.lost(0);
  EXPECT_EQ(other.next_look_ms(), 999);
}

}  // namespace
}  // namespace callbook::cli
