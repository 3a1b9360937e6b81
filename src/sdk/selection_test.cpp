#include "sdk/selection.h"

#include <cmath>
#include <map>

#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

using Filter = std::function<bool(const Instance&)>;

struct Listed {
  uint32_t weight = 100;
  std::string zone = "z";
};

std::vector<Member> members_of(const std::vector<Listed>& list) {
  std::vector<Member> members;
  for (size_t i = 0; i < list.size(); ++i) {
    Instance instance;
    instance.id = "o-" + std::to_string(i);
    instance.zone = list[i].zone;
    members.push_back({std::make_shared<const Instance>(std::move(instance)),
                       std::make_shared<Candidate>(), list[i].weight});
  }
  return members;
}

std::vector<Member> members_by_weight(const std::vector<uint32_t>& weights) {
  std::vector<Listed> list;
  for (const uint32_t weight : weights) list.push_back({weight});
  return members_of(list);
}

std::string id_of(const Member* member) {
  return member == nullptr ? "none" : member->instance->id;
}

/// How often each id is chosen of so many idle calls.
std::map<std::string, int> choices(const Selection& selection, int calls, uint64_t seed,
                                   const Wanted& wanted = {}) {
  SplitMix random(seed);
  std::map<std::string, int> chosen;
  for (int i = 0; i < calls; ++i) ++chosen[id_of(selection.choose(wanted, random.next()))];
  return chosen;
}

/// Expects `chosen` of `calls` within five standard deviations of `share`.
void expect_share(int chosen, int calls, double share, const std::string& what) {
  const double slack = 5 * std::sqrt(share * (1 - share) * calls) + 1e-9;
  EXPECT_NEAR(chosen, share * calls, slack) << what;
}

constexpr int kCalls = 40'000;
constexpr Choice kAll[] = {Choice::kLeastLoaded, Choice::kRoundRobin, Choice::kConsistentHash};

TEST(Selection, OfNobodyAndOfOne) {
  for (const Choice choice : kAll) {
    EXPECT_EQ(id_of(Selection({}, {choice}).choose({}, 1)), "none");
    EXPECT_EQ(id_of(Selection({}, {choice, {"z", 100, 0}}).choose({}, 1)), "none");
    const Selection one(members_by_weight({1}), {choice});
    const std::vector<std::string> avoided = {"o-0"};
    const Filter none = [](const Instance&) { return false; };
    for (uint64_t random = 0; random < 50; ++random) {
      EXPECT_EQ(id_of(one.choose({}, random)), "o-0");
      EXPECT_EQ(id_of(one.choose({.key = "k"}, random)), "o-0");
      EXPECT_EQ(id_of(one.choose({.avoid = &avoided}, random)), "o-0");
      EXPECT_EQ(id_of(one.choose({.filter = &none}, random)), "none");
    }
  }
}

TEST(Selection, IdleMembersAreChosenByWeight) {
  for (const std::vector<uint32_t>& weights :
       {std::vector<uint32_t>{100, 100}, {10, 30}, {1, 2, 3, 4}, {1, 65'535}}) {
    double total = 0;
    for (const uint32_t weight : weights) total += weight;
    const Selection selection(members_by_weight(weights), {});
    auto chosen = choices(selection, kCalls, 11);
    for (size_t i = 0; i < weights.size(); ++i) {
      const std::string id = "o-" + std::to_string(i);
      expect_share(chosen[id], kCalls, weights[i] / total, id);
    }
  }
}

TEST(Selection, TheLessLoadedOfTwoIsTaken) {
  const Selection selection(members_by_weight({100, 100}), {});
  const Member& busy = selection.members()[0];
  busy.candidate->outstanding = 1;
  EXPECT_EQ(choices(selection, 1'000, 5), (std::map<std::string, int>{{"o-1", 1'000}}));
}

TEST(Selection, LoadIsComparedByWeight) {
  const Selection selection(members_by_weight({100, 300}), {});
  selection.members()[0].candidate->outstanding = 1;
  selection.members()[1].candidate->outstanding = 4;  // 5/300 is less than 2/100
  EXPECT_EQ(choices(selection, 1'000, 5), (std::map<std::string, int>{{"o-1", 1'000}}));
  selection.members()[1].candidate->outstanding = 6;  // 7/300 is more
  EXPECT_EQ(choices(selection, 1'000, 5), (std::map<std::string, int>{{"o-0", 1'000}}));
}

TEST(Selection, AnIdleOneOfManyIsPreferred) {
  const Selection selection(members_by_weight(std::vector<uint32_t>(10, 100)), {});
  for (const Member& member : selection.members()) member.candidate->outstanding = 5;
  selection.members()[3].candidate->outstanding = 0;
  // In either of two draws, or as the stand-in of the one before it drawn twice.
  expect_share(choices(selection, kCalls, 5)["o-3"], kCalls, 0.2, "the idle one");
}

