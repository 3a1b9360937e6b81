#include "node/peers.h"

#include <utility>

namespace callbook::node {

base::Result<std::optional<peer::NodeCard>> Peers::hear(std::string_view bytes, bool on_bus,
                                                        int64_t now_ms) {
  auto card = peer::decode_card(bytes);
  if (!card.ok()) return card.error();
  auto beat = core::decode_beat(card->beat);
  if (!beat.ok()) return beat.error();
  if (beat->node == own_name_) return std::optional<peer::NodeCard>();
  Peer& peer = peers_[beat->node];
  peer.card = *card;
  peer.beat = std::move(*beat);
  peer.heard_ms = now_ms;
  if (on_bus) peer.heard_on_bus_ms = now_ms;
  return std::optional<peer::NodeCard>(std::move(*card));
}

void Peers::forget_silent(int64_t now_ms) {
  std::erase_if(peers_,
                [&](const auto& entry) { return now_ms - entry.second.heard_ms > kForgottenMs; });
}

std::optional<Endpoint> Peers::next_source(std::string& last, int64_t now_ms) const {
  const auto start = peers_.upper_bound(last);
  const auto usable = [&](const Peer& peer) {
    return peer.beat.serving && is_heard(peer, now_ms) &&
           parse_endpoint("http", peer.card.http).ok();
  };
  auto at = start;
  for (size_t tried = 0; tried < peers_.size(); ++tried) {
    if (at == peers_.end()) at = peers_.begin();
    if (usable(at->second)) {
      last = at->first;
      return *parse_endpoint("http", at->second.card.http);
    }
    ++at;
  }
  return std::nullopt;
}

}  // namespace callbook::node
