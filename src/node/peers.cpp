#include "node/peers.h"

#include <utility>

#include <fmt/format.h>

#include "base/name.h"

namespace callbook::node {
namespace {

/// What a log can show of a text that anybody may have sent.
std::string_view printable(std::string_view text) {
  return base::check_text("", text, 256).ok() ? text : "(unreadable)";
}

}  // namespace

base::Status Peers::check(const peer::NodeCard& card, const core::NodeBeat& beat) const {
  if (auto status = base::check_name("node", beat.node); !status.ok()) return status;
  if (card.cluster != cluster_) {
    return base::Error{
        base::ErrorCode::kConflict, "cluster",
        fmt::format("{} is of cluster {}, not of {}", beat.node, printable(card.cluster), cluster_),
        std::nullopt};
  }
  if (auto status = check_reachable("http", card.http); !status.ok()) return status;
  if (auto status = base::check_text("version", card.release, 64); !status.ok()) return status;
  return {};
}

base::Result<Peers::Heard> Peers::hear(std::string_view bytes, bool on_bus, int64_t now_ms) {
  auto card = peer::decode_card(bytes);
  if (!card.ok()) return card.error();
  auto beat = core::decode_beat(card->beat);
  if (!beat.ok()) return beat.error();
  if (auto status = check(*card, *beat); !status.ok()) return status.error();
  Heard heard{std::move(*card), std::move(*beat), false};
  heard.own_id = core::node_id_of(heard.beat.node) == own_id_;
  if (heard.own_id) return heard;  // also when this node knows as many others as it may
  if (peers_.size() >= kMaxPeers && !peers_.contains(heard.beat.node)) {
    return base::over_limit("node", "is one of too many nodes", kMaxPeers);
  }
  Peer& peer = peers_[heard.beat.node];
  peer.card = heard.card;
  peer.card.beat.clear();
  peer.beat = heard.beat;
  peer.heard_ms = now_ms;
  if (on_bus) peer.heard_on_bus_ms = now_ms;
  return heard;
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
