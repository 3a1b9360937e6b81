#pragma once

#include <cstdint>
#include <vector>

#include "sim/evidence.h"
#include "sim/return_checker.h"

namespace callbook::sim {

/// Property: a node that begins to serve beside others serves whole state.
///
/// - What every other serving node has listed without a break for a while, it lists too, in that
///   version or a later one.
/// - What has left every node long ago, and has truly ended, it does not list.
///
/// Demanded only where the others can have told it: links and bus were well for that while, as far
/// as they concern one of the others, and the bus was not made to forget anything, nor since the
/// node died: where it lost its tail, other messages come under numbers that the node has read, and
/// only digests show that, a few beats later. What only one node knew counts if that node was in
/// touch with everybody. Of two processes that claim one id the node may go on listing the earlier
/// one until it has heard of the session of the later one.
class JoinChecker {
 public:
  JoinChecker(Evidence& evidence, const ReturnChecker& returns)
      : evidence_(evidence),
        returns_(returns),
        due_(evidence.node_count(), kNever),
        died_ms_(evidence.node_count(), kNever) {}

  /// The node has just begun to serve; its lists may be published a moment later.
  void began_to_serve(size_t node) { due_[node] = evidence_.now_ms(); }
  void node_died(size_t node) {
    due_[node] = kNever;
    died_ms_[node] = evidence_.now_ms();
  }
  /// After every step.
  void on_step(size_t node) {
    if (due_[node] < evidence_.now_ms()) judge(node);
  }

 private:
  void judge(size_t node);
  void judge_missing(size_t node, KeyIndex key, const std::vector<size_t>& others);
  bool disputed(KeyIndex key, const Listing& own) const;
  void judge_dead(size_t node, KeyIndex key);
  std::vector<size_t> reliable_others(size_t node) const;

  Evidence& evidence_;
  const ReturnChecker& returns_;
  std::vector<int64_t> due_;      ///< by node: when it began to serve, until it has been judged
  std::vector<int64_t> died_ms_;  ///< by node: when it last did, or kNever
};

}  // namespace callbook::sim
