#pragma once

#include <compare>
#include <cstdint>

namespace callbook::core {

/// A registry node's identity inside stamps: a hash of its name (see node_id_of()).
using NodeId = uint32_t;

/// Orders what one kind of writer said about one key, whichever node it was told to: the higher
/// stamp counts. `hlc` is a hybrid logical clock, milliseconds since the epoch times 65,536 plus a
/// counter; the node breaks ties.
struct Stamp {
  uint64_t hlc = 0;
  NodeId node = 0;

  /// What its writer's clock said, or one that it had heard of and that was ahead.
  int64_t wall_ms() const { return static_cast<int64_t>(hlc >> 16); }

  auto operator<=>(const Stamp&) const = default;
};

}  // namespace callbook::core
