#include "core/check_rule.h"

#include "base/check.h"
#include "base/encoding.h"

namespace callbook::core {

std::string_view name_of(CheckRule::Kind kind) {
  switch (kind) {
    case CheckRule::Kind::kTcp:
      return "tcp";
    case CheckRule::Kind::kHttp:
      return "http";
    case CheckRule::Kind::kHttps:
      return "https";
    case CheckRule::Kind::kGrpc:
      return "grpc";
    case CheckRule::Kind::kUdp:
      return "udp";
  }
  return "unknown";
}

std::string encode(const CheckRule& rule) {
  CALLBOOK_CHECK(rule.kind == CheckRule::Kind::kTcp || rule.kind == CheckRule::Kind::kHttp);
  std::string out;
  base::put_u8(out, static_cast<uint8_t>(rule.kind));
  base::put_varint(out, rule.port);
  base::put_varint(out, static_cast<uint64_t>(rule.timeout_ms));
  base::put_varint(out, rule.failures);
  base::put_varint(out, rule.successes);
  base::put_varint(out, static_cast<uint64_t>(rule.remove_after_ms));
  base::put_string(out, rule.path);
  return out;
}

std::optional<CheckRule> decode_check(std::string_view bytes) {
  base::ByteReader reader(bytes);
  CheckRule rule;
  const uint8_t kind = reader.u8();
  if (kind > static_cast<uint8_t>(CheckRule::Kind::kHttp)) reader.fail();
  rule.kind = static_cast<CheckRule::Kind>(kind);
  const uint64_t port = reader.varint();
  const uint64_t timeout_ms = reader.varint();
  const uint64_t failures = reader.varint();
  const uint64_t successes = reader.varint();
  const uint64_t remove_after_ms = reader.varint();
  rule.path = reader.string();
  const bool fits = port <= UINT16_MAX && timeout_ms <= INT32_MAX && failures <= UINT16_MAX &&
                    successes <= UINT16_MAX && remove_after_ms <= INT64_MAX;
  if (!reader.ok() || !reader.at_end() || !fits) return std::nullopt;
  rule.port = static_cast<uint16_t>(port);
  rule.timeout_ms = static_cast<int64_t>(timeout_ms);
  rule.failures = static_cast<uint32_t>(failures);
  rule.successes = static_cast<uint32_t>(successes);
  rule.remove_after_ms = static_cast<int64_t>(remove_after_ms);
  return rule;
}

}  // namespace callbook::core
