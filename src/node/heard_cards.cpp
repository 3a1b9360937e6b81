#include "node/heard_cards.h"

#include <algorithm>

#include "core/hybrid_clock.h"
#include "dialects/peer/bearer_codec.h"

namespace callbook::node {

void HeardCards::note(const core::NodeBeat& beat, std::string_view card) {
  const core::NodeId node = core::node_id_of(beat.node);
  const std::lock_guard lock(mutex_);
  if (nodes_.size() >= kMostNodes && !nodes_.contains(node)) forget_oldest();
  Node& noted = nodes_[node];
  noted.heard = ++last_heard_;
  std::vector<Card>& known = noted.cards;
  std::erase_if(known, [&](const Card& one) { return one.boot == beat.boot; });
  known.insert(known.begin(), Card{beat.boot, std::string(card)});
  if (known.size() > peer::kMaxBearers) known.resize(peer::kMaxBearers);
}

/// REQUIRES mutex_ to be held, and a node to be known.
void HeardCards::forget_oldest() {
  const auto heard_before = [](const auto& a, const auto& b) {
    return a.second.heard < b.second.heard;
  };
  nodes_.erase(std::min_element(nodes_.begin(), nodes_.end(), heard_before));
}

std::vector<std::string> HeardCards::of(core::NodeId node, uint64_t not_boot) const {
  std::vector<std::string> cards;
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return cards;
  for (const Card& one : found->second.cards) {
    if (one.boot != not_boot) cards.push_back(one.bytes);
  }
  return cards;
}

}  // namespace callbook::node
