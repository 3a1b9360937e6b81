#include "store/frame.h"

#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "base/check.h"
#include "base/crc32c.h"
#include "base/encoding.h"

namespace callbook::store {
namespace {

constexpr std::string_view kMagic = "callbook";
constexpr size_t kNumberDigits = 20;             // of the largest u64
constexpr uint64_t kMaxFileNumber = 1ULL << 62;  // leaves room to count on
constexpr size_t kMinBodyBytes = 9;              // kind and version
constexpr size_t kMaxBodyBytes = kMinBodyBytes + 3 + kMaxKeyBytes + kMaxValueBytes;
constexpr size_t kSealBodyBytes = kSealFrameBytes - kFramePrefixBytes;

template <typename T>
T load(const char* at) {  // the formats are little-endian, as is base::put_*
  T value = 0;
  for (size_t i = 0; i < sizeof value; ++i) {
    value |= static_cast<T>(static_cast<unsigned char>(at[i])) << (8 * i);
  }
  return value;
}

void store_u32(char* at, uint32_t value) {
  for (size_t i = 0; i < sizeof value; ++i) at[i] = static_cast<char>(value >> (8 * i));
}

/// Where the CRC of a frame begins: with the file and the offset it stands at.
uint32_t crc_seed(FileId id, uint64_t offset) {
  const uint64_t place[2] = {id.number, offset};
  char bytes[1 + sizeof place];
  bytes[16] = static_cast<char>(id.kind);
  for (size_t i = 0; i < 16; ++i) bytes[i] = static_cast<char>(place[i / 8] >> (8 * (i % 8)));
  return base::crc32c({bytes, sizeof bytes});
}

uint32_t frame_crc(FileId id, uint64_t offset, std::string_view length_and_body) {
  return base::crc32c(length_and_body, crc_seed(id, offset));
}

/// Appends the prefix and body of a frame; `put_rest` writes what follows kind and version.
template <typename PutRest>
void append_frame(std::string& out, FileId id, uint64_t offset, FrameKind kind, uint64_t version,
                  const PutRest& put_rest) {
  const size_t begin = out.size();
  base::put_u64(out, 0);  // the prefix, known at the end
  base::put_u8(out, static_cast<uint8_t>(kind));
  base::put_u64(out, version);
  put_rest();
  const size_t body_bytes = out.size() - begin - kFramePrefixBytes;
  store_u32(out.data() + begin + 4, static_cast<uint32_t>(body_bytes));
  const std::string_view summed = std::string_view(out).substr(begin + 4);
  store_u32(out.data() + begin, frame_crc(id, offset, summed));
}

bool kind_fits(FrameKind kind, FileKind file) {
  switch (kind) {
    case FrameKind::kRecord:
      return true;
    case FrameKind::kMark:
    case FrameKind::kSeal:
      return file == FileKind::kSegment;
    case FrameKind::kFooter:
      return file == FileKind::kBase;
  }
  return false;
}

/// Reads what follows kind and version. False if it is not as we write it.
bool read_rest(base::ByteReader& reader, Frame& frame) {
  switch (frame.kind) {
    case FrameKind::kRecord:
      frame.key = reader.string();
      frame.value = reader.bytes(reader.rest().size());
      return reader.ok() && !frame.key.empty() && frame.key.size() <= kMaxKeyBytes &&
             frame.value.size() <= kMaxValueBytes;
    case FrameKind::kMark:
    case FrameKind::kSeal:
      frame.durable.segment = reader.u64();
      frame.durable.offset = reader.u64();
      break;
    case FrameKind::kFooter:
      frame.count = reader.u64();
      break;
  }
  return reader.ok() && reader.at_end();
}

}  // namespace

void append_header(std::string& out, const FileHeader& header) {
  const size_t begin = out.size();
  out.append(kMagic);
  base::put_u32(out, kFormatVersion);
  base::put_u32(out, static_cast<uint32_t>(header.id.kind));
  base::put_u64(out, header.id.number);
  base::put_u64(out, header.previous_end);
  base::put_u64(out, header.previous_version);
  base::put_u32(out, base::crc32c(std::string_view(out).substr(begin)));
}

std::optional<FileHeader> read_header(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  base::ByteReader reader(bytes.substr(0, kHeaderBytes));
  const bool magic = reader.bytes(kMagic.size()) == kMagic;
  const uint32_t format = reader.u32();
  const uint32_t kind = reader.u32();
  FileHeader header;
  header.id.number = reader.u64();
  header.previous_end = reader.u64();
  header.previous_version = reader.u64();
  const bool sum = reader.u32() == base::crc32c(bytes.substr(0, kHeaderBytes - 4));
  if (!magic || !sum || format != kFormatVersion || kind < 1 || kind > 2) return std::nullopt;
  header.id.kind = static_cast<FileKind>(kind);
  return header;
}

void append_record(std::string& out, FileId id, uint64_t offset, const Record& record) {
  CALLBOOK_CHECK(!record.key.empty() && record.key.size() <= kMaxKeyBytes);
  CALLBOOK_CHECK(record.value.size() <= kMaxValueBytes);
  append_frame(out, id, offset, FrameKind::kRecord, record.version, [&] {
    base::put_string(out, record.key);
    out.append(record.value);
  });
}

void append_mark(std::string& out, FileId id, uint64_t offset, uint64_t version, Point durable) {
  append_frame(out, id, offset, FrameKind::kMark, version, [&] {
    base::put_u64(out, durable.segment);
    base::put_u64(out, durable.offset);
  });
}

void append_seal(std::string& out, FileId id, uint64_t offset, uint64_t version) {
  append_frame(out, id, offset, FrameKind::kSeal, version, [&] {
    base::put_u64(out, id.number + 1);
    base::put_u64(out, kHeaderBytes);
  });
}

void append_footer(std::string& out, FileId id, uint64_t offset, uint64_t version, uint64_t count) {
  append_frame(out, id, offset, FrameKind::kFooter, version, [&] { base::put_u64(out, count); });
}

FrameOrProblem read_frame(std::string_view file, FileId id, uint64_t offset) {
  if (offset > file.size() || file.size() - offset < kFramePrefixBytes + kMinBodyBytes) {
    return {{}, "the file ends within a frame"};
  }
  const char* const at = file.data() + offset;
  const uint32_t body_bytes = load<uint32_t>(at + 4);
  if (body_bytes < kMinBodyBytes || body_bytes > kMaxBodyBytes) return {{}, "impossible length"};
  if (body_bytes > file.size() - offset - kFramePrefixBytes) {
    return {{}, "the file ends within a frame"};
  }
  Frame frame;
  frame.kind = static_cast<FrameKind>(at[kFramePrefixBytes]);
  if (!kind_fits(frame.kind, id.kind)) return {{}, "unknown kind of frame"};
  if (frame_crc(id, offset, {at + 4, 4 + body_bytes}) != load<uint32_t>(at)) {
    return {{}, "wrong checksum"};
  }
  frame.version = load<uint64_t>(at + kFramePrefixBytes + 1);
  frame.bytes = kFramePrefixBytes + body_bytes;
  base::ByteReader reader({at + kFramePrefixBytes + kMinBodyBytes, body_bytes - kMinBodyBytes});
  if (!read_rest(reader, frame)) return {{}, "malformed frame"};
  return {frame, ""};
}

std::optional<uint64_t> find_frame(std::string_view file, FileId id, uint64_t from) {
  for (uint64_t offset = from; offset < file.size(); ++offset) {
    if (read_frame(file, id, offset).frame) return offset;
  }
  return std::nullopt;
}

Point furthest_durable(std::string_view file, FileId id, uint64_t from) {
  Point furthest;
  for (uint64_t offset = from; offset + kSealFrameBytes <= file.size(); ++offset) {
    if (load<uint32_t>(file.data() + offset + 4) != kSealBodyBytes) continue;
    const std::optional<Frame> frame = read_frame(file, id, offset).frame;
    if (frame && frame->kind != FrameKind::kRecord) furthest = std::max(furthest, frame->durable);
  }
  return furthest;
}

std::string file_name(FileId id) {
  const std::string_view kind = id.kind == FileKind::kBase ? "base" : "segment";
  return fmt::format("{}-{:020}.cbk", kind, id.number);
}

std::optional<FileId> parse_file_name(std::string_view name) {
  const size_t dash = name.find('-');
  if (dash == std::string_view::npos || name.size() < dash + 1 + kNumberDigits) return std::nullopt;
  const std::string_view digits = name.substr(dash + 1, kNumberDigits);
  FileId id;
  id.kind = name.substr(0, dash) == "base" ? FileKind::kBase : FileKind::kSegment;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), id.number);
  if (error != std::errc() || end != digits.end() || id.number == 0) return std::nullopt;
  if (id.number > kMaxFileNumber || file_name(id) != name) return std::nullopt;
  return id;
}

}  // namespace callbook::store