TEST(Selection, CallsThatLastAreSpreadByWeight) {
  // Many under way at once: nobody is far from its share.
  const Selection selection(members_by_weight({50, 100, 150, 200}), {});
  SplitMix random(23);
  for (int i = 0; i < 500; ++i) {
    ++selection.choose({}, random.next())->candidate->outstanding;
  }
  for (const Member& member : selection.members()) {
    EXPECT_NEAR(static_cast<double>(member.outstanding()), member.weight, 4);
  }
}

TEST(Selection, TurnsAreExactInEachCycle) {
  const Selection selection(members_by_weight({100, 50, 250}), {Choice::kRoundRobin});
  for (int cycle = 0; cycle < 5; ++cycle) {
    EXPECT_EQ(choices(selection, 8, 1),
              (std::map<std::string, int>{{"o-0", 2}, {"o-1", 1}, {"o-2", 5}}));
  }
}

TEST(Selection, TurnsGoOnInTheNextSelection) {
  const std::vector<Member> members = members_by_weight({100, 100, 100, 100, 100});
  std::map<std::string, int> chosen;
  uint32_t turn = 4'000'000'000;
  for (int i = 0; i < 10; ++i) {  // a new list after each second call
    const Selection selection(members, {Choice::kRoundRobin, {}, turn});
    for (int call = 0; call < 2; ++call) ++chosen[id_of(selection.choose({}, 9))];
    turn = selection.next_turn();
  }
  EXPECT_EQ(chosen.size(), 5u);
  for (const auto& [id, times] : chosen) EXPECT_EQ(times, 4) << id;
}

TEST(Selection, TurnsSkipThoseThatDoNotFit) {
  const Selection selection(members_by_weight({100, 100, 100, 100}), {Choice::kRoundRobin});
  const std::vector<std::string> avoided = {"o-2"};
  EXPECT_EQ(choices(selection, 300, 1, {.avoid = &avoided}),
            (std::map<std::string, int>{{"o-0", 100}, {"o-1", 100}, {"o-3", 100}}));
}

/// Of kCalls, those that stay in zone "z" beside an equally large "y".
int calls_that_stay(Choice choice, const Selection::Home& home) {
  const Selection selection(members_of({{100, "z"}, {100, "y"}, {100, "z"}, {100, "y"}}),
                            {choice, home});
  auto chosen = choices(selection, kCalls, 31);
  return chosen["o-0"] + chosen["o-2"];
}

