#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "sim/deaths.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// Property: an instance with a lapse rule of its own follows it; exactly in a service that never
/// has three instances.
///
/// By what its home was given, where silence is counted from the last heartbeat or registration
/// that it accepted, from when it became the home (a later word that it has been is no such time),
/// or from when the node began to answer:
/// - It is down for silence no earlier than `down_after_ms` (at least its TTL), and removed no
///   earlier than `remove_after_ms`; with 0 never. One that was refused is removed no earlier.
/// - It is never removed for what probes or their absence alone have come to. In a small service no
///   breaker holds it: it is never protected.
/// - Without `probe` nobody asks at its address, and it is never unattended.
///
/// By what really happened: one whose process has died in plain sight (Deaths) is down and removed
/// by then, but for a moment and as much as leases are late.
///
/// Allowances: a removal waits while its node is in doubt about itself, and in a larger service for
/// the breaker, which BreakerChecker judges. Nothing is concluded of a
/// death where the home was missing the process already, so that what answers at its address may
/// have been asked before and is asked again but rarely; where it became the home after it was
/// heard; or where another process has registered the id.
class LapseChecker {
 public:
  explicit LapseChecker(Evidence& evidence)
      : evidence_(evidence), deaths_(evidence), nodes_(evidence.node_count()) {}

  void node_started(size_t node);
  /// Before the records of the step are taken in.
  void begin_step(size_t node, const Step& step);
  void on_record(const RecordChange& change, const Step& step);
  /// After them.
  void end_step(size_t node, const Step& step);

 private:
  struct Node {
    std::map<KeyIndex, int64_t> lives_ms;  ///< the last sign of life
    std::map<KeyIndex, int64_t> came_ms;   ///< it became the home
    int64_t doubted_ms = kLongAgo;
  };

  const core::Lapse* lapse_of(KeyIndex key) const;
  int64_t silence_ms(size_t node, KeyIndex key) const;
  int64_t ttl_ms(KeyIndex key) const;
  void judge_health(const RecordChange& change);
  void judge_end(const RecordChange& change, const Step& step);
  void judge_removal(size_t node, KeyIndex key, const core::Lapse& lapse);
  void judge_dead();
  void judge_dead(const TrueProcess& process, KeyIndex key);
  void fail(size_t node, KeyIndex key, std::string text);

  Evidence& evidence_;
  Deaths deaths_;
  std::vector<Node> nodes_;
  std::map<KeyIndex, core::Liveness> newest_;                      ///< words that have been judged
  std::map<std::pair<std::string, uint16_t>, KeyIndex> unprobed_;  ///< where nobody may ask
  int64_t due_ms_ = 0;
};

}  // namespace callbook::sim
