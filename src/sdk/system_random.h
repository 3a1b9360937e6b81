#pragma once

#include "sdk/backoff.h"

namespace callbook::sdk {

/// Numbers from a generator seeded by the system. Not thread-safe.
Random system_random();

}  // namespace callbook::sdk
