#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/health.h"
#include "sim/breaker_checker.h"
#include "sim/deaths.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// Property: what the home of a session, or of an own TTL, makes of its silence follows from what
/// it was given, by the rules of liveness; and who is really dead is found dead in time.
///
/// By what the home was given (its inputs), of each owner:
/// - It is suspected only if it was not heard for its TTL, since it came here or the node began to
///   answer; if the connection that it was attached by broke; if it answered before and does not
///   any more; or if consumers reported it and a probe was answered, until it speaks.
/// - What a round of probes came to is what is believed from then on: any answer, `unattended`; all
///   who said anything refused, `refused`; a burst of silence, unreachable. What this node could
///   not ask, and what comes late, is nothing. Answers alone are silence after `unattended_ms`.
/// - A sign of life ends all that. Of one that only consumers had reported it does not.
/// - Nor does an answer bring back one that consumers reported after it was last heard, unless it
///   is heard by its connection alone.
/// - Removed as refused: it was refused, and for the whole time since nobody answered there and it
///   was not heard. Removed as timed out: the same with a burst of silence; and never by a node
///   that says that it is in doubt. After a stall of the node both begin anew. As expired: as timed
///   out, where answers had come to be silence.
/// - Removed because another has its address: a round was answered, and another process that is up
///   has an instance of the service there.
/// - Without a probe nobody is removed but who holds nothing, or was told to stop.
/// - What a node lists is what it knows: the state of each instance is its owner's health.
///
/// By what really happened, to those who died in plain sight (Deaths): a process that dies on a
/// machine that lives is refused within a moment if its session was attached, within its TTL
/// otherwise, and removed refused_removal_ms later. One whose machine is lost is suspected, down or
/// protected in time, and removed silent_removal_ms later unless the breaker holds it. That is
/// judged only of what had one home for long, which was not missing it when it died, of which no
/// consumer had reported anything, and with which nobody shares an address.
///
/// Preconditions: where two sources of doubt meet, nothing is concluded.
/// - Rounds are told apart by the addresses that they ask. Where two owners have the same, nothing
///   is concluded of either; nor of one whose instances changed meanwhile; nor, where the other is
///   up, of one for which a round was answered that may have been of the other.
/// - Of one that consumers reported, since it was heard last or shortly before, no round has to
/// come
///   to anything (is_reported()), but that an answer does not bring it back.
/// - What a round comes to just after the node stood still is its own affair.
/// - Those with a lapse rule of their own are LapseChecker's.
class LivenessChecker {
 public:
  LivenessChecker(Evidence& evidence, const BreakerChecker& breakers)
      : evidence_(evidence),
        breakers_(breakers),
        deaths_(evidence),
        nodes_(evidence.node_count()) {}

  void node_started(size_t node);
  /// Before the records of the step are taken in.
  void begin_step(size_t index, const Step& step);
  void on_record(const RecordChange& change, const Step& step);
  /// After them.
  void end_step(size_t index, const Step& step);
  void on_published(size_t node, uint32_t service);

 private:
  /// A session, or a key with a TTL of its own.
  struct Owner {
    SessionIndex session = kNobody;
    KeyIndex key = kNobody;
    bool operator==(const Owner&) const = default;
  };
  enum class Outcome : uint8_t { kNothing, kAnswered, kRefused, kSilent };
  /// What one process of a node has been given of an owner.
  struct Case {
    int64_t life_ms = kLongAgo;     ///< the last sign of life
    int64_t came_ms = kLongAgo;     ///< this node became its home
    bool came_again = false;        ///< it had been before
    int64_t epoch_ms = kLongAgo;    ///< … in a new epoch, and had perhaps been it before
    int64_t broken_ms = kLongAgo;   ///< its connection
    int64_t changed_ms = kLongAgo;  ///< what it holds
    bool reported = false;          ///< probed while it was up
    bool perhaps_missed = false;    ///< it was reported, and perhaps missed before it was heard
    bool lowered = false;  ///< suspect for reports alone: a probe was answered, it was not heard
    bool maybe_reported = false;        ///< it, or another one at its address
    int64_t reported_ms = kLongAgo;     ///< since when `reported`
    int64_t first_report_ms = kNever;   ///< of consumers, since it was heard last
    int64_t last_report_ms = kLongAgo;  ///< of consumers
    bool reported_before = false;       ///< by consumers, not long before it was heard last
    bool unspoken = false;              ///< the reports that were answered came after its last word
    bool attached = false;              ///< ever, here
    bool shared = false;                ///< a round may have been of another, or not have counted
    uint64_t ticket = 0;                ///< of the last round
    std::vector<std::pair<std::string, uint16_t>> asked;  ///< by it
    uint32_t silent_rounds = 0;                           ///< since it was last heard or reached
    int64_t silent_since_ms = kNever;                     ///< a whole burst was silent
    int64_t refused_since_ms = kNever;                    ///< and nobody has answered since
    int64_t answering_since_ms = kNever;                  ///< and has not been heard since
    int64_t missed_answering_since_ms = kNever;           ///< the same, while it surely is missed
    Outcome last = Outcome::kNothing;
    int64_t last_ms = kLongAgo;
  };
  /// Which words have been judged: the newest of each owner.
  struct Words {
    std::vector<core::Liveness> sessions;
    std::vector<core::Liveness> keys;
  };
  struct Round {
    std::vector<Owner> owners;
    bool perhaps_of_one_up = false;  ///< which consumers reported, and which is none of `owners`
    uint32_t outstanding = 0;
    uint32_t answered = 0;
    uint32_t refused = 0;
    uint32_t silent = 0;
  };
  struct Concluded {
    Owner owner;
    Outcome outcome;
  };
  struct Node {
    std::map<uint64_t, Round> rounds;  ///< under way, by ticket
    std::vector<Case> sessions;
    std::vector<Case> keys;
    int64_t advanced_ms = -1;
    int64_t stalled_ms = kLongAgo;
    int64_t doubted_ms = kLongAgo;
    int64_t answered_ms = kLongAgo;  ///< a round of whomever
    int64_t refused_ms = kLongAgo;
    std::vector<Concluded> concluded;  ///< by this step
    std::vector<Owner> heard;          ///< by this step
  };

