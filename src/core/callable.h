#pragma once

#include <cstdint>

#include "core/instance.h"

namespace callbook::core {

/// How a service stands, for the question which of its instances may be called.
struct Standing {
  uint32_t up = 0;       ///< instances whose state is `up`
  uint32_t largest = 0;  ///< how many it had at most lately (breaker.h), at least as many as now
  bool operator==(const Standing&) const = default;
};

/// Whether an instance in this state may be called: the one rule, of pages, dialects and clients
/// (design section 11). What is suspect may be called, since that lasts seconds and lists must not
/// flap for it. What nobody reaches, or does not speak, may be called only while there are not
/// enough others: fewer than half of what the service had lately are up.
constexpr bool may_be_called(InstanceState state, Standing standing) {
  switch (state) {
    case InstanceState::kUp:
    case InstanceState::kSuspect:
      return true;
    case InstanceState::kProtected:
    case InstanceState::kUnattended:
      return uint64_t{standing.up} * 2 < standing.largest;
    case InstanceState::kOutOfService:
    case InstanceState::kDraining:
    case InstanceState::kDown:
    case InstanceState::kStarting:
    case InstanceState::kNotReady:
    case InstanceState::kFailing:
      return false;
  }
  return false;
}

}  // namespace callbook::core
