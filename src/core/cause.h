#pragma once

#include <cstdint>
#include <string_view>

namespace callbook::core {

/// Why a change happened. Every change carries one, to the end consumer. The numbers are stored;
/// do not reuse them.
enum class Cause : uint8_t {
  kNone = 0,
  kRegistered = 1,
  kDeregistered = 2,
  kDrained = 3,
  kSessionClosed = 4,
  kSessionExpired = 5,
  kProbeRefused = 6,
  kProbeTimedOut = 7,
  kHomeLost = 8,
  kAddressTaken = 9,
  kOverride = 10,  ///< set by an operator, who is named beside it
  kOverrideRemoved = 11,
};

inline constexpr uint8_t kCauseCount = 12;

/// The name that consumers see: "session_closed".
std::string_view name_of(Cause cause);

}  // namespace callbook::core
