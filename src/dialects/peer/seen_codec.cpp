#include "dialects/peer/seen_codec.h"

#include <algorithm>

#include "dialects/peer/list_codec.h"

namespace callbook::peer {
namespace {

constexpr std::string_view kWhat = "seen";
/// With a byte behind each item: 1 if it is of an override.
constexpr uint8_t kFormatWithOverrides = 2;

void put_item(std::string& out, const SeenItem& item) {
  base::put_string(out, item.instance.service.space);
  base::put_string(out, item.instance.service.name);
  base::put_string(out, item.instance.id);
  base::put_u64(out, item.stamp.hlc);
  base::put_u32(out, item.stamp.node);
}

void read_item(base::ByteReader& reader, SeenItem& item) {
  item.instance.service.space = reader.string();
  item.instance.service.name = reader.string();
  item.instance.id = reader.string();
  item.stamp.hlc = reader.u64();
  item.stamp.node = reader.u32();
}

}  // namespace

std::string encode_seen_items(const std::vector<SeenItem>& items) {
  const bool overrides = std::any_of(items.begin(), items.end(),
                                     [](const SeenItem& item) { return item.of_override; });
  if (!overrides) return encode_list(items, put_item);
  return encode_list(
      items,
      [](std::string& out, const SeenItem& item) {
        put_item(out, item);
        base::put_u8(out, item.of_override ? 1 : 0);
      },
      kFormatWithOverrides);
}

base::Result<std::vector<SeenItem>> decode_seen_items(std::string_view bytes) {
  const bool overrides = !bytes.empty() && static_cast<uint8_t>(bytes[0]) == kFormatWithOverrides;
  return decode_list<SeenItem>(
      kWhat, bytes, kMaxSeenItems,
      [&](base::ByteReader& reader, SeenItem& item) -> base::Status {
        read_item(reader, item);
        if (overrides) item.of_override = reader.u8() != 0;
        return {};
      },
      overrides ? kFormatWithOverrides : kListFormat);
}

std::string encode_seen_answers(const std::vector<SeenAnswer>& answers) {
  return encode_answers(answers, [](std::string& out, const SeenAnswer& answer) {
    base::put_varint(out, answer ? *answer + 1 : 0);
  });
}

base::Result<std::vector<SeenAnswer>> decode_seen_answers(std::string_view bytes, size_t count) {
  return decode_answers<SeenAnswer>(
      kWhat, bytes, count, [](base::ByteReader& reader, SeenAnswer& answer) -> base::Status {
        const uint64_t said = reader.varint();
        if (said > 0) answer = said - 1;
        return {};
      });
}

}  // namespace callbook::peer
