#include "sdk/turn_order.h"

#include <numeric>

#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

std::vector<uint32_t> turns(const TurnOrder& order, size_t indices) {
  std::vector<uint32_t> counted(indices);
  for (uint32_t turn = 0; turn < order.size(); ++turn) ++counted.at(order.at(turn));
  return counted;
}

TEST(TurnOrder, GivesEachItsTurnsInACycle) {
  using Weights = std::vector<uint32_t>;
  EXPECT_EQ(turns(TurnOrder({100, 100, 100}), 3), (Weights{1, 1, 1}));
  EXPECT_EQ(turns(TurnOrder({200, 50, 100}), 3), (Weights{4, 1, 2}));
  EXPECT_EQ(turns(TurnOrder({5, 1, 1}), 3), (Weights{5, 1, 1}));
  EXPECT_EQ(turns(TurnOrder({1, 65'535}), 2), (Weights{1, 65'535}));
  EXPECT_EQ(turns(TurnOrder({65'534, 65'535}), 2), (Weights{65'534, 65'535}));
  EXPECT_EQ(turns(TurnOrder({9}), 1), (Weights{1}));
  EXPECT_EQ(TurnOrder({}).size(), 0u);
}

TEST(TurnOrder, IsSmooth) {
  const TurnOrder order({50, 30, 20});  // at no point is anybody ahead or behind by two turns
  const std::vector<double> share = {0.5, 0.3, 0.2};
  std::vector<double> had(3);
  for (uint32_t turn = 0; turn < 3 * order.size(); ++turn) {
    ++had[order.at(turn)];
    for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(had[i], share[i] * (turn + 1), 1.5) << turn;
  }
}

TEST(TurnOrder, DoesNotBunchTheLight) {
  // Ten light ones beside a heavy one: one of them about every other turn.
  std::vector<uint32_t> weights(11, 1);
  weights[0] = 10;
  const TurnOrder order(weights);
  int run = 0;
  int longest = 0;
  for (uint32_t turn = 0; turn < 2 * order.size(); ++turn) {
    run = order.at(turn) == 0 ? 0 : run + 1;
    longest = std::max(longest, run);
  }
  EXPECT_LE(longest, 3);
}

TEST(TurnOrder, RoundsACycleThatWouldBeTooLong) {
  std::vector<uint32_t> weights(10'000);
  for (uint32_t i = 0; i < weights.size(); ++i) weights[i] = 1 + i * 6'551 % 65'535;
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  const TurnOrder order(weights);
  EXPECT_LE(order.size(), TurnOrder::kTurnsEach * weights.size() * 11 / 10);
  const std::vector<uint32_t> counted = turns(order, weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const double exact = weights[i] / total * TurnOrder::kTurnsEach * 10'000;
    EXPECT_NEAR(counted[i], std::max(1.0, exact), 0.51) << i;
  }
}

}  // namespace
}  // namespace callbook::sdk
