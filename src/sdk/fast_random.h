#pragma once

#include <cstdint>

namespace callbook::sdk {

/// 64 random bits in a few nanoseconds, from a generator of the calling thread (xoshiro256++ by
/// Blackman and Vigna), seeded by the system at its first use. Thread-safe; not for secrets. A
/// forked child goes on with its parent's numbers.
uint64_t fast_random();

}  // namespace callbook::sdk
