#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>

namespace callbook::core {

/// The bus carries two ordered, compacted streams of records (docs/formats/bus.md).
enum class Stream : uint8_t {
  kTied = 0,    ///< tied to a session or a TTL: the bus drops what is older than the record age
  kLasting = 1  ///< persistent instances: kept until replaced
};
inline constexpr size_t kStreamCount = 2;

constexpr size_t index_of(Stream stream) {
  return static_cast<size_t>(stream);
}

/// A place in a stream. Versions grow within a generation; a stream that was made anew is another
/// generation, and its versions say nothing about the old one's.
struct StreamPosition {
  uint64_t generation = 0;  ///< 0: nothing is known of the stream
  uint64_t version = 0;     ///< the last one applied (of a head: the last one there is)

  auto operator<=>(const StreamPosition&) const = default;
};

/// One position in each stream; index by index_of(Stream).
using BusPositions = std::array<StreamPosition, kStreamCount>;

}  // namespace callbook::core
