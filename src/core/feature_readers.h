#pragma once

#include <cstdint>
#include <map>

#include "core/record_feature.h"
#include "core/stamp.h"

namespace callbook::core {

/// Which record features every node of the cluster reads, as their beats tell
/// (docs/decisions/0044-features-wait-for-every-node-heard-in-twelve-hours.md). A node that is
/// silent is counted for `absent_ms` more: it may come back and read what was written meanwhile.
/// What this node cannot know it takes for missing: until it has listened for `absent_ms` without
/// a break, a node may be away that it has never heard, and only the word of another node that has
/// listened for so long makes up for that.
///
/// Not thread-safe; times are monotonic ms of this node.
class FeatureReaders {
 public:
  /// A silence of this node itself of more than `longest_gap_ms` is a break.
  FeatureReaders(int64_t absent_ms, int64_t longest_gap_ms)
      : absent_ms_(absent_ms), longest_gap_ms_(longest_gap_ms) {}

  /// A beat of `node` came: what it reads itself, and what it says that every node reads.
  void hear(NodeId node, RecordFeatures reads, RecordFeatures all_read, int64_t now_ms);
  /// Time passes, in which this node is in touch with the others: call it while that is so.
  void listen(int64_t now_ms);
  /// Of this release's features those that every node reads.
  RecordFeatures read_by_all(int64_t now_ms) const;

 private:
  struct Reader {
    RecordFeatures reads = 0;
    int64_t heard_ms = 0;
  };

  const int64_t absent_ms_;
  const int64_t longest_gap_ms_;
  std::map<NodeId, Reader> readers_;
  RecordFeatures vouched_ = 0;  ///< by others, since listening_since_ms_
  int64_t listening_since_ms_ = 0;
  int64_t listened_ms_ = 0;  ///< last; 0: not yet
};

}  // namespace callbook::core
