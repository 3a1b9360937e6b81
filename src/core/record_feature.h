#pragma once

#include <cstdint>

namespace callbook::core {

/// What a record may say outside its sections that an earlier release refuses to read: another
/// value in a field that it knows. Such a value is written only while every node reads it
/// (Registry::every_node_reads); whatever can be a section is one and needs no entry here. The
/// numbers are bits in a node's beat (docs/formats/bus.md) and are never reused.
enum class RecordFeature : uint8_t {
  kLaterCauses = 0,  ///< causes from 18 on (cause.h); release 0.1 refuses the whole record
};

using RecordFeatures = uint64_t;

constexpr RecordFeatures bit_of(RecordFeature feature) {
  return RecordFeatures{1} << static_cast<uint8_t>(feature);
}

/// All that this release reads.
inline constexpr RecordFeatures kReadFeatures = bit_of(RecordFeature::kLaterCauses);

}  // namespace callbook::core
