#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/evidence.h"

namespace callbook::sim {

/// Property, at the end, when all has been quiet for long: every node lists exactly what should be
/// there, in its last version.
///
/// - The last word on a key is the acknowledged call with the highest stamp: what every node knows
/// of
///   the key carries that stamp, or a later one of a call that was never answered for certain (or
///   of one whose acknowledgement by a local write went down with every machine that knew of it).
/// - If the last word is a registration whose holder lives, every node lists it with that very rev;
///   otherwise no node lists the key. The dead have had time to be found dead.
/// - A live one is listed as up, or as an operator says. Of the dead one kind may remain: those of
///   lost machines, flagged as protected, and those for whom somebody answers, flagged as
///   unattended (or, once that has lasted too long, as what silence makes of it): another process
///   that has their address, or a living owner that does not want it any more. And those whose own
///   lapse rule says that they are never removed.
/// - Where clients bring along what they were told, a live owner's own last acknowledged call on a
///   key is the last word, unless a call of the key's stayed in doubt or another process claims it:
///   nobody who was told "registered" is missing.
/// - A process that lives and was not told of the later ones may have the id again, if its home
/// rejoined
///   as new after they had ended: nobody there remembers them.
/// - What an operator has taken out is not listed, as the node knows; ExclusionChecker judges that.
/// - A node may have forgotten an end for its age, never a living registration. What was said
/// before
///   a node was apart for rejoin_ms, and rejoined as new, may have been forgotten by all who heard
///   it: of that the older word may stand, which the node that was apart has brought back.
class FinalChecker {
 public:
  explicit FinalChecker(Evidence& evidence) : evidence_(evidence) {}

  /// Every node's dump has been taken in.
  void finish();

 private:
  void judge(KeyIndex key);
  void judge_at(size_t node, KeyIndex key, OperationIndex best);
  void judge_older(size_t node, KeyIndex key, const Operation& last_word);
  void judge_belief(KeyIndex key, const Operation& last_word);
  bool kept_by_another(KeyIndex key, const Operation& last_word) const;
  bool outlives_later_ones(size_t node, KeyIndex key) const;
  bool should_be_listed(const Operation& last_word) const;
  bool may_remain(size_t node, const Operation& last_word, const Listing& listed) const;
  bool went_down_lately(size_t node, KeyIndex key) const;
  bool may_stay_silent(const Operation& last_word, const Listing& listed) const;
  bool is_lowered(size_t node, KeyIndex key, const Listing& listed) const;
  bool has_early_successor(size_t node, const Operation& last_word) const;
  void fail(size_t node, KeyIndex key, std::string text);

  Evidence& evidence_;
};

/// Property, at the end: nothing acknowledged as logged is lost. What every node knows of the key
/// has that call's stamp or a later one; a deregistration, or a registration whose holder has
/// ended, may have been forgotten for its age, and one that changed nothing stands for the one
/// before it. No allowance for any loss of power.
class LoggedChecker {
 public:
  explicit LoggedChecker(Evidence& evidence) : evidence_(evidence) {}
  void finish();

 private:
  Evidence& evidence_;
};

/// Property: of two processes that claim one instance id, the one whose session was opened later
/// keeps it and the other is told to stop.
///
/// - Nobody is told so unless a session of another process, opened later, has claimed one of its
///   instances, or one of its own that it has given up, which a call that was late has opened
///   later.
/// - At the end no two processes live that both were acknowledged the same id, the last that they
///   asked for it.
///
/// The second is judged only of processes that hold the id for the nodes until another session
/// claims it: what was deregistered since, by whichever process and through whichever node, also by
/// a call that was late or was never answered, or was registered without a session, is not theirs
/// any more. A later session then finds the id free, and the nodes tell nobody: a process whose own
/// late call took out what it has registered since learns of that when it registers again.
class RivalChecker {
 public:
  explicit RivalChecker(Evidence& evidence) : evidence_(evidence) {}
  void told_superseded(SessionIndex session, size_t node);
  void finish();

 private:
  void judge(KeyIndex key);
  bool held_since(const Operation& registration) const;

  Evidence& evidence_;
};

}  // namespace callbook::sim
