#include "core/peer_table.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace callbook::core {

bool PeerTable::any_serving(int64_t now_ms) const {
  return std::any_of(peers_.begin(), peers_.end(), [&](const auto& entry) {
    return entry.second.serving && is_alive(entry.first, now_ms);
  });
}

bool PeerTable::hears_majority(int64_t now_ms) const {
  size_t alive = 0;
  for (const auto& [node, peer] : peers_) alive += is_alive(node, now_ms) ? 1 : 0;
  return alive > 0 && (alive + 1) * 2 > peers_.size() + 1;
}

NodeId PeerTable::heir_of(uint64_t key_hash, int64_t now_ms) const {
  const auto claim = [&](NodeId node) {
    return std::pair(base::mix64(key_hash ^ base::mix64(node)), node);
  };
  auto best = claim(self_);
  for (const auto& [node, peer] : peers_) {
    if (peer.serving && is_alive(node, now_ms)) best = std::max(best, claim(node));
  }
  return best.second;
}

}  // namespace callbook::core
