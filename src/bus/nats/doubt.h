#pragma once

#include <cstdint>

namespace callbook::bus::nats {

/// How long a stream that seems to have lost its end is doubted before it is believed. A server
/// alone says what it has. One of several that has just become the leader may still be taking in
/// what it has logged, for seconds, and meanwhile calls its replicas current.
class Doubt {
 public:
  static constexpr int64_t kAloneMs = 1'000;
  static constexpr int64_t kLedMs = 10'000;

  /// Whether a stream that seems shortened now has seemed so for long enough. `alone`: no leader
  /// decides on it.
  bool certain(bool alone, int64_t now_ms) const {
    return since_ms_ != 0 && now_ms - since_ms_ >= (alone ? kAloneMs : kLedMs);
  }
  /// What each look has shown.
  void note(bool seems_shortened, int64_t now_ms) {
    if (!seems_shortened) since_ms_ = 0;
    if (seems_shortened && since_ms_ == 0) since_ms_ = now_ms;
  }
  bool any() const { return since_ms_ != 0; }

 private:
  int64_t since_ms_ = 0;  ///< 0: there is no doubt
};

}  // namespace callbook::bus::nats
