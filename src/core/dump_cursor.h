#pragma once

#include <cstdint>
#include <string>

namespace callbook::core {

/// Where a dump of a registry's records stands. Value; begin with a fresh one.
struct DumpCursor {
  enum class Part : uint8_t {
    kSessions,
    kInstances,
    kWaiting,
    kTombstones,
    kOverrides,
    kBreakers,
    kOwed,
    kDone
  };
  Part part = Part::kSessions;
  uint32_t slot = 0;  ///< session slot, then service index
  std::string after;  ///< last id of that service
  bool done() const { return part == Part::kDone; }
};

}  // namespace callbook::core
