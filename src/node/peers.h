#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/hybrid_clock.h"
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

  /// More are not taken in: whoever reaches the port could otherwise fill the memory.
  static constexpr size_t kMaxPeers = 256;

  /// `cluster` tells the nodes of one from those of another that may be spoken to by mistake.
  Peers(std::string_view own_name, std::string cluster)
      : own_id_(core::node_id_of(own_name)), cluster_(std::move(cluster)) {}

  /// A card, and the beat that was in it.
  struct Heard {
    peer::NodeCard card;
    core::NodeBeat beat;
    bool own_id = false;  ///< of this node's name, or of one with the same id: it is not taken in
  };
  /// Takes a card in. An error changes nothing: kCorrupt, kInvalid (a name or address that clients
  /// must not be told), kConflict (of another cluster), kLimit (too many nodes).
  base::Result<Heard> hear(std::string_view bytes, bool on_bus, int64_t now_ms);
  void forget_silent(int64_t now_ms);

  const std::map<std::string, Peer, std::less<>>& all() const { return peers_; }
  static bool is_heard(const Peer& peer, int64_t now_ms) {
    return now_ms - peer.heard_ms <= kSilentMs;
  }
  /// Where to get a snapshot, the one after `last` in turn; none if nobody serves.
  std::optional<Endpoint> next_source(std::string& last, int64_t now_ms) const;

 private:
  base::Status check(const peer::NodeCard& card, const core::NodeBeat& beat) const;

  const core::NodeId own_id_;
  const std::string cluster_;
  std::map<std::string, Peer, std::less<>> peers_;  ///< by name
};

}  // namespace callbook::node
