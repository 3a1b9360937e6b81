#include "bus/nats/doubt.h"

#include <gtest/gtest.h>

namespace callbook::bus::nats {
namespace {

TEST(Doubt, AServerAloneIsBelievedSoon) {
  Doubt doubt;
  EXPECT_FALSE(doubt.certain(true, 5'000));
  doubt.note(true, 5'000);
  doubt.note(true, 5'500);
  EXPECT_FALSE(doubt.certain(true, 5'999));
  EXPECT_TRUE(doubt.certain(true, 6'000));
}

TEST(Doubt, ANewLeaderIsGivenTimeToTakeInItsLog) {
  Doubt doubt;
  doubt.note(true, 5'000);
  EXPECT_TRUE(doubt.any());
  EXPECT_FALSE(doubt.certain(false, 14'999));
  EXPECT_TRUE(doubt.certain(false, 15'000));
}

TEST(Doubt, OneLookWithoutItEndsIt) {
  Doubt doubt;
  doubt.note(true, 5'000);
  doubt.note(false, 14'000);
  EXPECT_FALSE(doubt.any());
  doubt.note(true, 14'100);
  EXPECT_FALSE(doubt.certain(false, 15'100));
  EXPECT_TRUE(doubt.certain(false, 24'100));
}

}  // namespace
}  // namespace callbook::bus::nats
