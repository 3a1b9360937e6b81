#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/node_beat.h"
#include "core/stamp.h"

namespace callbook::node {

/// The last cards of other nodes, as they came, for nodes that ask who has a name. Of each id the
/// last boots are kept: of nodes that start with one name, each is told of the others. Thread-safe.
class HeardCards {
 public:
  /// Of more nodes than these, those that were heard last are kept.
  static constexpr size_t kMostNodes = 300;

  void note(const core::NodeBeat& beat, std::string_view card);
  /// The last cards of `node` under other boots than `not_boot`, at most peer::kMaxBearers, the
  /// latest first.
  std::vector<std::string> of(core::NodeId node, uint64_t not_boot) const;

 private:
  struct Card {
    uint64_t boot = 0;
    std::string bytes;
  };

  struct Node {
    uint64_t heard = 0;       ///< its place in the order in which nodes were heard last
    std::vector<Card> cards;  ///< the latest first
  };

  void forget_oldest();

  mutable std::mutex mutex_;
  std::map<core::NodeId, Node> nodes_;  // guarded by mutex_
  uint64_t last_heard_ = 0;             // guarded by mutex_
};

}  // namespace callbook::node
