#include "sdk/turn_order.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace callbook::sdk {
namespace {

std::vector<uint32_t> turns_of(const std::vector<uint32_t>& weights) {
  uint32_t divisor = 0;
  uint64_t total = 0;
  for (const uint32_t weight : weights) {
    divisor = std::gcd(divisor, weight);
    total += weight;
  }
  const size_t limit = std::max(TurnOrder::kMaxTurns, TurnOrder::kTurnsEach * weights.size());
  const bool exact = total / divisor <= limit;
  const double scale = static_cast<double>(limit) / static_cast<double>(total);
  std::vector<uint32_t> turns;
  turns.reserve(weights.size());
  for (const uint32_t weight : weights) {
    turns.push_back(exact ? weight / divisor
                          : std::max(1u, static_cast<uint32_t>(std::lround(weight * scale))));
  }
  return turns;
}

/// Calls visit(place, index) for every turn of the cycle. Turns of one index are equally far from
/// each other; the first is offset by multiples of the golden ratio, which keeps indices of equal
/// weight apart however many there are.
template <typename Visit>
void for_each_turn(const std::vector<uint32_t>& turns, size_t total, Visit visit) {
  constexpr double kGoldenRatio = 0.6180339887498949;
  for (uint32_t index = 0; index < turns.size(); ++index) {
    const double step = static_cast<double>(total) / turns[index];
    double offset = index * kGoldenRatio;
    offset -= std::floor(offset);
    for (uint32_t turn = 0; turn < turns[index]; ++turn) {
      visit(std::min(total - 1, static_cast<size_t>((turn + offset) * step)), index);
    }
  }
}

}  // namespace

TurnOrder::TurnOrder(const std::vector<uint32_t>& weights) {
  if (weights.empty()) return;
  const std::vector<uint32_t> turns = turns_of(weights);
  const size_t total = std::accumulate(turns.begin(), turns.end(), size_t{0});
  // Sorted by counting: places are as many as turns.
  std::vector<uint32_t> next(total + 1);
  for_each_turn(turns, total, [&next](size_t place, uint32_t) { ++next[place + 1]; });
  std::partial_sum(next.begin(), next.end(), next.begin());
  order_.resize(total);
  for_each_turn(turns, total, [&](size_t place, uint32_t index) { order_[next[place]++] = index; });
}

}  // namespace callbook::sdk
