#include "sdk/fast_random.h"

#include <array>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "sdk/split_mix.h"

namespace callbook::sdk {
namespace {

TEST(SplitMix, IsThePublishedSequence) {
  SplitMix numbers(1'234'567);  // the values that other implementations test with
  EXPECT_EQ(numbers.next(), 6'457'827'717'110'365'317u);
  EXPECT_EQ(numbers.next(), 3'203'168'211'198'807'973u);
  EXPECT_EQ(numbers.next(), 9'817'491'932'198'370'423u);
}

// Ten thousand draws of 64 fair coins: seven standard deviations, so that it fails by chance once
// in 10^10 runs.
TEST(FastRandom, EveryBitIsAFairCoin) {
  std::array<int, 64> ones{};
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t bits = fast_random();
    for (size_t bit = 0; bit < 64; ++bit) ones[bit] += static_cast<int>(bits >> bit & 1);
  }
  for (const int count : ones) EXPECT_NEAR(count, 5'000, 350);
}

TEST(FastRandom, ThreadsHaveNumbersOfTheirOwn) {
  std::array<std::set<uint64_t>, 3> drawn;
  std::vector<std::thread> threads;
  for (auto& numbers : drawn) {
    threads.emplace_back([&numbers] {
      for (int i = 0; i < 1'000; ++i) numbers.insert(fast_random());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<uint64_t> all;
  for (const auto& numbers : drawn) all.insert(numbers.begin(), numbers.end());
  EXPECT_EQ(all.size(), 3'000u);
}

}  // namespace
}  // namespace callbook::sdk
