#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace callbook::core {

/// Why a change happened. Every change carries one, to the end consumer. The numbers are stored;
/// do not reuse them. Release 0.1 refuses a record with one from 18 on: none is written before
/// every node reads it (record_feature.h).
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
/// Where to count it: one of a later release, whose number is kCauseCount or more, as kNone.
constexpr size_t index_of(Cause cause) {
  return static_cast<uint8_t>(cause) < kCauseCount ? static_cast<size_t>(cause) : 0;
}

/// The name that consumers see: "session_closed"; "unknown" for one of a later release.
std::string_view name_of(Cause cause);

}  // namespace callbook::core
