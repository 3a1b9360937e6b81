#pragma once

#include <cstdint>
#include <string_view>

namespace callbook::base {

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `bytes`, continuing from `crc` (0 to begin).
/// crc32c(a + b) == crc32c(b, crc32c(a)).
uint32_t crc32c(std::string_view bytes, uint32_t crc = 0);

}  // namespace callbook::base
