#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/evidence.h"

namespace callbook::sim {

/// Property: a node says that every node reads a feature of records only if that is so, as far as
/// it can know. In seeds in which some processes are of the former release, whose beats say
/// nothing:
///
/// - not while this process has heard such a beat within `absent_node_ms`, and none later of that
///   node that says otherwise;
/// - not before it has run for `absent_node_ms`, unless another node has said so since it began.
///
/// And in the end, when no such node has run for long, every node says so.
class FeatureChecker {
 public:
  explicit FeatureChecker(Evidence& evidence)
      : evidence_(evidence), nodes_(evidence.node_count()) {}

  void node_started(size_t node);
  void on_step(size_t node, const Step& step);
  /// `nodes` by index; null where none runs.
  void finish(const std::vector<const core::Registry*>& nodes);

 private:
  struct Heard {
    bool reads = false;
    int64_t mono_ms = 0;
  };
  struct Node {
    std::map<std::string, Heard> heard;  ///< the last beat, by the name of its node
    int64_t started_ms = 0;
    int64_t claimed_ms = kLongAgo;  ///< when it last said that every node reads it
    int64_t mono_ms = 0;            ///< its own clock
  };

  void judge(size_t node, base::Now now);
  bool hears_former(size_t node) const;
  void fail(size_t node, std::string text);

  Evidence& evidence_;
  std::vector<Node> nodes_;
};

}  // namespace callbook::sim
