#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sdk/instance.h"

namespace callbook::sdk {

/// What one instance adds to its list's digest; the digest is the sum modulo 2^64, and 0 for an
/// empty list (docs/formats/digest.md).
uint64_t digest_part(const Instance& instance);

/// A digest as it stands on the wire: 11 characters of base64url, most significant byte first.
std::string digest_text(uint64_t digest);

/// Reads digest_text(); nothing if `text` is no digest.
std::optional<uint64_t> parse_digest(std::string_view text);

}  // namespace callbook::sdk
