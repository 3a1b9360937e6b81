#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/output.h"
#include "sim/bus_stream.h"
#include "sim/links.h"
#include "sim/random.h"
#include "sim/settings.h"

namespace callbook::sim {

/// What a node's end of a connection to the bus is told. `connection` is the number that the node
/// gave it: what comes over one that it has given up is for it to ignore.
class BusListener {
 public:
  virtual ~BusListener() = default;
  virtual void on_connected(uint64_t connection) = 0;
  virtual void on_heads(uint64_t connection, const core::BusPositions& heads) = 0;
  virtual void on_batch(uint64_t connection, BusBatchPtr batch) = 0;
  virtual void on_settled(uint64_t connection, uint64_t ticket, bool acknowledged) = 0;
  virtual void on_beat(uint64_t connection, std::shared_ptr<const std::string> bytes) = 0;
  /// The bus has reset the connection.
  virtual void on_broken(uint64_t connection) = 0;
};

/// A message to publish. The ticket comes back with the acknowledgement.
struct BusPublication {
  core::Stream stream = core::Stream::kTied;
  uint64_t ticket = 0;
  std::string key;
  std::string value;
};

/// The message bus between the nodes, with all that may go wrong with one. It loses what it has
/// acknowledged only by lose_tail(), a fork or recreate(), and by age.
///
/// Everything that a node asks travels over the links first, and so does every answer.
class Bus {
 public:
  Bus(Scheduler& scheduler, Links& links, const Settings& settings, Random random);

  /// Who answers for node `node` now; null when no process of it runs.
  void set_listener(size_t node, BusListener* listener) { listeners_[node] = listener; }
  /// A number for a new connection; never repeats.
  uint64_t next_connection() { return ++last_connection_; }

  // Called by nodes. `order` is that of the node's direction of the connection.
  void connect(size_t node, uint64_t connection, Links::Order& order);
  void disconnect(size_t node, uint64_t connection, Links::Order& order);
  void ask_heads(size_t node, uint64_t connection, Links::Order& order);
  void fetch(size_t node, uint64_t connection, Links::Order& order, core::Fetch wanted);
  void publish(size_t node, uint64_t connection, Links::Order& order,
               std::vector<BusPublication> publications);
  void broadcast(size_t node, uint64_t connection, Links::Order& order,
                 std::shared_ptr<const std::string> beat);

  // Faults. Each takes effect at once.
  void stall();
  void unstall();
  /// Probabilities for pushes, answers, publications and their acknowledgements.
  void set_dropping(double probability) { dropping_ = probability; }
  void set_repeating(double probability) { repeating_ = probability; }
  void lose_tail(uint64_t count);
  /// From now on `nodes` read and write a copy of the streams of their own, until join().
  void fork(const std::vector<size_t>& nodes);
  bool forked() const { return fork_.has_value(); }
  /// The copy is thrown away, with all that was accepted there.
  void join();
  void recreate(core::Stream stream);
  void compact();
  /// All connections break, as when the process behind them starts anew.
  void break_connections();

  /// Publishes for somebody who is no node of this simulation.
  void publish_for_stranger(core::Stream stream, std::string key, std::string value);
  const BusStream& stream(core::Stream stream) const { return streams_[core::index_of(stream)]; }
  /// A message that is held and not empty, at random.
  std::optional<std::pair<core::Stream, BusEntryPtr>> any_entry();

 private:
  using Streams = std::array<BusStream, core::kStreamCount>;

  struct Connection {
    size_t node = 0;
    std::array<core::StreamPosition, core::kStreamCount> pushed{};
    bool push_scheduled = false;
    int64_t heard_ms = 0;
    Links::Order order;
  };

  template <typename Action>
  void on_arrival(size_t node, Links::Order& order, Action action);
  Connection* find(uint64_t connection);
  Streams& streams_of(size_t node) { return fork_ && on_fork_[node] ? *fork_ : streams_; }
  core::BusPositions heads_of(size_t node);

  void accept(size_t node, uint64_t connection);
  void answer_fetch(uint64_t connection, const core::Fetch& wanted);
  void take(size_t node, uint64_t connection, const std::vector<BusPublication>& publications);
  void send_heads(uint64_t connection);
  void send_batch(uint64_t connection, BusBatchPtr batch);
  void acknowledge(uint64_t connection, uint64_t ticket, bool acknowledged);
  template <typename Tell>
  void tell(uint64_t connection, Tell tell);

  void schedule_pushes();
  void push(uint64_t connection);
  void push_stream(uint64_t number, Connection& connection, const BusStream& stream);
  void drop_aged();
  void drop_silent_connections();
  void schedule_upkeep();

  Scheduler& scheduler_;
  Links& links_;
  const int64_t record_age_ms_;
  const int64_t compact_every_ms_;
  Random random_;
  Streams streams_;
  std::optional<Streams> fork_;
  std::vector<bool> on_fork_;  ///< by node
  std::vector<BusListener*> listeners_;
  std::map<uint64_t, Connection> connections_;
  uint64_t last_connection_ = 0;
  uint64_t last_generation_ = 2;
  bool stalled_ = false;
  std::vector<Links::Action> waiting_;  ///< what arrived while it stalled
  double dropping_ = 0;
  double repeating_ = 0;
};

}  // namespace callbook::sim
