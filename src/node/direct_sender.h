#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/input.h"
#include "core/output.h"
#include "net/event_loop.h"
#include "node/config.h"
#include "node/peer_line.h"

namespace callbook::node {

/// Brings other nodes the records that core has for them while the bus is away, and says what came
/// of it. One request at a time to each node. Lives on one loop; not thread-safe.
class DirectSender {
 public:
  using Settle = std::function<void(const core::SettleDirect& settled)>;

  /// Borrows `loop`. `cluster` is this node's, as in its card.
  DirectSender(net::EventLoop& loop, std::string cluster, Settle settle)
      : loop_(loop), cluster_(std::move(cluster)), settle_(std::move(settle)) {}

  /// Settles once, unless this is stopped before.
  void send(const Endpoint& node, const core::DirectBatch& batch);
  /// Closes the connections on which nothing is under way: the bus is back.
  void rest() {
    std::erase_if(lines_, [](const auto& entry) { return !entry.second->busy(); });
  }
  void stop() { lines_.clear(); }

 private:
  net::EventLoop& loop_;
  const std::string cluster_;
  const Settle settle_;
  std::map<std::string, std::unique_ptr<PeerLine>> lines_;  ///< by endpoint
};

}  // namespace callbook::node
