#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/log.h"

namespace callbook::store {

// The bytes of the store's files, as specified in docs/formats/store.md. Pure functions.

inline constexpr uint32_t kFormatVersion = 1;
inline constexpr size_t kHeaderBytes = 44;
inline constexpr size_t kFramePrefixBytes = 8;  ///< CRC and length
inline constexpr size_t kMaxKeyBytes = 64 << 10;
inline constexpr size_t kMaxValueBytes = 1 << 20;
inline constexpr size_t kSealFrameBytes = 33;  ///< of a mark too

enum class FileKind : uint8_t { kBase = 1, kSegment = 2 };

/// Which file a frame belongs to. Part of every CRC, so that bytes that turn up in another file or
/// at another offset do not verify.
struct FileId {
  FileKind kind = FileKind::kSegment;
  uint64_t number = 0;

  friend bool operator==(const FileId&, const FileId&) = default;
};

/// A place in the sequence of segments.
struct Point {
  uint64_t segment = 0;
  uint64_t offset = 0;

  friend auto operator<=>(const Point&, const Point&) = default;
};

struct FileHeader {
  FileId id;
  uint64_t previous_end = 0;      ///< where the records of the segment before this one end
  uint64_t previous_version = 0;  ///< the last version appended before this segment
};

enum class FrameKind : uint8_t {
  kRecord = 1,
  kMark = 2,    ///< in a segment: everything before `durable` was on the disk
  kSeal = 3,    ///< ends a segment that is on the disk, as is the next one's header (`durable`)
  kFooter = 4,  ///< ends a base; `count` records came before
};

/// One verified frame. Views borrow the bytes it was read from.
struct Frame {
  FrameKind kind = FrameKind::kRecord;
  uint64_t version = 0;  ///< of the record; else the last (footer: the highest) one before
  std::string_view key;
  std::string_view value;
  Point durable;
  uint64_t count = 0;
  size_t bytes = 0;  ///< of the whole frame

  Record record() const { return {version, key, value}; }
};

void append_header(std::string& out, const FileHeader& header);
/// Nothing if the bytes do not begin with a whole header that verifies.
std::optional<FileHeader> read_header(std::string_view bytes);

/// Each appends one frame that will stand at `offset` of file `id`.
void append_record(std::string& out, FileId id, uint64_t offset, const Record& record);
void append_mark(std::string& out, FileId id, uint64_t offset, uint64_t version, Point durable);
void append_seal(std::string& out, FileId id, uint64_t offset, uint64_t version);
void append_footer(std::string& out, FileId id, uint64_t offset, uint64_t version, uint64_t count);

/// The frame at `offset` of `file` (the whole file's bytes), or why there is none.
struct FrameOrProblem {
  std::optional<Frame> frame;
  const char* problem = "";
};
FrameOrProblem read_frame(std::string_view file, FileId id, uint64_t offset);

/// The first offset at or after `from` where a frame verifies, or nothing. Linear in practice:
/// bytes that are no frame seldom look enough like one to be summed.
std::optional<uint64_t> find_frame(std::string_view file, FileId id, uint64_t from);

/// The furthest point that a mark or seal at or after `from` says was on the disk.
Point furthest_durable(std::string_view file, FileId id, uint64_t from);

/// "base-00000000000000000007.cbk"
std::string file_name(FileId id);
/// What a name in the data directory stands for, if it is one of ours.
std::optional<FileId> parse_file_name(std::string_view name);

}  // namespace callbook::store
