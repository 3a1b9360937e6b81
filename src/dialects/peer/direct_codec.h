#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/input.h"
#include "core/output.h"

namespace callbook::peer {

// Records that one node tells another while the bus is away (docs/formats/bus.md, "Records").

inline constexpr size_t kMaxDirectRecords = 1'000;
inline constexpr size_t kMaxDirectBytes = 4U << 20U;

/// `cluster` is the sender's, as in its card.
std::string encode_direct(std::string_view cluster, const core::RecordBatch& records);

/// What has come. Neither copied nor moved: it borrows from its own bytes.
struct DirectRecords {
  std::string bytes;
  std::string_view cluster;
  std::vector<core::BusMessage> records;

  DirectRecords() = default;
  DirectRecords(const DirectRecords&) = delete;
  DirectRecords& operator=(const DirectRecords&) = delete;
};
using DirectRecordsPtr = std::shared_ptr<const DirectRecords>;

/// kCorrupt for what no release of this format writes, kLimit for more than kMaxDirectRecords or
/// kMaxDirectBytes. Never null.
base::Result<DirectRecordsPtr> decode_direct(std::string_view bytes);

}  // namespace callbook::peer
