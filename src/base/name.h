#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace callbook::base {

/// Longest service, namespace, zone, instance id and port name, in bytes.
inline constexpr size_t kMaxNameBytes = 128;

/// Checks a name that appears in paths and keys: 1 to kMaxNameBytes bytes, each a letter, digit
/// or one of `._-:@~+`, or '/' when it neither begins nor ends the name nor stands doubled
/// (dialects map their groups and paths to it). "." and ".." are refused as whole segments.
/// `field` is what the error names.
Status check_name(std::string_view field, std::string_view name);

/// Checks that `text` is well-formed UTF-8 without control characters (below 0x20, or 0x7F).
Status check_text(std::string_view field, std::string_view text, size_t max_bytes);

}  // namespace callbook::base
