#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/registry.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// Property: limits hold.
///
/// - While as many records are owed to the bus as the limit says, no node accepts what a client
/// asks
///   of a record that was not owed before. Allowed beyond the limit is what nobody asked for: ends
///   and takeovers that time brings, corrections, refutations, what is announced again.
/// - No session carries more instances than the limit, counting that every node may have accepted
/// so
///   many before it heard of the others'.
class LimitChecker {
 public:
  explicit LimitChecker(Evidence& evidence)
      : evidence_(evidence), outbox_sizes_(evidence.node_count()), said_(evidence.node_count()) {}

  void node_started(size_t node) { outbox_sizes_[node] = said_[node] = 0; }
  void on_step(size_t node, const core::Registry& registry, const core::Outputs& out,
               const std::vector<RecordChange>& changes);
  void finish();

 private:
  bool asked_by_client(const RecordChange& change) const;
  bool newly_owed(const core::Outputs& out, const RecordChange& change) const;
  bool names(std::string_view record_key, const RecordChange& change) const;

  Evidence& evidence_;
  std::vector<size_t> outbox_sizes_;  ///< by node, after its last step
  std::vector<uint64_t> said_;        ///< by node: what it has said by itself so far
};

}  // namespace callbook::sim
