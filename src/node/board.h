#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/registry.h"
#include "dialects/native/native_dialect.h"
#include "net/http_server.h"
#include "node/probing.h"
#include "store/log.h"

namespace callbook::node {

/// What the core's thread says of itself.
struct CoreReport {
  core::Registry::Counts counts;
  uint64_t version = 0;
  uint64_t inputs = 0;
  uint64_t refused = 0;
  uint64_t registered = 0;
  uint64_t deregistered = 0;
  uint64_t sessions_opened = 0;
  uint64_t sessions_closed = 0;
  uint64_t sessions_expired = 0;
  uint64_t instances_expired = 0;
  uint64_t heartbeats = 0;
  uint64_t batches = 0;
  uint64_t publications = 0;
  core::Registry::Counters counters;
  size_t suspects = 0;
  bool doubtful = false;
  core::Phase phase = core::Phase::kLoading;
  int64_t loop_lag_ms = 0;  ///< the longest wait of a tick since the last report
  bool in_memory = false;
  store::Log::Stats store;
  std::string degraded;
  bool rewriting = false;
};

/// What an I/O thread says of itself.
struct FrontReport {
  net::HttpServerStats http;
  native::NativeDialect::Stats native;
  size_t subscriptions = 0;
};

/// What the core's thread says of the other nodes and of the bus between them.
struct ClusterReport {
  struct Peer {
    std::string name;
    std::string http;
    std::string release;
    uint32_t clients = 0;
    uint32_t sessions = 0;
    uint32_t instances = 0;
    uint32_t owed = 0;
    int64_t silent_ms = 0;  ///< since its last card
    bool on_bus = false;    ///< a card of it has come over the bus
    bool serving = false;
    bool stale = false;    ///< serves its own disk's state
    bool leaving = false;  ///< about to stop
    core::BusPositions positions{};
    uint64_t digest = 0;
    int64_t clock_ahead_ms = 0;  ///< as far as a beat tells, its way included
  };

  std::string bus = "connecting";  ///< "connected", "away", "refused"
  std::string bus_detail;          ///< why
  core::BusPositions heads{};      ///< as the bus said last
  core::BusPositions positions{};  ///< how far this node has applied them
  uint64_t digest = 0;             ///< of all that this node holds
  uint64_t owed = 0;
  bool isolated = false;           ///< hears neither the bus nor a majority of the others
  uint32_t features_withheld = 0;  ///< record features that some node may not read
  uint64_t published = 0;
  uint64_t acknowledged = 0;
  uint64_t failed = 0;
  uint64_t messages = 0;  ///< that the bus has brought
  uint64_t bus_lost = 0;
  uint64_t cards_refused = 0;
  std::vector<Peer> peers;
};

/// What the core's thread says of another data center that is followed.
struct FollowReport {
  std::string datacenter;
  std::string source;      ///< whom it is followed from, or who was tried last
  bool whole = false;      ///< all of it has been heard of once
  int64_t silent_ms = -1;  ///< since a node in touch with its others was heard; -1: never
  uint32_t services = 0;
  uint32_t instances = 0;
  uint64_t snapshots = 0;
};

/// Where the node's threads leave their figures for whoever asks. Thread-safe; never on the way of
/// a request.
class Board {
 public:
  explicit Board(size_t fronts) : fronts_(fronts) {}

  void put(const CoreReport& report);
  void put(size_t front, const FrontReport& report);
  void put(const ClusterReport& report);
  void put(std::vector<FollowReport> followed);
  void put(const Probing::Stats& probing);
  void set_state(std::string state);  ///< "loading", "serving", "stopping"

  struct Snapshot {
    std::string state;
    CoreReport core;
    std::vector<FrontReport> fronts;
    std::optional<ClusterReport> cluster;  ///< none on a node that stands alone
    std::vector<FollowReport> followed;
    Probing::Stats probing;
  };
  Snapshot snapshot() const;
  /// Open on all I/O threads, as they said last.
  uint64_t connections() const;
  /// Where the other nodes that serve are to be reached, those with the fewest clients first.
  using Addresses = std::shared_ptr<const std::vector<std::string>>;
  Addresses other_nodes() const;

 private:
  mutable std::mutex mutex_;
  std::string state_ = "loading";                                         // guarded by mutex_
  CoreReport core_;                                                       // guarded by mutex_
  std::vector<FrontReport> fronts_;                                       // guarded by mutex_
  std::optional<ClusterReport> cluster_;                                  // guarded by mutex_
  std::vector<FollowReport> followed_;                                    // guarded by mutex_
  Probing::Stats probing_;                                                // guarded by mutex_
  Addresses other_nodes_ = std::make_shared<std::vector<std::string>>();  // guarded by mutex_
};

}  // namespace callbook::node
