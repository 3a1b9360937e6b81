#include "dialects/peer/snapshot_codec.h"

#include <utility>

#include "base/crc32c.h"
#include "base/encoding.h"
#include "core/record_codec.h"

namespace callbook::peer {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kHeadBytes = 8;
constexpr uint32_t kMaxFrameBytes = 64U << 20U;
/// A frame of changes is not begun anew below so many.
constexpr size_t kChangesBytes = 256U << 10U;
/// Read bytes are dropped when so many have gathered, so that each is moved once or so.
constexpr size_t kDropBytes = 1U << 20U;

using Kind = SnapshotFrame::Kind;

base::Error corrupt(std::string detail) {
  return {base::ErrorCode::kCorrupt, "snapshot", std::move(detail), std::nullopt};
}

/// Leaves room for the head, which end_frame() fills in.
size_t begin_frame(std::string& out, Kind kind) {
  const size_t at = out.size();
  out.append(kHeadBytes, '\0');
  base::put_u8(out, static_cast<uint8_t>(kind));
  return at;
}

void end_frame(std::string& out, size_t at) {
  const std::string_view payload = std::string_view(out).substr(at + kHeadBytes);
  std::string head;
  base::put_u32(head, static_cast<uint32_t>(payload.size()));
  base::put_u32(head, base::crc32c(payload));
  out.replace(at, kHeadBytes, head);
}

}  // namespace

void append_beginning(std::string& out, const core::BusPositions& positions,
                      std::string_view datacenter) {
  const size_t at = begin_frame(out, Kind::kBeginning);
  base::put_u8(out, kFormat);
  for (const core::StreamPosition& position : positions) {
    base::put_u64(out, position.generation);
    base::put_u64(out, position.version);
  }
  base::put_string(out, datacenter);
  end_frame(out, at);
}

size_t append_records(std::string& out, const core::RecordBatch& records) {
  const size_t at = begin_frame(out, Kind::kRecords);
  size_t count = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    const auto item = records[i];
    if (item.value.empty() || core::is_private_key(item.key)) continue;
    base::put_string(out, item.key);
    base::put_string(out, item.value);
    ++count;
  }
  if (count == 0) {
    out.resize(at);
  } else {
    end_frame(out, at);
  }
  return count;
}

void append_end(std::string& out, uint64_t records) {
  const size_t at = begin_frame(out, Kind::kEnd);
  base::put_u64(out, records);
  end_frame(out, at);
}

void append_changes(std::string& out, const core::RecordBatch& records, bool in_touch) {
  size_t i = 0;
  do {
    const size_t at = begin_frame(out, Kind::kChanges);
    base::put_u8(out, in_touch ? 1 : 0);
    for (; i < records.size() && out.size() - at < kChangesBytes; ++i) {
      const auto item = records[i];
      if (core::is_private_key(item.key)) continue;
      base::put_string(out, item.key);
      base::put_string(out, item.value);
    }
    end_frame(out, at);
  } while (i < records.size());
}

base::Result<SnapshotFramePtr> SnapshotDecoder::next() {
  const std::string_view rest = std::string_view(waiting_).substr(taken_);
  if (rest.size() < kHeadBytes) return SnapshotFramePtr();
  base::ByteReader head(rest.substr(0, kHeadBytes));
  const uint32_t length = head.u32();
  const uint32_t checksum = head.u32();
  if (ended_ && !follows_) return corrupt("goes on behind its end");
  if (length > kMaxFrameBytes) return corrupt("has a frame that is too long");
  if (rest.size() < kHeadBytes + length) return SnapshotFramePtr();
  auto frame = std::make_shared<SnapshotFrame>();
  frame->bytes = rest.substr(kHeadBytes, length);
  if (base::crc32c(frame->bytes) != checksum) return corrupt("has a frame that was damaged");
  if (const auto status = read(frame->bytes, *frame); !status.ok()) return status.error();
  taken_ += kHeadBytes + length;
  if (taken_ >= kDropBytes) waiting_.erase(0, std::exchange(taken_, 0));
  return SnapshotFramePtr(std::move(frame));
}

base::Status SnapshotDecoder::check_turn(Kind kind) {
  const bool begins = kind == Kind::kBeginning;
  const bool changes = kind == Kind::kChanges;
  if (begins == begun_ || (changes && !follows_) || (ended_ && !changes)) {
    return corrupt("has a frame out of turn");
  }
  begun_ = true;
  return {};
}

base::Status SnapshotDecoder::read(std::string_view payload, SnapshotFrame& frame) {
  base::ByteReader reader(payload);
  frame.kind = static_cast<Kind>(reader.u8());
  if (auto status = check_turn(frame.kind); !status.ok()) return status;
  if (frame.kind == Kind::kBeginning) {
    if (reader.u8() != kFormat) return corrupt("has a format that this release does not read");
    for (core::StreamPosition& position : frame.positions) {
      position.generation = reader.u64();
      position.version = reader.u64();
    }
    if (!reader.at_end()) frame.datacenter = reader.string();
  } else if (frame.kind == Kind::kRecords || frame.kind == Kind::kChanges) {
    if (frame.kind == Kind::kChanges) frame.in_touch = reader.u8() != 0;
    while (reader.ok() && !reader.at_end()) {
      const std::string_view key = reader.string();
      const std::string_view value = reader.string();
      if (reader.ok()) frame.records.push_back({0, key, value});
    }
    if (frame.kind == Kind::kRecords) records_ += frame.records.size();
  } else if (frame.kind == Kind::kEnd) {
    ended_ = true;
    if (reader.u64() != records_) return corrupt("does not hold as many records as it says");
  } else {
    return corrupt("has a frame of an unknown kind");
  }
  return reader.ok() ? base::Status() : base::Status(corrupt("has a frame that is cut short"));
}

}  // namespace callbook::peer
