#pragma once

#include <algorithm>
#include <cstdint>

#include "core/front.h"
#include "dialects/native/event_encoder.h"
#include "dialects/native/json_output.h"

namespace callbook::native {

/// Where a request reads: the own data center's catalog, or that of one that is followed. Borrows
/// all three from the thread's front and dialect.
struct Scope {
  core::PublishedCatalog* catalog = nullptr;
  EventEncoder* encoder = nullptr;
  const core::FollowedDatacenter* followed = nullptr;  ///< null: the own

  bool is_stale(int64_t now_ms) const { return followed != nullptr && followed->is_stale(now_ms); }
  Origin origin(int64_t now_ms) const {
    if (followed == nullptr) return {};
    const bool never = followed->heard_ms == 0;
    const int64_t silent_ms = never ? -1 : std::max<int64_t>(now_ms - followed->heard_ms, 0);
    return {followed->name, silent_ms, is_stale(now_ms)};
  }
};

}  // namespace callbook::native
