#include "sdk/alias_table.h"

#include <cmath>

#include <gtest/gtest.h>

#include "sdk/split_mix.h"

namespace callbook::sdk {
namespace {

std::vector<double> shares(const std::vector<uint32_t>& weights, int draws, uint64_t seed) {
  const AliasTable table(weights);
  SplitMix random(seed);
  std::vector<double> drawn(weights.size());
  for (int i = 0; i < draws; ++i) drawn[table.draw(random.next())] += 1.0 / draws;
  return drawn;
}

/// Five standard deviations of a share that is drawn so many times.
double slack(double share, int draws) {
  return 5 * std::sqrt(share * (1 - share) / draws) + 1e-9;
}

TEST(AliasTable, DrawsByWeight) {
  constexpr int kDraws = 400'000;
  for (const std::vector<uint32_t>& weights :
       {std::vector<uint32_t>{7}, {1, 1}, {1, 3}, {5, 1, 1, 100, 13}, {3, 0, 1}}) {
    double total = 0;
    for (const uint32_t weight : weights) total += weight;
    const std::vector<double> drawn = shares(weights, kDraws, 42);
    for (size_t i = 0; i < weights.size(); ++i) {
      const double share = weights[i] / total;
      EXPECT_NEAR(drawn[i], share, slack(share, kDraws)) << i << " of " << weights.size();
    }
  }
}

TEST(AliasTable, KeepsTheLightestOfExtremesInProportion) {
  constexpr int kDraws = 4'000'000;
  const double share = 1.0 / 65'536;
  EXPECT_NEAR(shares({65'535, 1}, kDraws, 7)[1], share, slack(share, kDraws));
}

TEST(AliasTable, IsExactOverAllRandomNumbers) {
  // By strata instead of by chance: each column's border is where its share says.
  std::vector<uint32_t> weights(10'000);
  double total = 0;
  for (uint32_t i = 0; i < weights.size(); ++i) total += weights[i] = 1 + i % 977;
  const AliasTable table(weights);
  std::vector<double> drawn(weights.size());
  constexpr uint64_t kStrata = 512;
  for (uint64_t column = 0; column < weights.size(); ++column) {
    const uint64_t upper = ((column << 32) + weights.size() - 1) / weights.size() + 1;
    for (uint64_t stratum = 0; stratum < kStrata; ++stratum) {
      drawn[table.draw(upper << 32 | stratum * ((uint64_t{1} << 32) / kStrata))] += 1.0 / kStrata;
    }
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    // The strata's coarseness: half of one for each column that a member has part of.
    EXPECT_NEAR(drawn[i], weights[i] * static_cast<double>(weights.size()) / total, 0.05) << i;
  }
}

}  // namespace
}  // namespace callbook::sdk
