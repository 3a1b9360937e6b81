#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/session_id.h"
#include "core/stamp.h"

namespace callbook::core {

/// The other nodes, as their beats tell. Not thread-safe; times are monotonic ms of this node.
class PeerTable {
 public:
  struct Peer {
    std::string name;
    uint64_t boot = 0;
    int64_t heard_ms = 0;
    bool serving = false;
    int64_t clock_ahead_ms = 0;    ///< its wall clock against this node's, as far as beats tell
    uint32_t differing_beats = 0;  ///< in a row, at equal positions

    // What it is told directly while the bus is away (registry_direct.cpp).
    uint64_t told = 0;          ///< numbers of DirectLine through here it has taken
    int64_t telling_ms = 0;     ///< when it was told what it has not answered; 0: it owes no answer
    int64_t tell_after_ms = 0;  ///< not before
    bool deaf = false;          ///< its release takes nothing
  };

  PeerTable(NodeId self, int64_t lost_after_ms) : self_(self), lost_after_ms_(lost_after_ms) {}

  /// A beat of `node` came. The reference is good until the table changes.
  Peer& hear(NodeId node, int64_t now_ms) {
    Peer& peer = peers_[node];
    peer.heard_ms = now_ms;
    return peer;
  }
  Peer* find(NodeId node) {
    const auto found = peers_.find(node);
    return found == peers_.end() ? nullptr : &found->second;
  }
  /// It has started anew: nothing is known of what it has been told.
  static void begin_anew(Peer& peer, uint64_t boot) {
    peer.boot = boot;
    peer.differing_beats = 0;
    peer.told = 0;
    peer.telling_ms = 0;
    peer.tell_after_ms = 0;
    peer.deaf = false;
  }
  /// This node was not there to listen: nobody is blamed for what it missed.
  void excuse_all(int64_t now_ms) {
    for (auto& [node, peer] : peers_) peer.heard_ms = now_ms;
  }
  /// Forgets nodes that have been silent since `before_ms`: they are no majority's business.
  void forget_silent(int64_t before_ms) {
    std::erase_if(peers_, [&](const auto& entry) { return entry.second.heard_ms < before_ms; });
  }

  bool is_alive(NodeId node, int64_t now_ms) const {
    const auto found = peers_.find(node);
    return found != peers_.end() && now_ms - found->second.heard_ms <= lost_after_ms_;
  }
  /// When `node` was heard last; `since_ms` if never.
  int64_t heard_ms(NodeId node, int64_t since_ms) const {
    const auto found = peers_.find(node);
    return found == peers_.end() ? since_ms : found->second.heard_ms;
  }
  bool any_serving(int64_t now_ms) const;
  /// Whether, itself counted, more than half of the nodes known are heard. A node that knows of no
  /// other is no majority.
  bool hears_majority(int64_t now_ms) const;
  /// Of the nodes alive that serve, and this one: who takes `key` over (rendezvous hashing: Thaler
  /// and Ravishankar, 1998). Every node that sees the same others names the same one.
  NodeId heir_of(uint64_t key_hash, int64_t now_ms) const;

  const std::map<NodeId, Peer>& all() const { return peers_; }

 private:
  const NodeId self_;
  const int64_t lost_after_ms_;
  std::map<NodeId, Peer> peers_;
};

}  // namespace callbook::core
