#pragma once

#include <algorithm>
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

  explicit Backoff(Random random) : random_(std::move(random)) {}

  int64_t next_ms() {
    const int64_t bound_ms = std::exchange(bound_ms_, std::min(bound_ms_ * 2, kLargestMs));
    return static_cast<int64_t>(random_() * static_cast<double>(bound_ms));
  }
  /// The attempt succeeded for good.
  void reset() { bound_ms_ = kFirstMs; }
  /// Whether no attempt has failed since.
  bool is_fresh() const { return bound_ms_ == kFirstMs; }

 private:
  Random random_;
  int64_t bound_ms_ = kFirstMs;
};

}  // namespace callbook::sdk
