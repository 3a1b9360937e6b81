#pragma once

#include <cstdint>

namespace callbook::sdk {

/// A sequence of numbers from one: SplitMix64 (Steele, Lea, Flood 2014), the finishing step of
/// which is Stafford's mix 13. One random number is made as many as a decision needs, each of full
/// width, and a test that gives the one knows them all. Not thread-safe, not for secrets.
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = state_ += 0x9E37'79B9'7F4A'7C15;
    z = (z ^ z >> 30) * 0xBF58'476D'1CE4'E5B9;
    z = (z ^ z >> 27) * 0x94D0'49BB'1331'11EB;
    return z ^ z >> 31;
  }
  /// In [0, 1).
  double next_unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

}  // namespace callbook::sdk