TEST(Selection, CallsStayInTheOwnZoneWhileEnoughOfItIsUsable) {
  for (const Choice choice : {Choice::kLeastLoaded, Choice::kRoundRobin}) {
    EXPECT_EQ(calls_that_stay(choice, {"z", 200, 200}), kCalls);
    EXPECT_EQ(calls_that_stay(choice, {"z", 1'000, 700}), kCalls);
    EXPECT_EQ(calls_that_stay(choice, {"z", 0, 0}), kCalls);
  }
}

TEST(Selection, CallsSpillInProportionToWhatIsMissing) {
  for (const Choice choice : {Choice::kLeastLoaded, Choice::kRoundRobin}) {
    for (const uint64_t usable : {690u, 350u, 200u, 10u}) {
      expect_share(calls_that_stay(choice, {"z", 1'000, usable}), kCalls,
                   static_cast<double>(usable) / 700, std::to_string(usable));
    }
    EXPECT_EQ(calls_that_stay(choice, {"z", 1'000, 0}), 0);
  }
}

TEST(Selection, WithoutAZoneOrInOneThatHasNobodyAllAreEqual) {
  expect_share(calls_that_stay(Choice::kLeastLoaded, {"", 1'000, 0}), kCalls, 0.5, "no zone");
  expect_share(calls_that_stay(Choice::kLeastLoaded, {"x", 0, 0}), kCalls, 0.5, "another zone");
  const Selection alone(members_of({{100, "z"}}), {Choice::kLeastLoaded, {"z", 1'000, 100}});
  EXPECT_EQ(choices(alone, 100, 1)["o-0"], 100);  // there is nowhere to spill to
}

TEST(Selection, SpilledCallsGoByWeight) {
  const Selection selection(members_of({{100, "z"}, {10, "y"}, {30, "x"}}),
                            {Choice::kLeastLoaded, {"z", 1'000, 0}});
  auto chosen = choices(selection, kCalls, 8);
  expect_share(chosen["o-1"], kCalls, 0.25, "y");
  expect_share(chosen["o-2"], kCalls, 0.75, "x");
}

TEST(Selection, TheConsistentHashKnowsNoZones) {
  const std::vector<Member> members = members_of({{100, "z"}, {100, "y"}, {100, "x"}});
  const Selection zoned(members, {Choice::kConsistentHash, {"z", 100, 100}});
  const Selection plain({members[2], members[0], members[1]}, {Choice::kConsistentHash});
  for (size_t i = 0; i < 3; ++i) {  // the order decides between points of equal hash
    EXPECT_EQ(id_of(&plain.members()[i]), id_of(&members[i]));
  }
  std::map<std::string, int> chosen;
  for (int i = 0; i < 300; ++i) {
    const std::string key = std::to_string(i);
    const std::string id = id_of(zoned.choose({.key = key}, 1));
    EXPECT_EQ(id, id_of(plain.choose({.key = key}, 2)));  // whatever the order of the list
    ++chosen[id];
  }
  EXPECT_EQ(chosen.size(), 3u);
}

TEST(Selection, AFilterIsAbsoluteAndLeavesTheProportions) {
  const Selection selection(members_by_weight({100, 10, 30, 100}), {});
  const Filter light = [](const Instance& instance) {
    return instance.id == "o-1" || instance.id == "o-2";
  };
  auto chosen = choices(selection, kCalls, 3, {.filter = &light});
  expect_share(chosen["o-1"], kCalls, 0.25, "o-1");
  expect_share(chosen["o-2"], kCalls, 0.75, "o-2");
  EXPECT_EQ(chosen.size(), 2u);
}

// So few that draws do not find them.
TEST(Selection, TheFewThatFitAreFoundAndKeepTheirProportions) {
  std::vector<uint32_t> weights(2'000, 1'000);
  weights[700] = 1;
  weights[1'900] = 3;
  const Filter two = [](const Instance& instance) {
    return instance.id == "o-700" || instance.id == "o-1900";
  };
  for (const Choice choice : {Choice::kLeastLoaded, Choice::kRoundRobin}) {
    const Selection selection(members_by_weight(weights), {choice});
    auto chosen = choices(selection, 500, 3, {.filter = &two});
    EXPECT_EQ(chosen["o-700"] + chosen["o-1900"], 500);
    if (choice == Choice::kLeastLoaded) expect_share(chosen["o-700"], 500, 0.25, "o-700");
    selection.members()[700].candidate->outstanding = 0;
    selection.members()[1'900].candidate->outstanding = 90;
    if (choice == Choice::kLeastLoaded) {  // and load still counts
      EXPECT_GT(choices(selection, 500, 4, {.filter = &two})["o-700"], 500 * 0.35);
    }
  }
}

TEST(Selection, AvoidedOnesAreTakenLastAndFilteredOnesNever) {
  const std::vector<std::string> avoided = {"o-0", "o-1"};
  for (const Choice choice : kAll) {
    const Selection selection(members_by_weight({60'000, 60'000, 1}), {choice});
    EXPECT_EQ(choices(selection, 500, 1, {.avoid = &avoided})["o-2"], 500);
    const Filter others = [](const Instance& instance) { return instance.id != "o-2"; };
    auto chosen = choices(selection, 500, 1, {.filter = &others, .avoid = &avoided});
    EXPECT_EQ(chosen["o-0"] + chosen["o-1"], 500);
    EXPECT_GT(chosen["o-0"], 100);
    EXPECT_GT(chosen["o-1"], 100);
    const std::vector<std::string> nobody;
    EXPECT_NE(id_of(selection.choose({.avoid = &nobody}, 1)), "none");
  }
}

TEST(Selection, AnotherZoneComesBeforeWhatIsAvoided) {
  const Selection selection(members_of({{100, "z"}, {100, "y"}}),
                            {Choice::kLeastLoaded, {"z", 100, 100}});
  const std::vector<std::string> home = {"o-0"};
  EXPECT_EQ(choices(selection, 100, 1, {.avoid = &home})["o-1"], 100);
  const std::vector<std::string> both = {"o-0", "o-1"};
  EXPECT_EQ(choices(selection, 100, 1, {.avoid = &both})["o-0"], 100);
}

TEST(Selection, OfTenThousandKeepsItsProportions) {
  std::vector<uint32_t> weights;
  double total = 0;
  for (uint32_t i = 0; i < 10'000; ++i) {
    weights.push_back(i % 2 == 0 ? 1 : 65'535);
    total += weights.back();
  }
  for (const Choice choice : kAll) {
    const Selection selection(members_by_weight(weights), {choice});
    SplitMix random(2);
    int light = 0;
    std::map<const Member*, int> chosen;
    for (int i = 0; i < kCalls; ++i) {
      const Member* member = selection.choose({}, random.next());
      ++chosen[member];
      if (member->weight == 1) ++light;
    }
    // Turns and points are at least one each: more than the light ones would have.
    if (choice == Choice::kLeastLoaded) expect_share(light, kCalls, 5'000 / total, "light");
    if (choice == Choice::kRoundRobin) {
      EXPECT_LT(light, kCalls / 25);
    }
    if (choice == Choice::kConsistentHash) {
      EXPECT_LT(light, kCalls / 50);
    }
    EXPECT_GE(chosen.size(), 4'900u);
  }
}

TEST(SelectionDeathTest, WeightsAreAboveZero) {
  EXPECT_DEATH(Selection(members_by_weight({100, 0}), {}), "invariant");
}

}  // namespace
}  // namespace callbook::sdk
