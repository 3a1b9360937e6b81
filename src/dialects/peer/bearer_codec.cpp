#include "dialects/peer/bearer_codec.h"

#include "base/encoding.h"
#include "dialects/peer/list_codec.h"

namespace callbook::peer {
namespace {

constexpr uint8_t kFormat = 1;
constexpr std::string_view kWhat = "bearer";

}  // namespace

std::string encode_bearer_question(const BearerQuestion& question) {
  std::string out;
  base::put_u8(out, kFormat);
  base::put_string(out, question.name);
  base::put_u64(out, question.boot);
  return out;
}

base::Result<BearerQuestion> decode_bearer_question(std::string_view bytes) {
  base::ByteReader reader(bytes);
  if (reader.u8() != kFormat) {
    return malformed(kWhat, "has a format that this release does not read");
  }
  BearerQuestion question;
  question.name = reader.string();
  question.boot = reader.u64();
  if (!reader.ok() || question.name.empty()) return malformed(kWhat, "is cut short");
  return question;
}

std::string encode_bearer_answer(const BearerAnswer& answer) {
  std::string out;
  base::put_u8(out, kFormat);
  base::put_string(out, answer.own);
  base::put_varint(out, answer.bearers.size());
  for (const std::string& bearer : answer.bearers) base::put_string(out, bearer);
  return out;
}

base::Result<BearerAnswer> decode_bearer_answer(std::string_view bytes) {
  base::ByteReader reader(bytes);
  if (reader.u8() != kFormat) {
    return malformed(kWhat, "has a format that this release does not read");
  }
  BearerAnswer answer;
  answer.own = reader.string();
  const uint64_t count = reader.varint();
  if (count > kMaxBearers) {
    return base::over_limit(kWhat, "names too many nodes", static_cast<int64_t>(kMaxBearers));
  }
  answer.bearers.resize(count);
  for (std::string& bearer : answer.bearers) bearer = reader.string();
  if (!reader.ok()) return malformed(kWhat, "is cut short");
  return answer;
}

}  // namespace callbook::peer
