#include "node/name_claim.h"

#include <gtest/gtest.h>

namespace callbook::node {
namespace {

using Stage = NameClaim::Stage;
constexpr uint64_t kBoot = 100;

NameBearer bearer(uint64_t boot, bool serving = true) {
  return {"reg-2", "10.0.0.2:7070", boot, serving};
}

/// A claim, and the time that passes for it in ticks.
struct Claimed {
  NameClaim claim{kBoot};
  int64_t now_ms = 5'000;
  bool bus = true;
  bool asking = false;

  void pass(int64_t ms) {
    for (; ms > 0; ms -= 100) {
      now_ms += 100;
      claim.advance(now_ms, bus, asking);
    }
  }
  /// How long it takes until the name is its own; -1: more than a minute.
  int64_t until_owned() {
    for (int64_t ms = 0; ms <= 60'000; ms += 100) {
      if (claim.stage() == Stage::kOwned) return ms;
      pass(100);
    }
    return -1;
  }
};

TEST(NameClaim, OfANameThatNobodyHasIsGrantedSoon) {
  Claimed on_bus;
  on_bus.pass(1'500);
  EXPECT_EQ(on_bus.claim.stage(), Stage::kListening);
  EXPECT_LE(on_bus.until_owned(), 1'000);
  Claimed without;
  without.bus = false;
  without.pass(NameClaim::kAwayMs);
  EXPECT_EQ(without.claim.stage(), Stage::kListening);
  EXPECT_LE(without.until_owned(), 1'000);
}

TEST(NameClaim, IsRefusedForANodeThatGoesOnBeating) {
  Claimed one;
  one.pass(300);
  one.claim.heard(bearer(7), one.now_ms);
  one.pass(1'000);
  EXPECT_FALSE(one.claim.taken_by());
  one.claim.heard(bearer(7), one.now_ms);
  ASSERT_TRUE(one.claim.taken_by());
  EXPECT_EQ(one.claim.taken_by()->boot, 7u);
  EXPECT_EQ(one.claim.taken_by()->http, "10.0.0.2:7070");
  EXPECT_EQ(one.until_owned(), -1);
}

TEST(NameClaim, IsNotRefusedForWhatWasOnItsWayWhenAProcessWasKilled) {
  Claimed one;
  one.pass(100);
  for (int i = 0; i < 5; ++i)
    one.claim.heard(bearer(7), one.now_ms + i);  // a queue that was held up
  EXPECT_FALSE(one.claim.taken_by());
  EXPECT_LE(one.until_owned(), 3'000);
}

TEST(NameClaim, ABeatLateInTheQuestionIsWaitedFor) {
  Claimed one;
  one.pass(1'600);
  ASSERT_EQ(one.claim.stage(), Stage::kAnnouncing);
  one.pass(400);
  one.claim.heard(bearer(7), one.now_ms);
  one.pass(1'000);
  EXPECT_EQ(one.claim.stage(), Stage::kAnnouncing);
  one.claim.heard(bearer(7), one.now_ms);
  EXPECT_TRUE(one.claim.taken_by());
}

TEST(NameClaim, IsRefusedForANodeThatAnswersAtItsAddress) {
  Claimed one;
  one.claim.answered(bearer(7));
  ASSERT_TRUE(one.claim.taken_by());
}

TEST(NameClaim, WaitsForThoseThatWereAsked) {
  Claimed one;
  one.asking = true;
  one.pass(5'000);
  EXPECT_EQ(one.claim.stage(), Stage::kListening);
  one.asking = false;
  EXPECT_LE(one.until_owned(), 1'000);
}

TEST(NameClaim, OfTwoThatStartTogetherTheLowerBootGoesOn) {
  Claimed low;
  Claimed high;
  low.pass(1'600);
  high.pass(1'600);
  ASSERT_EQ(low.claim.stage(), Stage::kAnnouncing);
  low.claim.answered(bearer(kBoot + 1, false));
  high.claim.answered(bearer(kBoot - 1, false));
  EXPECT_FALSE(low.claim.taken_by());
  EXPECT_TRUE(high.claim.taken_by());
  EXPECT_LE(low.until_owned(), 1'000);
}

TEST(NameClaim, OneThatStillListensGivesWayToAnyThatBeats) {
  Claimed one;
  one.pass(500);
  one.claim.answered(bearer(kBoot + 1, false));
  EXPECT_TRUE(one.claim.taken_by());
}

TEST(NameClaim, OneThatAnnouncesGivesWayToAnyThatServes) {
  Claimed one;
  one.pass(1'600);
  one.claim.answered(bearer(kBoot + 1, true));
  EXPECT_TRUE(one.claim.taken_by());
}

TEST(NameClaim, ABusThatIsReachedLateIsListenedTo) {
  Claimed one;
  one.bus = false;
  ASSERT_NE(one.until_owned(), -1);
  one.bus = true;
  one.pass(100);
  EXPECT_EQ(one.claim.stage(), Stage::kListening);
  one.pass(1'400);
  EXPECT_EQ(one.claim.stage(), Stage::kListening);
  EXPECT_LE(one.until_owned(), 1'000);
}

TEST(NameClaim, ItsOwnPauseIsNoListening) {
  Claimed one;
  one.pass(100);
  one.now_ms += 10'000;
  one.pass(100);
  EXPECT_EQ(one.claim.stage(), Stage::kListening);
}

TEST(NameClaim, RivalsWithoutEndCostNoMemoryAndRefuseNothing) {
  Claimed one;
  for (uint64_t boot = 0; boot < 10'000; ++boot) one.claim.heard(bearer(boot), one.now_ms);
  EXPECT_NE(one.until_owned(), -1);
}

}  // namespace
}  // namespace callbook::node
