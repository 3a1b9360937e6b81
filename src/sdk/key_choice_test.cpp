#include "sdk/key_choice.h"

#include <cmath>
#include <set>

#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

std::vector<Member> members_of(const std::vector<uint32_t>& weights) {
  std::vector<Member> members;
  for (size_t i = 0; i < weights.size(); ++i) {
    Instance instance;
    instance.id = "o-" + std::to_string(10'000 + i);
    members.push_back({std::make_shared<const Instance>(std::move(instance)),
                       std::make_shared<Candidate>(), weights[i]});
  }
  return members;
}

std::string key_text(int key) {
  return "customer-" + std::to_string(key);
}

const Member* choose(const KeyChoice& choice, const std::string& key, uint64_t random = 0) {
  return choice.choose({.key = key}, SplitMix(random));
}

uint64_t bound(const std::vector<Member>& members, const Member& member, uint64_t total) {
  double weight = 0;
  for (const Member& one : members) weight += one.weight;
  return static_cast<uint64_t>(
      std::ceil(1.25 * static_cast<double>(total) * member.weight / weight));
}

TEST(KeyChoice, AKeyStaysWhereItIsWhileThereIsRoom) {
  const std::vector<Member> members = members_of(std::vector<uint32_t>(100, 100));
  const KeyChoice first(members);
  const KeyChoice second(members);
  std::set<const Member*> chosen;
  for (int key = 0; key < 1'000; ++key) {
    const Member* member = choose(first, key_text(key));
    chosen.insert(member);
    EXPECT_EQ(member, choose(first, key_text(key), 99)) << key;
    EXPECT_EQ(member, choose(second, key_text(key), 7)) << key;
  }
  EXPECT_GT(chosen.size(), 95u);
}

TEST(KeyChoice, CallsWithoutAKeyAreSpread) {
  const std::vector<Member> members = members_of(std::vector<uint32_t>(10, 100));
  const KeyChoice choice(members);
  std::set<const Member*> chosen;
  for (uint64_t random = 0; random < 200; ++random) chosen.insert(choose(choice, "", random));
  EXPECT_EQ(chosen.size(), 10u);
}

// Every call of one key: they fill its member up to the bound, then the next, and none beyond.
TEST(KeyChoice, NoMemberIsOverItsBoundOfAFewThatAreCountedExactly) {
  for (const std::vector<uint32_t>& weights :
       {std::vector<uint32_t>{100}, {100, 100}, {1, 2, 3, 4, 5, 6, 7, 8}, {10, 65'535, 10}}) {
    const std::vector<Member> members = members_of(weights);
    const KeyChoice choice(members);
    for (uint64_t total = 1; total <= 2'000; ++total) {
      const Member* chosen = choose(choice, total % 3 == 0 ? key_text(5) : "hot", total);
      ASSERT_NE(chosen, nullptr);
      ASSERT_LE(++chosen->candidate->outstanding, bound(members, *chosen, total)) << total;
    }
  }
}

TEST(KeyChoice, ManyMembersAreWithinTheirBoundsButForWhatIsNotYetCounted) {
  constexpr uint64_t kMembers = 400;
  const std::vector<Member> members = members_of(std::vector<uint32_t>(kMembers, 100));
  const KeyChoice choice(members);
  SplitMix random(3);
  uint64_t most_over = 0;
  for (uint64_t total = 1; total <= 8'000; ++total) {
    const Member* chosen =
        choose(choice, random.next() % 2 == 0 ? "hot" : key_text(int(total)), random.next());
    const uint64_t calls = ++chosen->candidate->outstanding;
    const uint64_t allowed = bound(members, *chosen, total);
    if (calls > allowed) most_over = std::max(most_over, calls - allowed);
  }
  EXPECT_LE(most_over, 1u);
}

TEST(KeyChoice, ASumThatIsOldDoesNotMakeEverybodyFull) {
  const std::vector<Member> members = members_of(std::vector<uint32_t>(400, 100));
  const KeyChoice choice(members);  // counts nothing under way
  for (const Member& member : members) member.candidate->outstanding = 10;
  members[0].candidate->outstanding = 1'000;
  for (int key = 0; key < 2'000; ++key) {
    EXPECT_NE(choose(choice, key_text(key), static_cast<uint64_t>(key)), &members[0]) << key;
  }
}

TEST(KeyChoice, KeysComeBackWhenLoadGoes) {
  const std::vector<Member> members = members_of({100, 100, 100, 100});
  const KeyChoice choice(members);
  const Member* own = choose(choice, "k");
  own->candidate->outstanding = 8;
  const Member* next = choose(choice, "k");
  EXPECT_NE(next, own);
  EXPECT_EQ(choose(choice, "k", 5), next);
  own->candidate->outstanding = 1;
  for (const Member& member : members) member.candidate->outstanding = 1;
  EXPECT_EQ(choose(choice, "k"), own);
}

TEST(KeyChoice, AFilterIsAbsoluteAndKeepsKeysTogether) {
  std::vector<Member> members = members_of(std::vector<uint32_t>(1'000, 100));
  const KeyChoice choice(members);
  // Three of a thousand: seldom near a key on the ring, so that all are looked at.
  const std::function<bool(const Instance&)> few = [](const Instance& instance) {
    return instance.id.ends_with("77") && instance.id > "o-10500" && instance.id < "o-10800";
  };
  std::set<std::string> chosen;
  for (int key = 0; key < 300; ++key) {
    const std::string text = key_text(key);
    const Wanted wanted{.key = text, .filter = &few};
    const Member* member = choice.choose(wanted, SplitMix(1));
    ASSERT_NE(member, nullptr);
    EXPECT_TRUE(few(*member->instance));
    EXPECT_EQ(member, choice.choose(wanted, SplitMix(2)));
    chosen.insert(member->instance->id);
  }
  EXPECT_EQ(chosen.size(), 3u);
  const std::function<bool(const Instance&)> none = [](const Instance&) { return false; };
  EXPECT_EQ(choice.choose({.key = "k", .filter = &none}, SplitMix(1)), nullptr);
}

TEST(KeyChoice, AvoidedAndFullAreTakenOnlyIfThereIsNoOther) {
  const std::vector<Member> members = members_of({100, 100, 100});
  const KeyChoice choice(members);
  const Member* own = choose(choice, "k");
  std::vector<std::string> avoided = {own->instance->id};
  const Member* second = choice.choose({.key = "k", .avoid = &avoided}, SplitMix(1));
  EXPECT_NE(second, own);
  avoided.push_back(second->instance->id);
  const Member* third = choice.choose({.key = "k", .avoid = &avoided}, SplitMix(1));
  EXPECT_TRUE(third != own && third != second);
  third->candidate->outstanding = 50;  // full, and still before those to avoid
  EXPECT_EQ(choice.choose({.key = "k", .avoid = &avoided}, SplitMix(1)), third);
  avoided.push_back(third->instance->id);
  EXPECT_NE(choice.choose({.key = "k", .avoid = &avoided}, SplitMix(1)), nullptr);
}

}  // namespace
}  // namespace callbook::sdk
