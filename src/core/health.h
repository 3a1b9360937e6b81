#pragma once

#include <cstdint>

#include "core/instance.h"

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

constexpr InstanceState state_of(Health health) {
  switch (health) {
    case Health::kUp:
      return InstanceState::kUp;
    case Health::kSuspect:
      return InstanceState::kSuspect;
    case Health::kDown:
    case Health::kRefused:
      return InstanceState::kDown;
    case Health::kProtected:
      return InstanceState::kProtected;
    case Health::kUnattended:
      return InstanceState::kUnattended;
  }
  return InstanceState::kUp;
}

}  // namespace callbook::core