  Case& case_of(size_t node, Owner owner);
  const core::Liveness& liveness_of(size_t node, Owner owner) const;
  bool is_open_at(size_t node, Owner owner) const;
  bool superseded(size_t node, Owner owner) const;
  bool has_lapse(Owner owner) const;
  /// What it ever registered, or the key itself.
  std::vector<KeyIndex> keys_of(Owner owner) const;
  bool holds_anything(size_t node, Owner owner) const;
  bool shows_anything(size_t node, Owner owner) const;
  int64_t ttl_ms(Owner owner) const;
  Owner owner_of(const KeyFacts& facts, KeyIndex key) const;
  std::vector<Owner> owners_at(size_t node, const std::string& address, uint16_t port) const;

  /// Whether the word is said for the first time, and not heard again after a restart.
  bool is_new(Owner owner, const core::Liveness& word);

  void note_time(size_t index, const Step& step);
  void leave_rounds(size_t node, Owner owner);
  int64_t missable_since_ms(size_t node, const Case& known) const;
  bool was_missed(size_t node, Owner owner);
  void note_life(size_t node, Owner owner);
  void note_input(size_t node, const core::Input& input);
  void note_report(size_t node, const core::ReportInstance& input);
  bool has_not_spoken(size_t node, Owner owner);
  static bool is_reported(const Case& known);
  void note_result(size_t index, const core::ProbeResult& result);
  void conclude(size_t index, const Round& round);
  bool answers_are_silence(Case& known) const;
  void note_silence(Case& known) const;
  void begin_rounds(size_t index, const std::vector<core::Probe>& probes);

  void judge_claim(size_t node, Owner owner, const core::Liveness& before,
                   const core::Liveness& after, const Step& step);
  void judge_health(size_t node, Owner owner, core::Health before, core::Health after);
  void judge_suspicion(size_t node, Owner owner, core::Health before);
  void judge_removal(size_t node, Owner owner, core::Cause cause, const Step& step);
  void judge_silent_removal(size_t node, Owner owner, const Step& step);
  bool address_has_another(size_t node, Owner owner) const;
  bool is_crowded(size_t node, Owner owner);
  void judge_concluded(size_t node, const Concluded& one);
  void judge_detection();
  void judge_dead(const TrueProcess& process, Owner owner);
  bool shares_address(size_t home, Owner owner) const;
  void judge_crash(size_t home, Owner owner, int64_t suspect_by_ms);
  void judge_loss(size_t home, Owner owner, int64_t suspect_by_ms);
  bool stood_still(size_t index) const;
  void fail(size_t node, Owner owner, std::string text);

  Evidence& evidence_;
  const BreakerChecker& breakers_;
  Deaths deaths_;
  std::vector<Node> nodes_;
  Words words_;
  std::set<SessionIndex> speakers_;  ///< whose connection does not stand for heartbeats
  std::map<std::pair<std::string, uint16_t>, std::vector<KeyIndex>> keys_at_;  ///< ever
  int64_t detection_due_ms_ = 0;
};

}  // namespace callbook::sim
