#include "dialects/peer/seen_codec.h"

#include "dialects/peer/list_codec.h"

namespace callbook::peer {
namespace {

constexpr std::string_view kWhat = "seen";

}  // namespace

std::string encode_seen_items(const std::vector<SeenItem>& items) {
  return encode_list(items, [](std::string& out, const SeenItem& item) {
    base::put_string(out, item.instance.service.space);
    base::put_string(out, item.instance.service.name);
    base::put_string(out, item.instance.id);
    base::put_u64(out, item.stamp.hlc);
    base::put_u32(out, item.stamp.node);
  });
}

base::Result<std::vector<SeenItem>> decode_seen_items(std::string_view bytes) {
  return decode_list<SeenItem>(kWhat, bytes, kMaxSeenItems,
                               [](base::ByteReader& reader, SeenItem& item) -> base::Status {
                                 item.instance.service.space = reader.string();
                                 item.instance.service.name = reader.string();
                                 item.instance.id = reader.string();
                                 item.stamp.hlc = reader.u64();
                                 item.stamp.node = reader.u32();
                                 return {};
                               });
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
