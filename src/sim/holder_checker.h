#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/evidence.h"

namespace callbook::sim {

/// Property: an id is not given away while its holder is heard. A node refuses a registration that
/// does not insist, if it is at another address or port than that of the session which holds the
/// id, and not of the same process, while this node is the home of that session, has it up and has
/// heard it within a heartbeat. So whether a session makes the claim or none does, and whether or
/// not an operator has taken the instance out.
///
/// Judged by what each node was given and has written. Allowance: a node that stood still takes
/// nothing that it hears for new; what it hears within a second after that is not counted here.
class HolderChecker {
 public:
  explicit HolderChecker(Evidence& evidence) : evidence_(evidence), nodes_(evidence.node_count()) {}

  void node_started(size_t node) { nodes_[node] = Node(); }
  /// Before the records of the step are taken in.
  void begin_step(size_t node, const Step& step);
  void on_record(const RecordChange& change);

 private:
  struct Node {
    std::map<SessionIndex, int64_t> heard_ms;  ///< by the node's clock: of those that it keeps
    int64_t stepped_ms = kLongAgo;             ///< by the same
    int64_t awake_since_ms = kLongAgo;
  };

  void note_heard(size_t node, const core::SessionId& id, int64_t now_ms);
  void judge(size_t node, const core::RegisterInstance& input, int64_t now_ms);
  /// Whether this node hears the session, and may not give away what it holds.
  bool is_heard(size_t node, SessionIndex session, int64_t now_ms) const;

  Evidence& evidence_;
  std::vector<Node> nodes_;
};

}  // namespace callbook::sim
