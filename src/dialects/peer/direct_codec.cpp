#include "dialects/peer/direct_codec.h"

#include <utility>

#include "base/encoding.h"
#include "dialects/peer/list_codec.h"

namespace callbook::peer {
namespace {

constexpr uint8_t kFormat = 1;
constexpr std::string_view kWhat = "records";

}  // namespace

std::string encode_direct(std::string_view cluster, const core::RecordBatch& records) {
  std::string out;
  base::put_u8(out, kFormat);
  base::put_string(out, cluster);
  base::put_varint(out, records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    base::put_string(out, records[i].key);
    base::put_string(out, records[i].value);
  }
  return out;
}

base::Result<DirectRecordsPtr> decode_direct(std::string_view bytes) {
  if (bytes.size() > kMaxDirectBytes) {
    return base::over_limit(kWhat, "holds too many bytes at once",
                            static_cast<int64_t>(kMaxDirectBytes));
  }
  auto read = std::make_shared<DirectRecords>();
  read->bytes = bytes;
  base::ByteReader reader(read->bytes);
  if (reader.u8() != kFormat) {
    return malformed(kWhat, "has a format that this release does not read");
  }
  read->cluster = reader.string();
  const uint64_t count = reader.varint();
  if (count > kMaxDirectRecords) {
    return base::over_limit(kWhat, "holds too much at once",
                            static_cast<int64_t>(kMaxDirectRecords));
  }
  read->records.resize(count);
  for (core::BusMessage& record : read->records) {
    record.key = reader.string();
    record.value = reader.string();
  }
  if (!reader.ok() || !reader.at_end()) return malformed(kWhat, "is cut short, or goes on");
  return DirectRecordsPtr(std::move(read));
}

}  // namespace callbook::peer
