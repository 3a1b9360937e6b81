#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "sim/evidence.h"

namespace callbook::sim {

/// Property: a process that has promised to speak, and is stopped (SIGSTOP: its connections stay
/// open, and its kernel goes on to acknowledge what comes), is no longer believed to be up once it
/// was not heard for its TTL.
///
/// By what really happened, where nothing stood in the way of any node since well before; a moment,
/// and as much as leases are late, is allowed. Nothing is concluded of a session that its process
/// has given up, or that another process contests, or whose client was not told its TTL.
class MuteChecker {
 public:
  explicit MuteChecker(Evidence& evidence)
      : evidence_(evidence), lives_ms_(evidence.node_count()) {}

  void node_started(size_t node) { lives_ms_[node].clear(); }
  void begin_step(size_t node, const Step& step);
  /// After the records of the step.
  void end_step();

 private:
  void judge(const TrueProcess& process, SessionIndex session);

  Evidence& evidence_;
  std::vector<std::map<SessionIndex, int64_t>> lives_ms_;  ///< by node: when it heard it last
  int64_t due_ms_ = 0;
};

}  // namespace callbook::sim
