#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/bus_position.h"
#include "core/input.h"
#include "core/output.h"

namespace callbook::peer {

// A node's records on their way to another (docs/formats/snapshot.md): a beginning, parts, an end;
// for who follows, also changes, from the beginning on and without end.

void append_beginning(std::string& out, const core::BusPositions& positions,
                      std::string_view datacenter);
/// Records that are nobody else's business (core::is_private_key) are left out. Returns how many
/// went in.
size_t append_records(std::string& out, const core::RecordBatch& records);
void append_end(std::string& out, uint64_t records);
/// Records as they were stored, those that were erased (with an empty value) too. `in_touch`: the
/// node hears the others of its own data center. One frame or several.
void append_changes(std::string& out, const core::RecordBatch& records, bool in_touch);

/// One frame of a snapshot, read. Neither copied nor moved: its records borrow from it.
struct SnapshotFrame {
  enum class Kind : uint8_t { kBeginning = 1, kRecords = 2, kEnd = 3, kChanges = 4 };
  Kind kind = Kind::kBeginning;
  core::BusPositions positions{};         ///< of a beginning
  std::string datacenter;                 ///< likewise; empty: an older release
  bool in_touch = false;                  ///< of kChanges
  std::string bytes;                      ///< what `records` borrow from
  std::vector<core::BusMessage> records;  ///< of kRecords and kChanges

  SnapshotFrame() = default;
  SnapshotFrame(const SnapshotFrame&) = delete;
  SnapshotFrame& operator=(const SnapshotFrame&) = delete;
};

using SnapshotFramePtr = std::shared_ptr<const SnapshotFrame>;

/// Takes a snapshot apart as it comes in. After an error nothing more is to be had of it.
class SnapshotDecoder {
 public:
  /// `follows`: changes are expected, before the end and behind it.
  explicit SnapshotDecoder(bool follows = false) : follows_(follows) {}

  void add(std::string_view bytes) { waiting_.append(bytes); }
  /// The next whole frame, or null while there is none. kCorrupt: a frame that is too long, fails
  /// its checksum, comes out of turn, or an end that counts other records than came.
  base::Result<SnapshotFramePtr> next();
  bool ended() const { return ended_; }

 private:
  base::Status read(std::string_view payload, SnapshotFrame& frame);
  base::Status check_turn(SnapshotFrame::Kind kind);

  const bool follows_;

  std::string waiting_;
  size_t taken_ = 0;  ///< bytes of waiting_ that have been read
  uint64_t records_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace callbook::peer
