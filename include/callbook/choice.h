#pragma once

#include <cstdint>

namespace callbook {

/// How one of a service's instances is chosen for a call. Each respects weights: of two instances,
/// the one with twice the weight is given twice the calls.
enum class Choice : uint8_t {
  /// Two are drawn at random by weight, and the one that has less to do for its weight is taken:
  /// the
  /// smaller (calls under way + 1) / weight, counting the calls of this process. While both are
  /// idle
  /// it is the first drawn. Steers around slow instances without anybody measuring them.
  kLeastLoaded,
  /// In turns, the turns of each instance evenly spread over a cycle. Exact for each cycle, if
  /// calls
  /// are not restricted to some instances.
  kRoundRobin,
  /// By the key of the call: every process that knows the same list chooses the same instance for a
  /// key, and an instance that comes or goes takes or leaves its own keys alone. No instance has
  /// more
  /// than 1.25 times its share of the calls of this process that are under way; where its own
  /// would,
  /// a key moves on to the next. Calls without a key are spread at random. Zones are ignored.
  kConsistentHash,
};

}  // namespace callbook
