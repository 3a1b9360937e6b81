#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace callbook::sdk {

/// The cycle of a weighted round robin: each index has turns in proportion to its weight, evenly
/// spread, and those of different indices are staggered. Immutable, and the same wherever it is
/// made of the same weights.
class TurnOrder {
 public:
  /// A cycle has no more turns than this, or than kTurnsEach for each index.
  static constexpr size_t kMaxTurns = size_t{1} << 17;
  static constexpr size_t kTurnsEach = 16;

  /// Weights above zero. Turns are exact where their cycle, shortened by the common divisor, is
  /// within the limit (two weights of up to 65,535 always are); else rounded to it, at least one
  /// each.
  explicit TurnOrder(const std::vector<uint32_t>& weights);

  /// REQUIRES that there is a weight.
  uint32_t at(uint32_t turn) const { return order_[turn % static_cast<uint32_t>(order_.size())]; }
  size_t size() const { return order_.size(); }

 private:
  std::vector<uint32_t> order_;
};

}  // namespace callbook::sdk
