#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/evidence.h"

namespace callbook::sim {

/// Property: nobody believes in mass death. A node removes those whom nobody reaches only within
/// the breaker's budget, and serves those that it does not remove; judged by the lists that this
/// node has published, with a model of its own of what a breaker counts.
///
/// Of each service as a whole, and of each zone of it, at each node:
/// - Counted are instances that are not out of service, draining, or refused, and of which their
///   provider says nothing but that they are up; also while they are down.
/// - Within a minute no more leave as `probe_timed_out`, whoever says so, than 10 % (rounded up) of
///   the largest count within the last hour; and while they leave at least half of that remains.
///   The last one to leave is judged at the node that removes it: others may remove at the same
///   moment.
/// - Once more than the budget have been unreachable, or fewer than the half reachable, for an hour
///   on end, the half no longer counts, and one process a minute may leave, however large.
/// - After an operator has released it, until it is no longer so, anything goes.
/// - Whoever is unreachable is flagged as protected while that is so, and else as down: both within
///   a moment, by its home.
///
/// Where a service has been smaller than three lately, those with lapse rules of their own are
/// LapseChecker's.
///
/// Allowances: the hour is between one and two periods of breaker_period_ms; both ends are tried,
/// and what either allows is allowed. A list is published after a batch of steps; what has begun to
/// count since counts for the budget and for the half that remains, and what an operator or its
/// provider no longer wants to be called has ceased to count. A node that was started anew may have
/// forgotten it. Where the node's clock has been stepped, which the hold is measured by, the hold
/// counts as over. A node that stood still dates what it hears as it wakes to its last tick:
/// for a minute nothing is concluded of what it removes.
class BreakerChecker {
 public:
  explicit BreakerChecker(Evidence& evidence)
      : evidence_(evidence), nodes_(evidence.node_count()) {}

  void node_started(size_t index);
  void fault(Fault kind, std::string_view what);
  void begin_step(size_t index, const Step& step);
  void on_record(const RecordChange& change);
  void end_step(size_t index, const Step& step);
  void on_published(size_t node, uint32_t service);
  /// Whether the budget of any group of what the session, or the key, holds was spent lately.
  bool may_be_spent(size_t node, SessionIndex session, KeyIndex key) const;

 private:
  /// A session, or a key with a TTL of its own.
  using Owner = std::pair<SessionIndex, KeyIndex>;
  struct Size {
    int64_t at_ms;
    uint32_t size;
    /// A node takes the changes of one step in an order of its own: with all who came, even if no
    /// list shows them, before any of those who left had gone.
    uint32_t in_passing;
  };
  struct Group {
    std::vector<Size> sizes;        ///< a change each; those that are too old are dropped
    std::vector<KeyIndex> members;  ///< sorted
    uint32_t size = 0;
    uint32_t unreachable = 0;
    std::vector<int64_t> removals_ms;
    /// By the one or the other end of the hour; of the last time that it was.
    int64_t overdrawn_since_ms = kNever;
    int64_t surely_since_ms = kNever;  ///< by both
    int64_t surely_not_since_ms = kNever;
    int64_t released_ms = kLongAgo;
  };
  struct Counted {
    std::vector<KeyIndex> members;  ///< sorted
    std::vector<KeyIndex> came;     ///< since the list before, whether or not they are still there
    uint32_t unreachable = 0;
  };
  /// Service and zone; the whole service has an empty one.
  using GroupName = std::pair<uint32_t, std::string>;
  struct Removal {
    SessionIndex session = kNobody;
    KeyIndex key = kNobody;
    std::vector<KeyIndex> keys;
  };
  struct Node {
    std::map<GroupName, Group> groups;
    std::vector<Removal> removals;                       ///< of this step, by this node
    std::vector<KeyIndex> left;                          ///< of this step, by whomever
    std::vector<std::pair<KeyIndex, std::string>> came;  ///< since the last list, with zones
    bool hears = false;  ///< this step takes in what others say, or a forgotten word of its own
    int64_t clock_stepped_ms = kLongAgo;
    int64_t ticked_ms = kLongAgo;
    int64_t stood_still_ms = kLongAgo;  ///< until then
    int64_t looked_ms = 0;
    std::map<Owner, int64_t> wrong_since_ms;  ///< whose flag is not what the breakers say
  };
  struct Bounds {
    uint32_t least;  ///< of the largest count within the last hour
    uint32_t most;
  };

  Bounds largest(size_t node, const Group& group) const;
  static bool overdrawn(const Group& group, uint32_t largest);
  bool is_over(const Group& group) const;
  uint32_t lately(const Group& group, int64_t within_ms) const;
  /// By a lapse rule of its own, no breaker being asked: the service has been no mass lately.
  bool may_lapse_exactly(size_t node, KeyIndex key) const;
  bool counts(size_t node, KeyIndex key) const;
  const core::Liveness* liveness_of(size_t node, KeyIndex key) const;
  std::vector<GroupName> groups_of(KeyIndex key, const std::string& zone) const;
  void take_members(Group& group, std::vector<KeyIndex> members, std::vector<KeyIndex> came);
  void judge_counts(size_t node, Group& group);
  void judge(size_t index, const Removal& removal);
  uint32_t counted_since(size_t node, const GroupName& name, const Removal& removal) const;
  std::string objection(size_t node, const Group& group, uint32_t size, uint32_t count) const;
  void judge_flags(size_t index);
  void judge_flag(size_t index, KeyIndex key);
  void say(size_t node, KeyIndex key);
  void fail(size_t node, KeyIndex key, uint32_t service, std::string text);

  Evidence& evidence_;
  std::vector<Node> nodes_;
};

}  // namespace callbook::sim
