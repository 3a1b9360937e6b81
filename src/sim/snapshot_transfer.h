#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "core/input.h"
#include "core/output.h"
#include "core/registry.h"
#include "sim/process.h"
#include "sim/random.h"

namespace callbook::sim {

/// One part of a node's snapshot on its way to another, with the bytes that it borrows.
struct SnapshotPart {
  uint64_t transfer = 0;  ///< chosen by who asked
  uint32_t number = 0;    ///< from 0
  bool last = false;
  core::BusPositions positions{};
  core::RecordBatch records;
  std::vector<core::BusMessage> messages;

  /// Valid as long as this part.
  core::ApplySnapshot input() const { return {number == 0, last, positions, messages}; }
};
using SnapshotPartPtr = std::shared_ptr<const SnapshotPart>;

/// Gives this process's records to other nodes, a part now and then, while it serves.
class SnapshotSource {
 public:
  using Send = std::function<void(size_t to, SnapshotPartPtr part)>;

  SnapshotSource(Process& process, Random random, Send send);

  /// Another node asks. It is not answered by one that does not serve.
  void begin(size_t to, uint64_t transfer);

 private:
  struct Sending {
    size_t to = 0;
    uint32_t next = 0;
    core::BusPositions positions{};  ///< from before the dump
    core::Registry::DumpCursor cursor;
  };

  void send_part(uint64_t transfer);

  Process& process_;
  Random random_;
  const Send send_;
  const size_t part_records_;
  std::map<uint64_t, Sending> sending_;  ///< by transfer
};

/// Takes one snapshot at a time: whole and in order, or not to its end. Parts that repeat or belong
/// to another transfer are passed over; one that is missing ends it, and core asks again in time.
class SnapshotTarget {
 public:
  /// Begins to wait for the parts of `transfer`.
  void expect(uint64_t transfer, int64_t now_ms);
  /// Whether the part is the next one, to be given to core.
  bool take(const SnapshotPart& part, int64_t now_ms);
  /// Whether parts may be on their way still: asking somebody else would waste them.
  bool busy(int64_t now_ms) const;

 private:
  uint64_t transfer_ = 0;
  uint32_t next_ = 0;
  bool under_way_ = false;
  int64_t heard_ms_ = 0;
};

}  // namespace callbook::sim
