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
  // Of a change of state alone.
  kConnectionLost = 12,  ///< the connection that its session was attached by broke
  kHeartbeatsMissed = 13,
  kProbeAnswered = 14,  ///< though it does not speak to the registry
  kHeard = 15,          ///< a sign of life, after doubts
  kMassDeath = 16,      ///< too many are unreachable to be believed dead
  kCheckFailed = 17,    ///< it answers its check, but with an error
  // Of what is computed from facets that release 0.1 does not read: never in a record.
  kProviderStatus = 18,  ///< its provider said how it is
};

inline constexpr uint8_t kCauseCount = 19;
/// Causes that may stand in a record: what release 0.1 reads.
inline constexpr uint8_t kStoredCauseCount = 18;

/// The name that consumers see: "session_closed".
std::string_view name_of(Cause cause);

}  // namespace callbook::core
