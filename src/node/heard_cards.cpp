#include "node/heard_cards.h"

#include "core/hybrid_clock.h"
#include "dialects/peer/bearer_codec.h"

namespace callbook::node {

void HeardCards::note(const core::NodeBeat& beat, std::string_view card) {
  const core::NodeId node = core::node_id_of(beat.node);
  const std::lock_guard lock(mutex_);
  if (cards_.size() >= kMostNodes && !cards_.contains(node)) return;
  std::vector<Card>& known = cards_[node];
  std::erase_if(known, [&](const Card& one) { return one.boot == beat.boot; });
  known.insert(known.begin(), Card{beat.boot, std::string(card)});
  if (known.size() > peer::kMaxBearers) known.resize(peer::kMaxBearers);
}

std::vector<std::string> HeardCards::of(core::NodeId node, uint64_t not_boot) const {
  std::vector<std::string> cards;
  const std::lock_guard lock(mutex_);
  const auto found = cards_.find(node);
  if (found == cards_.end()) return cards;
  for (const Card& one : found->second) {
    if (one.boot != not_boot) cards.push_back(one.bytes);
  }
  return cards;
}

}  // namespace callbook::node
