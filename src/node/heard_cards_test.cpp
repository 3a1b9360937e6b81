#include "node/heard_cards.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/hybrid_clock.h"
#include "dialects/peer/bearer_codec.h"

namespace callbook::node {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

core::NodeBeat beat(const std::string& name, uint64_t boot) {
  core::NodeBeat beat;
  beat.node = name;
  beat.boot = boot;
  return beat;
}

TEST(HeardCards, OfNodesOfOneNameEachIsToldOfTheOthers) {
  HeardCards cards;
  const core::NodeId id = core::node_id_of("n");
  EXPECT_THAT(cards.of(id, 1), IsEmpty());
  cards.note(beat("n", 1), "one");
  EXPECT_THAT(cards.of(id, 1), IsEmpty());
  EXPECT_THAT(cards.of(id, 2), ElementsAre("one"));
  cards.note(beat("n", 2), "two");
  cards.note(beat("n", 3), "three");
  cards.note(beat("n", 1), "one again");
  EXPECT_THAT(cards.of(id, 1), ElementsAre("three", "two"));
  EXPECT_THAT(cards.of(id, 2), ElementsAre("one again", "three"));
  EXPECT_THAT(cards.of(core::node_id_of("m"), 2), IsEmpty());
}

TEST(HeardCards, NeitherBootsNorNamesWithoutEndCostMemory) {
  HeardCards cards;
  for (uint64_t boot = 1; boot <= 99; ++boot) cards.note(beat("n-0", boot), std::to_string(boot));
  EXPECT_THAT(cards.of(core::node_id_of("n-0"), 0), SizeIs(peer::kMaxBearers));
  EXPECT_EQ(cards.of(core::node_id_of("n-0"), 99).front(), "98");
  const auto of = [&](size_t i) { return cards.of(core::node_id_of("m-" + std::to_string(i)), 0); };
  constexpr size_t kMost = HeardCards::kMostNodes;
  for (size_t i = 0; i < kMost; ++i) cards.note(beat("m-" + std::to_string(i), 1), "card");
  EXPECT_THAT(cards.of(core::node_id_of("n-0"), 0), IsEmpty());  // the oldest made room
  cards.note(beat("m-0", 1), "card again");
  for (size_t i = kMost; i < 2 * kMost - 1; ++i) {
    cards.note(beat("m-" + std::to_string(i), 1), "card");
  }
  EXPECT_THAT(of(0), ElementsAre("card again"));
  EXPECT_THAT(of(1), IsEmpty());
  EXPECT_THAT(of(kMost - 1), IsEmpty());
  EXPECT_THAT(of(kMost), ElementsAre("card"));
  EXPECT_THAT(of(2 * kMost - 2), ElementsAre("card"));
}

}  // namespace
}  // namespace callbook::node
