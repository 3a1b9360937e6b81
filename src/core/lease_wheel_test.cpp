#include "core/lease_wheel.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace callbook::core {
namespace {

TEST(LeaseWheel, AgreesWithASimpleModelUnderRandomUse) {
  std::mt19937 random(11);
  LeaseWheel wheel;
  struct Modelled {
    LeaseWheel::LeaseId id;
    int64_t ttl_ms;
    int64_t deadline_ms;
  };
  std::map<uint32_t, Modelled> model;  // by owner slot
  int64_t now_ms = 5'000;
  uint32_t next_slot = 0;
  std::vector<LeaseOwner> lapsed;
  for (int step = 0; step < 200'000; ++step) {
    const auto pick = [&] {
      return std::next(model.begin(),
                       static_cast<std::ptrdiff_t>(random() % std::min<size_t>(model.size(), 50)));
    };
    const uint32_t choice = random() % 10;
    if (choice < 3 || model.empty()) {
      const int64_t ttl_ms = random() % 20 == 0 ? 700'000 : 1'000 + random() % 20'000;
      const uint32_t slot = next_slot++;
      model[slot] = {wheel.add({LeaseKind::kInstance, slot}, ttl_ms, now_ms), ttl_ms,
                     now_ms + ttl_ms};
    } else if (choice < 7) {
      Modelled& one = pick()->second;
      wheel.renew(one.id, now_ms);
      one.deadline_ms = now_ms + one.ttl_ms;
    } else if (choice < 8) {
      const auto one = pick();
      wheel.remove(one->second.id);
      model.erase(one);
    } else {
      now_ms += random() % 500 == 0 ? 400'000 : random() % 60;
      lapsed.clear();
      wheel.advance(now_ms, lapsed);
      for (const LeaseOwner& owner : lapsed) {
        ASSERT_TRUE(model.contains(owner.slot));
        ASSERT_LE(model[owner.slot].deadline_ms, now_ms) << "lapsed early";
        wheel.remove(model[owner.slot].id);
        model.erase(owner.slot);
      }
      for (const auto& [slot, one] : model)
        ASSERT_GT(one.deadline_ms, now_ms - 100) << "lapsed late";
    }
    ASSERT_EQ(wheel.size(), model.size());
  }
}

TEST(LeaseWheel, ChecksComeWhenTheyAreDueAndAreNotExcused) {
  LeaseWheel wheel;
  std::vector<LeaseOwner> lapsed;
  const auto id = wheel.add({LeaseKind::kChecks, 7}, 1'000, 0);
  wheel.postpone(id, 3'000, 500);  // later, while it waits
  wheel.advance(2'900, lapsed);
  EXPECT_TRUE(lapsed.empty());
  wheel.renew_all(2'900);
  wheel.advance(3'100, lapsed);
  ASSERT_EQ(lapsed.size(), 1u);
  EXPECT_EQ(lapsed[0].kind, LeaseKind::kChecks);
  EXPECT_EQ(lapsed[0].slot, 7u);
  lapsed.clear();
  wheel.postpone(id, 3'400, 3'100);  // sooner than its first interval, once it has come
  wheel.advance(3'300, lapsed);
  EXPECT_TRUE(lapsed.empty());
  wheel.advance(3'500, lapsed);
  EXPECT_EQ(lapsed.size(), 1u);
}

TEST(LeaseWheel, ASuspendedLeaseWaitsForItsRenewal) {
  LeaseWheel wheel;
  std::vector<LeaseOwner> lapsed;
  const auto id = wheel.add({LeaseKind::kSession, 7}, 1'000, 0);
  wheel.suspend(id);
  wheel.advance(900'000, lapsed);
  EXPECT_TRUE(lapsed.empty());
  wheel.renew(id, 900'000);
  wheel.advance(900'900, lapsed);
  EXPECT_TRUE(lapsed.empty());
  wheel.advance(901'100, lapsed);
  ASSERT_EQ(lapsed.size(), 1u);
  EXPECT_EQ(lapsed[0].slot, 7u);
}

}  // namespace
}  // namespace callbook::core
