#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/random.h"
#include "sim/scheduler.h"

namespace callbook::sim {

/// What can send and receive: a node, the bus, a client's machine. Made by Links.
using Endpoint = uint32_t;

/// The network between nodes, bus and clients: how long a message takes, whether it arrives, and
/// which directions are dead. What is connected over it (a process that died, a connection that
/// timed out) is for the two ends to know: every action that arrives asks whether it still means
/// anything.
class Links {
 public:
  using Action = Scheduler::Action;

  enum class Kind : uint8_t { kClient, kBus, kPeer };
  static constexpr size_t kKinds = 3;

  /// Messages sent over one connection in one direction arrive in their order; each direction of a
  /// connection owns one. A fresh one for each message lets messages overtake each other.
  struct Order {
    int64_t last_ms = 0;
  };

  /// How badly a kind of link works: probabilities for each message.
  struct Trouble {
    double delayed = 0;
    int64_t delay_ms = 0;  ///< at most, of those delayed
    double lost = 0;       ///< in a connection that is a delay: it is sent again
    double repeated = 0;   ///< datagrams only
    double reordered = 0;
  };

  Links(Scheduler& scheduler, size_t nodes, Random random);

  static Endpoint node(size_t index) { return static_cast<Endpoint>(index); }
  Endpoint bus() const { return static_cast<Endpoint>(nodes_); }
  Endpoint client(uint32_t id) const { return static_cast<Endpoint>(nodes_ + 1 + id); }

  /// As over TCP: while the direction is dead the message waits, and arrives once it is mended.
  void send(Endpoint from, Endpoint to, Order& order, Action arrived);
  /// As over UDP, and may be called more than once.
  void send_datagram(Endpoint from, Endpoint to, const std::function<void()>& arrived);

  /// Cuts are counted: a direction works again when every cut of it has been mended.
  void cut(Endpoint from, Endpoint to);
  void mend(Endpoint from, Endpoint to);
  bool up(Endpoint from, Endpoint to) { return path(from, to).cuts == 0; }
  bool up_both_ways(Endpoint a, Endpoint b) { return up(a, b) && up(b, a); }
  /// For how long a direction has been dead; 0 while it works.
  int64_t dead_for_ms(Endpoint from, Endpoint to);

  Trouble& trouble(Kind kind) { return troubles_[static_cast<size_t>(kind)]; }

 private:
  struct Held {
    int64_t not_before_ms;
    Action arrived;
  };
  /// One direction between two ends.
  struct Path {
    uint32_t cuts = 0;
    int64_t dead_since_ms = 0;
    int64_t not_before_ms = 0;  ///< nothing overtakes what waited for the mending
    std::vector<Held> held;
  };

  Path& path(Endpoint from, Endpoint to);
  const Trouble& trouble_between(Endpoint from, Endpoint to) const;
  int64_t travel_ms(const Trouble& trouble);

  Scheduler& scheduler_;
  const size_t nodes_;
  Random random_;
  std::vector<std::vector<Path>> from_node_;  ///< by node, then by the other end
  std::vector<std::vector<Path>> to_node_;    ///< by node, then by bus or client
  Trouble troubles_[kKinds];
};

}  // namespace callbook::sim
