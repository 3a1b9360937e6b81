#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/registry.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// Property: at the end all nodes know the same and publish the same lists, with the same list
/// digests; where they know the same records, their replication digests are equal.
///
/// Allowances: a registration that was repeated unchanged has a later stamp where that was, which
/// nobody else is told and the replication digest leaves out. An end that one node has forgotten
/// for its age another may still remember, since their clocks differ and records age out one by
/// one. Nothing else may differ, stamps and epochs included.
///
/// Says also how long after the faults' end the nodes became equal, but for changes that clients go
/// on making, each of which is everywhere within two seconds.
class AgreementChecker {
 public:
  explicit AgreementChecker(Evidence& evidence)
      : evidence_(evidence), replica_digests_(evidence.node_count()) {}

  void on_step(size_t node, const core::Registry& registry);
  void on_published() { changed_ = true; }
  void finish();
  /// Negative while there is nothing to tell.
  int64_t convergence_ms() const;
  /// Whether the nodes differ again, but for no longer than an ordinary change is on its way.
  bool is_settling() const;

 private:
  bool equal() const;
  bool equal_lists(uint32_t service) const;
  void compare_keys(size_t node);
  void compare_sessions(size_t node);
  void compare_overrides(size_t node);
  void fail(size_t node, Focus focus, std::string text);

  Evidence& evidence_;
  std::vector<core::ReplicaDigest> replica_digests_;
  bool changed_ = true;
  bool equal_ = false;
  int64_t unequal_since_ms_ = 0;
  int64_t converged_ms_ = -1;
  bool same_records_ = true;  ///< finish() has seen no difference
};

}  // namespace callbook::sim
