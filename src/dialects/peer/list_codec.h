#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "base/result.h"

namespace callbook::peer {

// What nodes ask of each other in lists (docs/formats/bus.md, "Seen" and on): a format, how many,
// and one after the other; the answers in their order.

inline constexpr uint8_t kListFormat = 1;

inline base::Error malformed(std::string_view what, std::string detail) {
  return {base::ErrorCode::kCorrupt, std::string(what), std::move(detail), std::nullopt};
}

/// Fills `items` by `read(reader, item)`, which returns a Status.
template <typename Item, typename Read>
base::Result<std::vector<Item>> read_items(std::string_view what, base::ByteReader& reader,
                                           size_t count, Read read) {
  std::vector<Item> items(count);
  for (Item& item : items) {
    if (base::Status status = read(reader, item); !status.ok()) return status.error();
  }
  if (!reader.ok() || !reader.at_end()) return malformed(what, "is cut short, or goes on");
  return items;
}

/// Appends each by `write(out, item)`.
template <typename Item, typename Write>
std::string encode_list(const std::vector<Item>& items, Write write, uint8_t format = kListFormat) {
  std::string out;
  base::put_u8(out, format);
  base::put_varint(out, items.size());
  for (const Item& item : items) write(out, item);
  return out;
}

/// kCorrupt for what no release of this format writes, kLimit for more than `most`.
template <typename Item, typename Read>
base::Result<std::vector<Item>> decode_list(std::string_view what, std::string_view bytes,
                                            size_t most, Read read, uint8_t format = kListFormat) {
  base::ByteReader reader(bytes);
  if (reader.u8() != format) {
    return malformed(what, "has a format that this release does not read");
  }
  const uint64_t count = reader.varint();
  if (count > most) {
    return base::over_limit(what, "holds too much at once", static_cast<int64_t>(most));
  }
  return read_items<Item>(what, reader, count, read);
}

template <typename Answer, typename Write>
std::string encode_answers(const std::vector<Answer>& answers, Write write) {
  std::string out;
  base::put_u8(out, kListFormat);
  for (const Answer& answer : answers) write(out, answer);
  return out;
}

/// kCorrupt unless these are `count` answers.
template <typename Answer, typename Read>
base::Result<std::vector<Answer>> decode_answers(std::string_view what, std::string_view bytes,
                                                 size_t count, Read read) {
  base::ByteReader reader(bytes);
  if (reader.u8() != kListFormat) {
    return malformed(what, "has a format that this release does not read");
  }
  return read_items<Answer>(what, reader, count, read);
}

}  // namespace callbook::peer
