#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "sim/faults.h"
#include "sim/settings.h"

namespace callbook::sim {

/// What came of one seed.
struct Outcome {
  uint64_t seed = 0;
  bool ok = false;
  std::string failure;    ///< the first thing that was wrong
  std::string trace;      ///< of a failure: the events that matter, a line each
  uint64_t end_hash = 0;  ///< over every node's records and lists, and every client
  uint64_t operations = 0;
  int64_t simulated_ms = 0;
  int64_t convergence_ms = -1;            ///< after faults ended; negative: never
  Faults::Counts faults{};                ///< how often each kind began
  std::map<std::string, uint64_t> rules;  ///< how often each was seen at work
};

/// Simulates what `seed` decides, until its end or the first failure. Pure: the same seed gives the
/// same outcome. `verbose` writes every event to standard error.
Outcome run(uint64_t seed, bool verbose);
/// The same with settings that are not those of the seed.
Outcome run(const Settings& settings, bool verbose);

}  // namespace callbook::sim
