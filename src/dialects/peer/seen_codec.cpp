#include "dialects/peer/seen_codec.h"

#include "base/encoding.h"

namespace callbook::peer {
namespace {

constexpr uint8_t kFormat = 1;

base::Error malformed(std::string detail) {
  return {base::ErrorCode::kCorrupt, "seen", std::move(detail), std::nullopt};
}

}  // namespace

std::string encode_seen_items(const std::vector<SeenItem>& items) {
  std::string out;
  base::put_u8(out, kFormat);
  base::put_varint(out, items.size());
  for (const SeenItem& item : items) {
    base::put_string(out, item.instance.service.space);
    base::put_string(out, item.instance.service.name);
    base::put_string(out, item.instance.id);
    base::put_u64(out, item.stamp.hlc);
    base::put_u32(out, item.stamp.node);
  }
  return out;
}

base::Result<std::vector<SeenItem>> decode_seen_items(std::string_view bytes) {
  base::ByteReader reader(bytes);
  if (reader.u8() != kFormat) return malformed("has a format that this release does not read");
  const uint64_t count = reader.varint();
  if (count > kMaxSeenItems)
    return base::over_limit("seen", "asks too much at once", kMaxSeenItems);
  std::vector<SeenItem> items(count);
  for (SeenItem& item : items) {
    item.instance.service.space = reader.string();
    item.instance.service.name = reader.string();
    item.instance.id = reader.string();
    item.stamp.hlc = reader.u64();
    item.stamp.node = reader.u32();
  }
  if (!reader.ok() || !reader.at_end()) return malformed("is cut short, or goes on");
  return items;
}

std::string encode_seen_answers(const std::vector<SeenAnswer>& answers) {
  std::string out;
  base::put_u8(out, kFormat);
  for (const SeenAnswer& answer : answers) base::put_varint(out, answer ? *answer + 1 : 0);
  return out;
}

base::Result<std::vector<SeenAnswer>> decode_seen_answers(std::string_view bytes, size_t count) {
  base::ByteReader reader(bytes);
  if (reader.u8() != kFormat) return malformed("has a format that this release does not read");
  std::vector<SeenAnswer> answers(count);
  for (SeenAnswer& answer : answers) {
    const uint64_t said = reader.varint();
    if (said > 0) answer = said - 1;
  }
  if (!reader.ok() || !reader.at_end()) return malformed("is cut short, or goes on");
  return answers;
}

}  // namespace callbook::peer
