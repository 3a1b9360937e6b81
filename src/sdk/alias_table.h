#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace callbook::sdk {

/// Draws an index in proportion to its weight in constant time (Vose 1991, "A linear algorithm for
/// generating random numbers with a given distribution"). Immutable; 8 bytes an index.
class AliasTable {
 public:
  /// The total of the weights times their number must fit in 64 bits. No weights, or none but
  /// zeroes: nothing may be drawn.
  explicit AliasTable(const std::vector<uint32_t>& weights);

  /// REQUIRES that there is a weight above zero. `random` has 64 random bits.
  uint32_t draw(uint64_t random) const {
    const uint64_t column = (random >> 32) * columns_.size() >> 32;
    const Column& drawn = columns_[column];
    return static_cast<uint32_t>(random) < drawn.own_below ? static_cast<uint32_t>(column)
                                                           : drawn.alias;
  }
  size_t size() const { return columns_.size(); }

 private:
  struct Column {
    uint32_t own_below = 0;  // of 2^32: how much of the column is its own index's
    uint32_t alias = 0;      // whose the rest is
  };
  std::vector<Column> columns_;
};

}  // namespace callbook::sdk
