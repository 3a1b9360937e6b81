#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace callbook::sdk {

/// A number in [0, 1). Injected, so that whoever decides by it can be tested.
using Random = std::function<double()>;

/// Waits between attempts: uniformly between 0 and a bound that doubles, so that clients who lost
/// the same server do not come back together. Not thread-safe.
class Backoff {
 public:
  static constexpr int64_t kFirstMs = 100;
  static constexpr int64_t kLargestMs = 5'000;

  explicit Backoff(Random random, int64_t first_ms = kFirstMs, int64_t largest_ms = kLargestMs)
      : random_(std::move(random)), first_ms_(first_ms), largest_ms_(largest_ms) {}

  /// An attempt failed: how long to wait. The bound grows when `servers` have failed in a row, each
  /// of which is asked in its turn: that one of them is gone is no reason to wait for the others.
  int64_t next_ms(size_t servers = 1) {
    const int64_t bound_ms = bound_ms_;
    if (++failures_ >= servers) {
      failures_ = 0;
      bound_ms_ = std::min(bound_ms_ * 2, largest_ms_);
    }
    return static_cast<int64_t>(random_() * static_cast<double>(bound_ms));
  }
  /// The attempt succeeded for good.
  void reset() {
    bound_ms_ = first_ms_;
    failures_ = 0;
  }

 private:
  Random random_;
  const int64_t first_ms_;
  const int64_t largest_ms_;
  int64_t bound_ms_ = first_ms_;
  size_t failures_ = 0;  ///< since the bound last grew
};

}  // namespace callbook::sdk
