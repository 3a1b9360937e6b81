#include "core/node_beat.h"

#include "base/encoding.h"

namespace callbook::core {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kServing = 1;
constexpr uint8_t kSettled = 2;
constexpr uint8_t kBuckets = 4;

}  // namespace

std::string encode_beat(const NodeBeat& beat) {
  std::string out;
  base::put_u8(out, kFormat);
  base::put_string(out, beat.node);
  base::put_u64(out, beat.boot);
  base::put_u64(out, static_cast<uint64_t>(beat.wall_ms));
  base::put_u8(out,
               static_cast<uint8_t>((beat.serving ? kServing : 0) | (beat.settled ? kSettled : 0) |
                                    (beat.buckets ? kBuckets : 0)));
  for (const StreamPosition& position : beat.positions) {
    base::put_u64(out, position.generation);
    base::put_u64(out, position.version);
  }
  base::put_u64(out, beat.root);
  if (beat.buckets) {
    for (uint64_t bucket : *beat.buckets) base::put_u64(out, bucket);
  }
  base::put_u64(out, beat.reads);
  base::put_u64(out, beat.all_read);
  return out;
}

base::Result<NodeBeat> decode_beat(std::string_view bytes) {
  base::ByteReader reader(bytes);
  NodeBeat beat;
  if (reader.u8() != kFormat) reader.fail();
  beat.node = reader.string();
  beat.boot = reader.u64();
  beat.wall_ms = static_cast<int64_t>(reader.u64());
  const uint8_t flags = reader.u8();
  beat.serving = (flags & kServing) != 0;
  beat.settled = (flags & kSettled) != 0;
  for (StreamPosition& position : beat.positions) {
    position.generation = reader.u64();
    position.version = reader.u64();
  }
  beat.root = reader.u64();
  if ((flags & kBuckets) != 0) {
    for (uint64_t& bucket : beat.buckets.emplace()) bucket = reader.u64();
  }
  if (reader.ok() && !reader.at_end()) {  // release 0.1 ends here
    beat.reads = reader.u64();
    beat.all_read = reader.u64();
  }
  if (!reader.ok() || beat.node.empty()) {
    return base::Error{base::ErrorCode::kCorrupt, "beat", "malformed", std::nullopt};
  }
  return beat;
}

}  // namespace callbook::core
