#pragma once

#include <cstdint>

namespace callbook::base {

/// One reading of both clocks, passed into everything that must not read a clock itself.
struct Now {
  int64_t mono_ms = 0;  ///< monotonic, from an arbitrary start: leases, time-outs
  int64_t wall_ms = 0;  ///< milliseconds since the Unix epoch: stamps, ages, display
};

/// The source of time. The running node reads the system's clocks; tests and the simulator supply
/// their own. Implementations must be callable from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Now now() const = 0;
};

}  // namespace callbook::base
