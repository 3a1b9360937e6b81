#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/registry.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// Property: limits hold.
///
/// - While as many records are owed to the bus as the limit says, no node accepts a client's call
/// to
///   open a session, to register or to deregister, if the record that it names was not owed before.
///   Only the steps that carry out such calls are judged, and only that record: ends and takeovers
///   that time brings, corrections, refutations, and what is announced again go beyond the limit.
/// - No session carries more instances than the limit, counting that every node may have accepted
/// so
///   many before it heard of the others'.
class LimitChecker {
 public:
  explicit LimitChecker(Evidence& evidence)
      : evidence_(evidence), outbox_sizes_(evidence.node_count()) {}

  void node_started(size_t node) { outbox_sizes_[node] = 0; }
  /// After every step; `changes` are those of its records.
  void on_step(size_t node, const Step& step, const std::vector<RecordChange>& changes);
  void finish();

 private:
  bool asks_for(const core::Input& input, const RecordChange& change) const;
  bool newly_owed(const core::Outputs& out, const RecordChange& change) const;
  bool names(std::string_view record_key, const RecordChange& change) const;

  Evidence& evidence_;
  std::vector<size_t> outbox_sizes_;  ///< by node, after its last step
};

}  // namespace callbook::sim
