#pragma once

#include <cstdint>
#include <string_view>

namespace callbook::base {

/// 128 secret bits.
struct SipKey {
  uint64_t low = 0;
  uint64_t high = 0;

  bool operator==(const SipKey&) const = default;
};

/// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash fit for short authenticators. Who does
/// not know the key can't find the hash of a text.
uint64_t siphash(const SipKey& key, std::string_view bytes);

}  // namespace callbook::base
