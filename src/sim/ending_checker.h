#pragma once

#include <cstdint>
#include <vector>

#include "sim/evidence.h"

namespace callbook::sim {

/// Property: whoever declares the end of a session, or of an own TTL, or takes one over unasked,
/// has a true cause. Judged once, when the record first appears anywhere, which is at its author.
///
/// - `session_closed`: its client has asked for that.
/// - By silence: the author has had no sign of life for a whole TTL. A call that the author
///   answered, begun within the TTL, refutes that without any allowance: the author heard it after
///   it began. A sign of life on the attach stream left the author before it came: so much is
///   allowed for the way. A call that another node answered refutes it too, if both had been in
///   touch with everybody for longer than the TTL: then the author knew.
/// - No sooner than such a time after the author began to be its home.
/// - By probes (`probe_refused`, `probe_timed_out`): the same with the time from the first refusal,
///   or from the first of a burst of probes, to the removal in place of the TTL, which a process
///   whose connection broke need not be given. What the probes must have said is LivenessChecker's.
/// - `address_taken`: another process has begun on its machine, or it does not listen everywhere.
/// - `deregistered`: of an own TTL, and its home holds no registration under it.
/// - Not at all by a node that is stale, whether the owner lives or not.
/// - A closing is denied by nobody: a home that still has a connection takes its client's word.
/// - No late call calls a session back: once its client has been told of an epoch, the next one
///   begins at another home only by a call begun since (clients bring along the epoch they know).
/// - Unasked takeover: the former home was lost. Not if both homes have been in touch with
///   everybody throughout the time after which a node counts as lost, and the grace.
///
/// Nothing is demanded once the owner has ended, closed or abandoned the session, or once a session
/// that was opened later claims one of its instances: then it is meant to lapse. That other may be
/// one that the owner has given up, at a node whose clock is ahead.
class EndingChecker {
 public:
  explicit EndingChecker(Evidence& evidence) : evidence_(evidence) {}

  void on_record(const RecordChange& change);
  /// The newest word on the session from anywhere.
  const core::Liveness& latest(SessionIndex session) const;
  /// The same on the own TTL of a key.
  const core::Liveness& latest_of_key(KeyIndex key) const;
  /// When this word on the session was first seen, or kNever.
  int64_t seen_ms(SessionIndex session, const core::Liveness& word) const;

 private:
  /// A session, or a key with a TTL of its own.
  struct Subject {
    SessionIndex session = kNobody;
    KeyIndex key = kNobody;
    bool over = false;
    bool close_asked = false;
    bool held = false;  ///< the author has had a registration under it until now
    int64_t ttl_ms = 0;
    const Contacts* contacts = nullptr;
  };
  struct Seen {
    uint32_t epoch = 0;
    core::Stamp stamp;
    core::NodeId home = 0;
    int64_t at_ms = 0;
    bool ended = false;
    core::Cause cause = core::Cause::kNone;
  };
  struct Life {
    core::Liveness latest;
    std::vector<Seen> seen;
  };

  Subject subject_of(const RecordChange& change) const;
  Life& life_of(const Subject& subject);
  void judge(const Subject& subject, const Life& life, const core::Liveness& claim);
  void judge_denial(const Subject& subject, const Life& life, const core::Liveness& claim);
  void judge_move(const Subject& subject, const Life& life, const core::Liveness& claim);
  void judge_end(const Subject& subject, const Life& life, const core::Liveness& claim);
  int64_t least_silence_ms(const Subject& subject, core::Cause cause) const;
  void judge_silence(const Subject& subject, size_t author, int64_t least_ms);
  void judge_takeover(const Subject& subject, const Life& life, const core::Liveness& claim);
  void fail(const Subject& subject, size_t node, std::string text);
  std::string name_of(const Subject& subject) const;

  Evidence& evidence_;
  std::vector<Life> sessions_;
  std::vector<Life> keys_;
};

}  // namespace callbook::sim
