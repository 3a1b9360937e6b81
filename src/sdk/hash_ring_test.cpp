#include "sdk/hash_ring.h"

#include <set>

#include <gtest/gtest.h>

#include "base/hash.h"

namespace callbook::sdk {
namespace {

/// A list that owns its ids.
struct Listed {
  std::string id;
  uint32_t weight = 100;
};

std::vector<Listed> listed(int count) {
  std::vector<Listed> list;
  for (int i = 0; i < count; ++i) list.push_back({"orders-" + std::to_string(1'000 + i)});
  return list;
}

HashRing ring_of(const std::vector<Listed>& list) {
  std::vector<HashRing::Member> members;
  for (const Listed& one : list) members.push_back({one.id, one.weight});
  return HashRing(members);
}

/// Whose each of many keys is.
std::vector<std::string> owners(const std::vector<Listed>& list, int keys) {
  const HashRing ring = ring_of(list);
  std::vector<std::string> found;
  for (int key = 0; key < keys; ++key) {
    found.push_back(list[ring.member_at(base::xxh64("key " + std::to_string(key)))].id);
  }
  return found;
}

TEST(HashRing, FindsTheOwnerOfTheNextPointAndGoesAround) {
  const HashRing ring = ring_of(listed(3));
  ASSERT_EQ(ring.size(), 300u);
  // The first point, from its contract, by looking at all of them.
  std::vector<std::pair<uint64_t, uint32_t>> points;
  for (uint32_t member = 0; member < 3; ++member) {
    const uint64_t hash = base::xxh64(listed(3)[member].id);
    for (uint64_t j = 0; j < 100; ++j) {
      points.emplace_back(base::mix64(hash + j * 0x9E37'79B9'7F4A'7C15) >> 24, member);
    }
  }
  std::sort(points.begin(), points.end());
  for (int key = 0; key < 2'000; ++key) {
    const uint64_t hash = base::mix64(static_cast<uint64_t>(key));
    auto next = std::lower_bound(points.begin(), points.end(), std::pair{hash >> 24, 0u});
    if (next == points.end()) next = points.begin();
    EXPECT_EQ(ring.member_at(hash), next->second) << key;
  }
  EXPECT_EQ(ring.member_at(UINT64_MAX), points.front().second);
}

// What other processes, and other versions of this library, must find as well.
TEST(HashRing, IsTheSameEverywhere) {
  std::string found;
  for (const std::string& owner : owners(listed(10), 20)) found += owner.back();
  EXPECT_EQ(found, "92475201506505663157");
}

TEST(HashRing, AMemberThatGoesLeavesTheOthersTheirKeys) {
  constexpr int kMembers = 50;
  constexpr int kKeys = 20'000;
  const std::vector<Listed> before = listed(kMembers);
  std::vector<Listed> after = before;
  const std::string gone = after[17].id;
  after.erase(after.begin() + 17);
  const auto owners_before = owners(before, kKeys);
  const auto owners_after = owners(after, kKeys);
  int moved = 0;
  std::set<std::string> heirs;
  for (int key = 0; key < kKeys; ++key) {
    if (owners_before[key] == owners_after[key]) continue;
    ++moved;
    heirs.insert(owners_after[key]);
    EXPECT_EQ(owners_before[key], gone) << key;
  }
  EXPECT_GT(moved, kKeys / kMembers * 6 / 10);
  EXPECT_LT(moved, kKeys / kMembers * 14 / 10);
  EXPECT_GT(heirs.size(), 20u);  // not all to one neighbour
}

TEST(HashRing, AMemberOfMoreWeightOnlyGainsKeys) {
  const std::vector<Listed> before = listed(20);
  std::vector<Listed> after = before;
  after[3].weight = 130;
  const auto owners_before = owners(before, 20'000);
  const auto owners_after = owners(after, 20'000);
  int moved = 0;
  for (size_t key = 0; key < owners_before.size(); ++key) {
    if (owners_before[key] == owners_after[key]) continue;
    ++moved;
    EXPECT_EQ(owners_after[key], after[3].id);
  }
  EXPECT_NEAR(moved, 20'000 * 0.3 / 20.3, 150);
}

TEST(HashRing, HasPointsByWeightWhateverTheUnit) {
  EXPECT_EQ(ring_of({{"a", 1}, {"b", 2}, {"c", 3}}).size(), 32u + 64 + 96);
  EXPECT_EQ(ring_of({{"a", 100}, {"b", 200}, {"c", 300}}).size(), 50u + 100 + 150);
  EXPECT_EQ(ring_of({{"a", 65'535}, {"b", 65'535}}).size(), 128u + 128);
  EXPECT_EQ(ring_of({{"a", 1}, {"b", 1}, {"c", 65'535}}).size(), 1u + 1 + 256);
}

TEST(HashRing, OfManyMembersStaysWithinItsLimit) {
  std::vector<Listed> many = listed(10'000);
  for (size_t i = 0; i < many.size(); ++i) many[i].weight = i % 2 == 0 ? 1 : 65'535;
  EXPECT_LE(ring_of(many).size(), HashRing::kMaxPoints + many.size());
  EXPECT_EQ(ring_of({}).size(), 0u);
}

}  // namespace
}  // namespace callbook::sdk
