#include "core/validate_range.h"

#include <fmt/format.h>

namespace callbook::core {

using base::Status;

Status check_range(std::string_view field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return {};
  return base::over_limit(field, fmt::format("is {}; it must be from {} to {}", value, least, most),
                          value < least ? least : most);
}

Status check_length(std::string_view field, size_t bytes, size_t most) {
  if (bytes <= most) return {};
  return base::over_limit(field, fmt::format("has {} bytes; the most is {}", bytes, most),
                          static_cast<int64_t>(most));
}

}  // namespace callbook::core
