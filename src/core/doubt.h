#pragma once

#include <cstdint>

namespace callbook::core {

/// When an observer who misses many at once doubts itself (design: observer's doubt).
struct DoubtRule {
  uint32_t least_sessions = 20;
  uint32_t percent = 85;  ///< of the heartbeats that are expected: fewer, and it doubts
  int64_t longest_ms = 600'000;
};

/// Compares heartbeats heard with those expected, in windows of time. Not thread-safe.
class Doubt {
 public:
  explicit Doubt(DoubtRule rule) : rule_(rule) {}

  void heard() { ++heard_; }
  /// Whether the present window is over.
  bool due(int64_t now_ms) const { return now_ms >= window_ends_ms_; }
  /// Judges the window that is over, and begins one of `window_ms` in which `sessions` are expected
  /// to send `beats` heartbeats.
  void begin_window(int64_t now_ms, int64_t window_ms, uint32_t sessions, uint64_t beats) {
    const bool missing =
        sessions_ >= rule_.least_sessions && heard_ * 100 < expected_ * rule_.percent;
    if (!missing) {
      since_ms_ = 0;
    } else if (since_ms_ == 0) {
      since_ms_ = now_ms;
    }
    sessions_ = sessions;
    expected_ = beats;
    heard_ = 0;
    window_ends_ms_ = now_ms + window_ms;
  }
  /// Forgets the present window: the observer itself was away.
  void restart() {
    sessions_ = 0;
    window_ends_ms_ = 0;
  }
  bool active(int64_t now_ms) const {
    return since_ms_ != 0 && now_ms - since_ms_ < rule_.longest_ms;
  }

 private:
  const DoubtRule rule_;
  uint32_t sessions_ = 0;
  uint64_t expected_ = 0;
  uint64_t heard_ = 0;
  int64_t window_ends_ms_ = 0;
  int64_t since_ms_ = 0;
};

}  // namespace callbook::core
