#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "core/bus_position.h"
#include "core/record_feature.h"
#include "core/replica_digest.h"
#include "core/stamp.h"

namespace callbook::core {

/// A node's sign of life, once a second to every other node (docs/formats/bus.md). It also says how
/// far the node has got and a digest of what it holds there.
struct NodeBeat {
  std::string node;  ///< its name
  uint64_t boot = 0;
  int64_t wall_ms = 0;
  bool serving = false;
  bool settled = false;  ///< it owes the bus nothing
  BusPositions positions;
  uint64_t root = 0;  ///< replica digest at these positions
  /// Its parts: only while the node has noticed that somebody holds something else.
  std::optional<ReplicaDigest::Buckets> buckets;
  RecordFeatures reads = 0;     ///< none: a node of release 0.1, which does not say
  RecordFeatures all_read = 0;  ///< by every node, as far as this one can know
};

std::string encode_beat(const NodeBeat& beat);
/// kCorrupt for anything that no release of the same format writes. What follows the known fields
/// is ignored: a later release may say more.
base::Result<NodeBeat> decode_beat(std::string_view bytes);

}  // namespace callbook::core
