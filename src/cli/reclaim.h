#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "sdk/backoff.h"

namespace callbook::cli {

/// Decides when a process whose id a later one has taken may register it again (decision 0052). It
/// looks at what is listed under the id, at growing intervals, and tries once that has left, or has
/// not lived, for a calm time. This doubles with each loss up to a minute, so that the holder can
/// restart, and two processes in restart loops do not take turns. Knows no socket and no clock; not
/// thread-safe.
class Reclaim {
 public:
  static constexpr int64_t kFirstLookMs = 1'000;
  static constexpr int64_t kLargestLookMs = 15'000;
  static constexpr int64_t kFirstCalmMs = 5'000;
  static constexpr int64_t kLargestCalmMs = 60'000;
  /// A process that has held the id for so long begins anew.
  static constexpr int64_t kSettledMs = 300'000;

  explicit Reclaim(sdk::Random random) : random_(std::move(random)) {}

  /// The id is another's.
  void lost(int64_t now_ms);
  /// It is ours.
  void registered(int64_t now_ms);

  /// How long to wait before the next look.
  int64_t next_look_ms();
  /// A look showed an instance in this state, or none. Whether to try now.
  bool should_try(std::optional<std::string_view> state, int64_t now_ms);

 private:
  sdk::Random random_;
  int64_t look_ms_ = kFirstLookMs;
  int64_t calm_ms_ = kFirstCalmMs;  ///< the holder must have been away for so long
  int64_t next_calm_ms_ = kFirstCalmMs;
  std::optional<int64_t> registered_since_ms_;
  std::optional<int64_t> free_since_ms_;
};

}  // namespace callbook::cli
