#pragma once

#include <string_view>

#include "base/time.h"
#include "core/stamp.h"

namespace callbook::core {

/// The NodeId of a node's name. Two names of one cluster that collide are refused when they meet.
NodeId node_id_of(std::string_view node_name);

/// Makes stamps that are later than every stamp it has made or seen, and close to the wall clock
/// when that runs forward (Kulkarni et al., "Logical Physical Clocks", 2014; here with the counter
/// in the low 16 bits, spilling into the milliseconds when it overflows). Not thread-safe.
class HybridClock {
 public:
  explicit HybridClock(NodeId node) : node_(node) {}

  Stamp next(base::Now now);
  /// Every later stamp is above `hlc`.
  void observe(uint64_t hlc);
  /// Begins after a restart, when some of the stamps that were made last may have been lost with
  /// the store's unsynced tail. They are not made again: while the wall clock is behind what is
  /// known to have been made, later ones are above it by `margin_ms` and up to a second more: each
  /// `boot` begins elsewhere, since the one before may have left nothing behind. Call it when the
  /// store has been read, and again when others have been heard: what was lost may have followed
  /// theirs.
  void restart(base::Now now, int64_t margin_ms, uint64_t boot);

 private:
  NodeId node_;
  uint64_t last_hlc_ = 0;
  uint64_t begun_hlc_ = 0;  ///< where restart() has led
};

}  // namespace callbook::core
