#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/ending_checker.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// Property: nothing older comes back, and nothing is made up.
///
/// - Every stamp that a node holds was made by a call that somebody began: the one that was told
/// it,
///   or one still without a certain answer, each good for one stamp. (One exception of the design:
///   a later-opened session's home renews its registration's stamp against an earlier session.)
/// - What one process of a node knows of a key never falls back to an older stamp, and of a session
///   never to an older epoch or stamp, unless it has forgotten it for its age in between. No
///   allowance: merging is monotonic in whatever order messages arrive.
/// - In a list that is served, an instance never goes back to an older stamp. No allowance.
/// - An instance that has left every node that answers, whose owner has ended or deregistered it,
/// is
///   not listed again by a node in touch with everybody, until it is registered anew.
///   Not judged is a session that lives on by what its owner said before it ended: a node that was
///   cut off may hold a newer word than the end that the others agreed on; and a call to resume it
///   that was not answered may be carried out later, by a node that stood still or was cut off, and
///   begins an epoch of which its client was never told. Then it is found dead again.
///   The same goes for one with a TTL of its own where its home, or what connects it, was in
///   trouble at its owner's end or later: heartbeats bring no epoch, so that one which waited there
///   makes the node its home again, for one more TTL. To refuse it would let the living lapse who
///   find no other node than the one that has just woken up.
/// - Nodes that were out of touch shortly before are not held to the last point: they apply the
///   bus's messages in its order and may for a moment show what the next message takes back. They
///   are held to it when they begin to serve, by JoinChecker.
class ReturnChecker {
 public:
  ReturnChecker(Evidence& evidence, const EndingChecker& endings)
      : evidence_(evidence), endings_(endings) {}

  void on_record(const RecordChange& change);
  void on_list_change(const ListChange& change);
  void node_died(size_t node);

  /// The newest stamp with which the instance has left every node, as long as one of the nodes that
  /// saw that is alive; nothing if it is listed, or was registered since.
  std::optional<core::Stamp> buried(KeyIndex key) const;
  /// Whether what is listed under a buried stamp has truly ended.
  bool is_dead(size_t node, const Operation& registration) const;

 private:
  struct Burial {
    core::Stamp stamp;
    uint64_t witnesses = 0;  ///< bits: serving nodes that have lived since
    int64_t since_ms = 0;
  };

  bool was_heard_late(size_t node, const Operation& registration) const;
  void check_maker(const RecordChange& change);
  void check_key(const RecordChange& change);
  void check_session(const RecordChange& change);
  bool was_asked_to(const TrueSession& session, const core::Liveness& word) const;
  void came(const ListChange& change);
  void left(const ListChange& change);
  void fail(size_t node, Focus focus, std::string text);

  Evidence& evidence_;
  const EndingChecker& endings_;
  std::vector<Burial> burials_;  ///< by key
};

}  // namespace callbook::sim
