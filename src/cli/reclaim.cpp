#include "cli/reclaim.h"

#include <algorithm>
#include <array>

namespace callbook::cli {
namespace {

/// States of an instance whose process does not speak. (What its process says of itself, and what
/// an operator wants of it, is said of one that lives; `suspect` lasts seconds.)
constexpr std::array<std::string_view, 3> kLifeless = {"down", "protected", "unattended"};

bool is_lifeless(std::string_view state) {
  return std::find(kLifeless.begin(), kLifeless.end(), state) != kLifeless.end();
}

}  // namespace

void Reclaim::lost(int64_t now_ms) {
  const auto registered_since_ms = std::exchange(registered_since_ms_, std::nullopt);
  if (registered_since_ms && now_ms - *registered_since_ms >= kSettledMs) {
    next_calm_ms_ = kFirstCalmMs;
  }
  calm_ms_ = next_calm_ms_;
  next_calm_ms_ = std::min(next_calm_ms_ * 2, kLargestCalmMs);
  look_ms_ = kFirstLookMs;
  free_since_ms_.reset();
}

void Reclaim::registered(int64_t now_ms) {
  if (!registered_since_ms_) registered_since_ms_ = now_ms;
}

int64_t Reclaim::next_look_ms() {
  // Spread, but never at once: what is listed now is listed in a moment too.
  const double share = 0.5 + random_() / 2;
  const auto wait_ms = static_cast<int64_t>(share * static_cast<double>(look_ms_));
  look_ms_ = std::min(look_ms_ * 2, kLargestLookMs);
  return wait_ms;
}

bool Reclaim::should_try(std::optional<std::string_view> state, int64_t now_ms) {
  if (state && !is_lifeless(*state)) {
    free_since_ms_.reset();
    return false;
  }
  if (!free_since_ms_) {
    free_since_ms_ = now_ms;
    look_ms_ = kFirstLookMs;  // to see a holder that restarts meanwhile
  }
  return now_ms - *free_since_ms_ >= calm_ms_;
}

}  // namespace callbook::cli
