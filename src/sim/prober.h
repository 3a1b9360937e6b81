#pragma once

#include <cstdint>
#include <map>

#include "core/output.h"
#include "sim/process.h"
#include "sim/random.h"
#include "sim/surroundings.h"

namespace callbook::sim {

/// Carries out what a node's core wants to be probed, as the running node's prober does: one
/// connection each, which is answered, refused, or not answered in time. What is not answered in a
/// time in which the process stood still was not tested.
class Prober {
 public:
  /// Of one process of a node; borrows all.
  Prober(Process& process, Surroundings& around, uint64_t boot, Random random);

  void begin(const core::Probe& wanted);
  /// The other machine has said something. Unknown numbers are of what has timed out, or of an
  /// earlier process.
  void answered(uint64_t probe, bool listens);

 private:
  void settle(uint64_t probe, core::ProbeResult::Outcome outcome);

  Process& process_;
  Surroundings& around_;
  Random random_;
  uint64_t last_;                         ///< numbers of other boots are far from these
  std::map<uint64_t, uint64_t> tickets_;  ///< by number, of those under way
};

}  // namespace callbook::sim
