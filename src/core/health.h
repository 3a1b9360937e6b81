#pragma once

#include <cstdint>

namespace callbook::core {

/// What the home of a session, or of an own TTL, believes of its owner. Part of its liveness: only
/// the home writes it, and every node shows it. From each the way leads back to kUp by a sign of
/// life. The numbers are stored; do not reuse them.
enum class Health : uint8_t {
  kUp = 0,
  kSuspect = 1,     ///< its connection broke, or heartbeats were missed: it is being probed
  kDown = 2,        ///< no probe was answered
  kRefused = 3,     ///< a probe was refused: the host is there, the process is not
  kProtected = 4,   ///< as kDown, but so many others are that the registry doubts it: served on
  kUnattended = 5,  ///< answers probes, but does not speak to the registry: served on
};

inline constexpr uint8_t kHealthCount = 6;

/// Nothing of it is heard or reached, and nobody says that it is gone.
constexpr bool is_unreachable(Health health) {
  return health == Health::kDown || health == Health::kProtected;
}

/// It can't be called, or, if protected, only while nobody else can.
constexpr bool fails(Health health) {
  return health == Health::kRefused || is_unreachable(health);
}

}  // namespace callbook::core
