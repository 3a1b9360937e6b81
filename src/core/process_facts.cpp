#include "core/process_facts.h"

#include "base/encoding.h"

namespace callbook::core {

std::string encode(const ProcessFacts& facts) {
  std::string out;
  base::put_u8(out, facts.speaks ? 1 : 0);
  base::put_string(out, facts.process);
  base::put_u64(out, facts.host);
  return out;
}

std::optional<ProcessFacts> decode_process(std::string_view bytes) {
  base::ByteReader reader(bytes);
  ProcessFacts facts;
  facts.speaks = (reader.u8() & 1) != 0;
  facts.process = reader.string();
  facts.host = reader.u64();
  if (!reader.ok()) return std::nullopt;
  return facts;
}

}  // namespace callbook::core
