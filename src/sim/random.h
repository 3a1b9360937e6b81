#pragma once

#include <cstdint>

#include "base/hash.h"

namespace callbook::sim {

/// All chance in a simulation comes from here, from one seed (SplitMix64: Steele, Lea, Flood 2014).
/// Give each actor a child(): then what one of them draws does not shift what another gets.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t bits() { return base::mix64(state_ += 0x9E3779B97F4A7C15); }
  /// Uniform in [low, high].
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(bits() % static_cast<uint64_t>(high - low + 1));
  }
  bool chance(double probability) {
    return static_cast<double>(bits() >> 11) * 0x1p-53 < probability;
  }
  size_t index(size_t size) { return static_cast<size_t>(bits() % size); }
  Random child(uint64_t name) const { return Random(base::mix64(state_ ^ base::mix64(name))); }

 private:
  uint64_t state_;
};

}  // namespace callbook::sim
