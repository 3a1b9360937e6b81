#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "sim/evidence.h"

namespace callbook::sim {

/// Property: what an operator takes out stays out. A node that knows of it does not list what the
/// process that was meant registers, however often, in however many sessions and at whichever node;
/// nor what a process registers that does not say which it is, or where none was known. It may be
/// listed as draining before, if it was to be drained. (That all nodes come to know the word is for
/// OverrideChecker; that all are listed after a restoration, for FinalChecker.)
///
/// What another process registers is listed by each node that serves and knows its session, in
/// whichever order it has heard of the two.
///
/// It ends by an operator's later word. By itself the registry ends it only where it can't tell
/// processes apart, `exclusion_ms` after it was said and after the id was last registered there;
/// else after `tombstone_ms`.
///
/// Allowances: where clocks are stepped nothing is concluded from times. Nothing is concluded of
/// what an operator takes out at a node that has lost the instance with its session.
class ExclusionChecker {
 public:
  explicit ExclusionChecker(Evidence& evidence)
      : evidence_(evidence), unlisted_(evidence.node_count()) {}

  /// Before the records of the step are taken in, and after them.
  void begin_step(size_t node, const Step& step);
  void end_step(size_t node, const Step& step);
  void on_list_change(const ListChange& change);
  void finish();

 private:
  void note_kept_out(size_t node, const core::RegisterInstance& input);
  void judge_end(const OverrideChange& change);
  void judge_replaced(size_t node);
  /// Whether another process than was meant has registered it, as the node knows.
  bool is_replaced(size_t node, KeyIndex key) const;
  void fail(size_t node, KeyIndex key, std::string text);

  Evidence& evidence_;
  std::map<std::pair<KeyIndex, core::Stamp>, int64_t> said_ms_;
  /// By node: since when it has not listed what another process has registered.
  struct Unlisted {
    int64_t looked_ms = 0;
    std::map<KeyIndex, int64_t> since_ms;
  };
  std::vector<Unlisted> unlisted_;
};

}  // namespace callbook::sim
