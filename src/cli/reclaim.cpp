#include "cli/reclaim.h"

#include <algorithm>
#include <array>
#include <utility>

namespace callbook::cli {
namespace {

/// States of an instance whose process does not speak. (What its process says of itself, and what
/// an operator wants of it, is said of one that lives.)
constexpr std::array<std::string_view, 3> kLifeless = {"down", "protected", "unattended"};

bool is_lifeless(std::string_view state) {
  return std::find(kLifeless.begin(), kLifeless.end(), state) != kLifeless.end();
}

}  // namespace

void Reclaim::begin(Why why, int64_t now_ms) {
  const auto registered_since_ms = std::exchange(registered_since_ms_, std::nullopt);
  // Refused again and again, it asks less and less often.
  if (registered_since_ms || why != why_) look_ms_ = kFirstLookMs;
  if (registered_since_ms && now_ms - *registered_since_ms >= kSettledMs) {
    next_calm_ms_ = kFirstCalmMs;
  }
  calm_ms_ = 0;
  if (why == Why::kSuperseded) {
    calm_ms_ = next_calm_ms_;
    next_calm_ms_ = std::min(next_calm_ms_ * 2, kLargestCalmMs);
  }
  why_ = why;
  free_since_ms_.reset();
}

void Reclaim::registered(int64_t now_ms) {
  if (!registered_since_ms_) registered_since_ms_ = now_ms;
}

int64_t Reclaim::next_look_ms() {
  // Never at once: what is refused now is refused in a moment too.
  const double share = 0.5 + random_() / 2;
  const auto wait_ms = static_cast<int64_t>(share * static_cast<double>(look_ms_));
  look_ms_ = std::min(look_ms_ * 2, kLargestLookMs);
  return wait_ms;
}

bool Reclaim::should_try(std::optional<std::string_view> state, int64_t now_ms) {
  const bool in_doubt = state == "suspect" && why_ == Why::kRefused;
  const bool free = !state || is_lifeless(*state) || in_doubt;
  if (!free) {
    free_since_ms_.reset();
    return false;
  }
  if (!free_since_ms_) {
    free_since_ms_ = now_ms;
    if (calm_ms_ > 0) look_ms_ = kFirstLookMs;  // to see a holder that restarts meanwhile
  }
  return now_ms - *free_since_ms_ >= calm_ms_;
}

}  // namespace callbook::cli
