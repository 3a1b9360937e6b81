#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/time.h"
#include "core/registry.h"
#include "dialects/peer/snapshot_reader.h"
#include "net/event_loop.h"
#include "node/board.h"
#include "node/config.h"

namespace callbook::node {

/// Keeps a mirror of another data center: gets a snapshot of one of its nodes, follows that node's
/// changes, and goes to the next when it falls silent. What has been heard is kept, whatever
/// happens to those nodes. Lives on the core's loop; not thread-safe.
class Follower {
 public:
  struct Parts {
    net::EventLoop* loop = nullptr;
    const base::Clock* clock = nullptr;
    base::Logger* logger = nullptr;
  };
  /// What the fronts are to show from now on; `publication` may be null. `heard_ms`: monotonic.
  using Deliver = std::function<void(std::shared_ptr<const core::Publication> publication,
                                     bool whole, int64_t heard_ms)>;

  /// Borrows what is in `parts`. REQUIRES at least one of `nodes`.
  Follower(Parts parts, FollowedNodes nodes, const core::RegistryOptions& own, Deliver deliver);
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  void start();
  /// Nothing is delivered any more.
  void stop();

  const std::string& datacenter() const { return nodes_.datacenter; }
  FollowReport report() const;

 private:
  void tick();
  void connect(int64_t now_ms);
  void take(const peer::SnapshotFramePtr& frame);
  void give_up(std::string why);
  void publish(bool tells);
  void look_at(int64_t now_ms);
  bool is_whole() const;
  int64_t now_ms() const { return parts_.clock->now().mono_ms; }

  const Parts parts_;
  const FollowedNodes nodes_;
  const Deliver deliver_;
  core::Registry mirror_;
  core::Outputs outputs_;
  std::unique_ptr<peer::SnapshotReader> reader_;
  size_t next_node_ = 0;              ///< of nodes_.nodes
  std::string source_;                ///< who is followed, or was tried last
  std::set<std::string> complaints_;  ///< logged since all was well
  int64_t progress_ms_ = 0;           ///< when anything came last
  uint64_t seen_bytes_ = 0;           ///< of the reader's
  int64_t whole_ms_ = 0;              ///< when a snapshot was whole first; 0: none has been
  int64_t heard_ms_ = 0;              ///< when a node in touch with its others spoke last; 0: never
  int64_t retry_ms_ = 0;              ///< not before
  int64_t patience_ms_ = 0;           ///< between two attempts
  int64_t touch_patience_ms_ = 0;     ///< with a node that has lost its own cluster
  int64_t told_all_ms_ = 0;  ///< when the present attempt's snapshot was whole; 0: it is not
  bool shown_ = false;       ///< the fronts have been told that it is whole
  bool given_up_ = false;    ///< the present attempt has ended, or is not worth going on with
  uint64_t snapshots_ = 0;
  std::unique_ptr<net::EventLoop::Timer> ticker_;
};

}  // namespace callbook::node
