#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/list_event.h"

namespace callbook::sdk {

/// Whether an instance can leave a list for good by this cause (docs/native-api.md).
bool is_removal_cause(std::string_view cause);

/// Whether going from `held` instances to `now` at once is so much that it wants its reasons.
bool is_collapse(size_t held, size_t now);

/// Why an empty list that says `emptiness` is not believed by one who holds `held` instances; empty
/// if it is: all that were held must be counted among those that left. A registry counts every
/// departure of the last day, so more may be counted than were held.
std::string doubt_about_emptiness(const std::optional<Emptiness>& emptiness, size_t held);

}  // namespace callbook::sdk
