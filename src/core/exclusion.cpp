#include "core/exclusion.h"

#include "base/encoding.h"

namespace callbook::core {

std::string_view name_of(Exclusion::Action action) {
  return action == Exclusion::Action::kDrain ? "drain" : "deregister";
}

std::string encode(const Exclusion& exclusion) {
  std::string out;
  base::put_u8(out, static_cast<uint8_t>(exclusion.action));
  base::put_varint(out, static_cast<uint64_t>(exclusion.until_wall_ms));
  base::put_string(out, exclusion.process);
  return out;
}

std::optional<Exclusion> decode_exclusion(std::string_view bytes) {
  base::ByteReader reader(bytes);
  const uint8_t action = reader.u8();
  const uint64_t until_wall_ms = reader.varint();
  Exclusion exclusion;
  exclusion.process = reader.string();
  if (!reader.ok() || action < 1 || action > 2 || until_wall_ms > INT64_MAX) return std::nullopt;
  exclusion.action = static_cast<Exclusion::Action>(action);
  exclusion.until_wall_ms = static_cast<int64_t>(until_wall_ms);
  return exclusion;
}

}  // namespace callbook::core
