#include "dialects/peer/node_card.h"

#include "base/encoding.h"

namespace callbook::peer {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kLeaving = 1;
constexpr uint8_t kStale = 2;
constexpr size_t kMaxTextBytes = 512;

base::Error malformed(std::string detail) {
  return {base::ErrorCode::kCorrupt, "beat", std::move(detail), std::nullopt};
}

}  // namespace

std::string encode_card(const NodeCard& card) {
  std::string out;
  base::put_u8(out, kFormat);
  base::put_string(out, card.beat);
  base::put_string(out, card.cluster);
  base::put_string(out, card.http);
  base::put_string(out, card.release);
  base::put_u32(out, card.clients);
  base::put_u32(out, card.sessions);
  base::put_u32(out, card.instances);
  base::put_u32(out, card.owed);
  base::put_u8(out,
               static_cast<uint8_t>((card.leaving ? kLeaving : 0) | (card.stale ? kStale : 0)));
  return out;
}

base::Result<NodeCard> decode_card(std::string_view bytes) {
  if (bytes.size() > kMaxCardBytes) return malformed("is too long");
  base::ByteReader reader(bytes);
  if (reader.u8() != kFormat) return malformed("has a format that this release does not read");
  NodeCard card;
  card.beat = reader.string();
  card.cluster = reader.string();
  card.http = reader.string();
  card.release = reader.string();
  card.clients = reader.u32();
  card.sessions = reader.u32();
  card.instances = reader.u32();
  card.owed = reader.u32();
  const uint8_t flags = reader.u8();
  card.leaving = (flags & kLeaving) != 0;
  card.stale = (flags & kStale) != 0;
  if (!reader.ok() || card.beat.empty()) return malformed("is cut short");
  if (card.http.size() > kMaxTextBytes || card.cluster.size() > kMaxTextBytes ||
      card.release.size() > kMaxTextBytes) {
    return malformed("has a text that is too long");
  }
  return card;
}

}  // namespace callbook::peer
