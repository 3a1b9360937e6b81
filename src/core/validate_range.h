#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace callbook::core {

// Bounds of fields. Errors (kLimit) name the field, what it is and the bound that was broken.

/// From `least` to `most`, themselves counted.
base::Status check_range(std::string_view field, int64_t value, int64_t least, int64_t most);
base::Status check_length(std::string_view field, size_t bytes, size_t most);

}  // namespace callbook::core
