#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/node_beat.h"
#include "dialects/peer/node_card.h"
#include "node/config.h"

namespace callbook::node {

/// The other nodes as their cards tell: where they are, and how they are. What core makes of their
/// beats is its own business. Not thread-safe; times are monotonic ms.
class Peers {
 public:
  struct Peer {
    peer::NodeCard card;
    core::NodeBeat beat;
    int64_t heard_ms = 0;
    int64_t heard_on_bus_ms = 0;  ///< 0: never
  };

  /// Silent for longer, a node is left out of what clients and other nodes are told.
  static constexpr int64_t kSilentMs = 5'000;
  /// Silent for longer, it is forgotten.
  static constexpr int64_t kForgottenMs = 15 * 60'000;

  explicit Peers(std::string own_name) : own_name_(std::move(own_name)) {}

  /// Returns the card as it was read; none of this node's own. kCorrupt changes nothing.
  base::Result<std::optional<peer::NodeCard>> hear(std::string_view bytes, bool on_bus,
                                                   int64_t now_ms);
  void forget_silent(int64_t now_ms);

  const std::map<std::string, Peer, std::less<>>& all() const { return peers_; }
  static bool is_heard(const Peer& peer, int64_t now_ms) {
    return now_ms - peer.heard_ms <= kSilentMs;
  }
  /// Where to get a snapshot, the one after `last` in turn; none if nobody serves.
  std::optional<Endpoint> next_source(std::string& last, int64_t now_ms) const;

 private:
  const std::string own_name_;
  std::map<std::string, Peer, std::less<>> peers_;  ///< by name
};

}  // namespace callbook::node
