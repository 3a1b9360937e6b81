#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "sim/conditions.h"
#include "sim/known_records.h"
#include "sim/listings.h"
#include "sim/scheduler.h"
#include "sim/settings.h"
#include "sim/taken_out.h"
#include "sim/trace.h"
#include "sim/truth.h"

namespace callbook::sim {

/// Rules of design section 4 as they can be seen at work from outside.
enum class Rule : uint8_t {
  kSessionMoved,      // another home in a later epoch, at its client's wish
  kSessionTakenOver,  // another home, unasked: the former one was lost
  kSuperseded,        // a process was told to stop
  kReasserted,        // a later session kept its instance against an earlier one
  kRestated,          // a home gave a later stamp to what others had forgotten
  kRefuted,           // an end, or an unasked move, was contradicted in a later epoch
  kUnchanged,         // a registration that changed nothing
  kTombstoneAged,     // an end was forgotten
  kOutboxFull,        // a new key was refused
  kAppliedNotLogged,  // the answer said so
  kLateJoin,          // a node began to serve beside others
  kServedStale,       // a node served from its own disk alone
  kResumedById,       // a watch went on after an event id
  kResumedByDigest,   // a watch went on from a digest
  kSnapshotInParts,   // a list came in more than one part
  kBootChanged,       // a resumed watch met another process of its node
  kToldDirectly,      // an operator's word came to another node without the bus
  kListEmptied,       // the last instance of a service left
  kTakenOut,          // an operator took an instance out
  kKeptOut,           // what was taken out was registered anew, and stayed out
  kTakenOutReplaced,  // another process was listed under an id that was taken out
  kExclusionEnded,    // the registry itself ended what an operator had said
  // From here on only seeds above 1,000 show them (Settings).
  kStatusSaid,         // a provider said how an instance is
  kStatusShown,        // … and a node listed it so
  kStatusStood,        // … and all nodes did in the end
  kLapseDown,          // an instance was down by a rule of its own
  kLapseRemoved,       // … and removed by it
  kMuteNoticed,        // a process that was stopped with its connection open was suspected
  kUnattendedForLong,  // what answered without speaking was believed no more
  kUnattendedRemoved,  // … and removed
  kCount
};

/// Of those that only seeds above 1,000 show.
inline constexpr Rule kFirstOfLaterSeeds = Rule::kStatusSaid;

/// Until a home has noticed that a machine was lost which a connection tied to it:
/// TCP_USER_TIMEOUT, and a look at it.
inline constexpr int64_t kLossNoticedMs = 5'500;

std::string_view name_of(Rule rule);

/// "1.200 s", for findings.
std::string seconds(int64_t ms);

/// Whether `word` on liveness outdoes `other`: a later epoch, or within an epoch a later stamp. The
/// rule of core once more, since what is checked must not be the judge of itself.
inline bool outdoes(const core::Liveness& word, const core::Liveness& other) {
  if (word.epoch != other.epoch) return word.epoch > other.epoch;
  return word.stamp > other.stamp;
}

/// What a checker says of a broken promise.
struct Finding {
  std::string_view checker;
  std::string text;  ///< what was expected, what was seen
  size_t node = kNobody;
  Focus focus;
};

/// The session that says by this that it lives, or null.
const core::SessionId* speaker_of(const core::Input& input);

/// All that checkers may look at, and where they put what they find.
class Evidence {
 public:
  Evidence(const Scheduler& scheduler, const Settings& in_settings)
      : settings(in_settings),
        truth(scheduler),
        trace(truth),
        conditions(scheduler, in_settings),
        listings(scheduler, truth, in_settings.nodes),
        records(truth, in_settings.nodes),
        taken_out(in_settings, truth, records),
        scheduler_(scheduler) {}

  int64_t now_ms() const { return scheduler_.now_ms(); }
  size_t node_count() const { return conditions.node_count(); }

  /// The first finding of a run counts: what follows may be its consequence.
  void fail(Finding finding);
  bool failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }
  const Focus& focus() const { return focus_; }

  void count(Rule rule) { ++counts_[static_cast<size_t>(rule)]; }
  uint64_t counted(Rule rule) const { return counts_[static_cast<size_t>(rule)]; }

  /// "svc-1/i3-2", for findings.
  std::string text_of(KeyIndex key) const;
  std::string text_of(core::Stamp stamp) const;
  /// What a finding about an instance is about.
  Focus focus_on(KeyIndex key) const;
  Focus focus_on_session(SessionIndex session) const;

  /// The operation that made a registration with this stamp; see Truth::maker_of.
  OperationIndex registration(KeyIndex key, std::optional<uint32_t> rev, core::Stamp stamp,
                              SessionIndex session = kNobody);

  const Settings& settings;
  Truth truth;
  Trace trace;
  Conditions conditions;
  Listings listings;
  KnownRecords records;
  TakenOut taken_out;

 private:
  const Scheduler& scheduler_;
  std::string failure_;
  Focus focus_;
  std::array<uint64_t, static_cast<size_t>(Rule::kCount)> counts_{};
};

}  // namespace callbook::sim
