#include "node/name_claim.h"

#include <algorithm>

namespace callbook::node {
namespace {

/// A longer pause of this process was no listening.
constexpr int64_t kMostPassedMs = 250;

}  // namespace

NameClaim::Rival* NameClaim::rival(const NameBearer& other, int64_t now_ms) {
  if (rivals_.size() >= kMostRivals && !rivals_.contains(other.boot)) return nullptr;
  Rival& known = rivals_.try_emplace(other.boot, Rival{other, now_ms, false}).first->second;
  known.node = other;
  return &known;
}

void NameClaim::heard(const NameBearer& other, int64_t now_ms) {
  Rival* known = rival(other, now_ms);
  if (known == nullptr) return;
  known->proven |= now_ms - known->first_ms >= kAgainMs;
  judge();
}

void NameClaim::answered(const NameBearer& other) {
  Rival* known = rival(other, advanced_ms_.value_or(0));
  if (known == nullptr) return;
  known->proven = true;
  judge();
}

void NameClaim::judge() {
  if (taken_by_) return;
  for (const auto& [boot, known] : rivals_) {
    const bool goes_first = stage_ == Stage::kListening || known.node.serving || boot < boot_;
    if (known.proven && goes_first) taken_by_ = known.node;
    if (taken_by_) return;
  }
}

bool NameClaim::waits_for_more(int64_t now_ms) const {
  return std::any_of(rivals_.begin(), rivals_.end(), [&](const auto& entry) {
    return !entry.second.proven && now_ms - entry.second.first_ms < kListenMs;
  });
}

void NameClaim::advance(int64_t now_ms, bool bus_connected, bool asking) {
  const int64_t passed_ms =
      std::clamp<int64_t>(now_ms - advanced_ms_.value_or(now_ms), 0, kMostPassedMs);
  advanced_ms_ = now_ms;
  if (bus_connected && !bus_connected_) {
    on_bus_ms_ = 0;
    stage_ = Stage::kListening;
  } else {
    (bus_connected ? on_bus_ms_ : away_ms_) += passed_ms;
  }
  bus_connected_ = bus_connected;
  judge();
  if (taken_by_ || stage_ == Stage::kOwned) return;
  if (stage_ == Stage::kAnnouncing) announced_ms_ += passed_ms;
  if (asking || waits_for_more(now_ms)) return;
  const bool listened = bus_connected ? on_bus_ms_ >= kListenMs : away_ms_ >= kAwayMs;
  if (stage_ == Stage::kListening && listened) {
    stage_ = Stage::kAnnouncing;
    announced_ms_ = 0;
  } else if (stage_ == Stage::kAnnouncing && announced_ms_ >= kAnnounceMs) {
    stage_ = Stage::kOwned;
  }
}

}  // namespace callbook::node
