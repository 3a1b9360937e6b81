#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/ending_checker.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// Property: no instance leaves the list of a node that answers clients without a true cause.
///
/// True causes, by what holds the instance:
/// - Any: it was deregistered by a call that somebody began, with a later stamp; that of a call
///   without an answer is what the node's record shows, and may be used up by one record only.
/// - Any: an operator has taken it out, as the node knows, and its process was meant.
/// - A session: the node knows a record of its end (which EndingChecker has judged), or its owner
///   has ended, closed or abandoned it, or another process has claimed one of its instances.
/// - A session other than the one it was listed under, whose registration is later: it has ended,
/// or
///   the node has given up waiting for word of it.
/// - An own TTL: the node knows a record of its end, or its process has ended.
/// - Nothing (persistent): only a deregistration, or a registration by another holder.
///
/// Allowances: where word of a true end and of the session's going on elsewhere reach a node
/// together, it drops what the first takes and needs to be told the instances anew. A node that has
/// just rejoined as new drops whatever nobody has spoken of since. One that has not been in touch
/// with everybody for a while may drop a session that it knows nothing of, once it has waited for
/// word of it, and so may any node where that was said again too late; any node may drop a session,
/// or an own TTL, that its home could not announce for the age of a record. If it lives the state
/// that the others keep brings it back, which FinalChecker demands.
class RemovalChecker {
 public:
  RemovalChecker(Evidence& evidence, const EndingChecker& endings)
      : evidence_(evidence),
        endings_(endings),
        sessions_ended_ms_(evidence.node_count()),
        keys_ended_ms_(evidence.node_count()),
        held_since_ms_(evidence.node_count()) {}

  void on_record(const RecordChange& change);
  void on_list_change(const ListChange& change);

 private:
  bool may_sweep(size_t node) const;
  /// Empty if there is a cause, else what is wrong.
  std::string objection(const ListChange& change, const Operation& registration);
  std::string session_objection(const ListChange& change, const Operation& registration);
  bool may_not_have_heard(size_t node, const core::Liveness& latest) const;
  bool may_be_ignorant(size_t node) const;
  bool word_may_have_been_lost(SessionIndex session) const;
  bool just_now(const std::vector<int64_t>& ended_ms, uint32_t index) const;

  Evidence& evidence_;
  const EndingChecker& endings_;
  // By node and session or key: when it was last seen ended there.
  std::vector<std::vector<int64_t>> sessions_ended_ms_;
  std::vector<std::vector<int64_t>> keys_ended_ms_;
  std::vector<std::vector<int64_t>> held_since_ms_;  ///< by node and key: by its present session
};

/// Property: a list of a service goes from some to none only when every instance has truly
/// departed, whatever a node has come to believe: deregistered, its owner's session over, or out of
/// touch with every node for its whole TTL.
///
/// A node that was itself out of touch proves nothing: a contact counts if the node that had it has
/// been in touch with everybody for as long as it takes to find a node lost and take over from it,
/// and so has the node that publishes the empty list.
class EmptyListChecker {
 public:
  explicit EmptyListChecker(Evidence& evidence) : evidence_(evidence) {}

  /// The changes of one publication, after which `service` has no instances at `node`.
  void on_emptied(size_t node, const std::vector<ListChange>& changes);

 private:
  bool departed(const Operation& registration) const;

  Evidence& evidence_;
};

}  // namespace callbook::sim
