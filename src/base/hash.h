#pragma once

#include <cstdint>
#include <string_view>

namespace callbook::base {

/// XXH64 of `bytes`. Chosen for digests that clients in any language must be able to compute; the
/// algorithm is specified at github.com/Cyan4973/xxHash, doc/xxhash_spec.md.
uint64_t xxh64(std::string_view bytes, uint64_t seed = 0);

/// Spreads the bits of `value` (the finishing step of XXH64). A bijection.
uint64_t mix64(uint64_t value);

}  // namespace callbook::base
