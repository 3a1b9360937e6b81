#include "core/check_set.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "base/encoding.h"
#include "base/name.h"
#include "core/registration_extras.h"

namespace callbook::core {
namespace {

using base::ByteReader;
using Kind = CheckRule::Kind;

constexpr uint8_t kFormat = 1;
// Flags, by kind.
constexpr uint8_t kTls = 1;
constexpr uint8_t kSkipVerify = 2;
constexpr uint8_t kSilencePasses = 1;

/// In the record of an instance that release 0.1 can't check at all: it never comes to it.
constexpr int64_t kNeverMs = 100LL * 365 * 24 * 3600 * 1000;

bool is_http(Kind kind) {
  return kind == Kind::kHttp || kind == Kind::kHttps;
}

void put_http(std::string& out, const CheckRule& rule) {
  base::put_string(out, rule.path);
  base::put_string(out, rule.method);
  base::put_varint(out, rule.headers.size());
  for (const auto& [name, value] : rule.headers) {
    base::put_string(out, name);
    base::put_string(out, value);
  }
  base::put_string(out, rule.host);
  base::put_varint(out, rule.expected.size());
  for (const CheckRule::StatusRange& range : rule.expected) {
    base::put_varint(out, range.from);
    base::put_varint(out, range.to);
  }
}

void put_tls(std::string& out, const CheckRule& rule) {
  base::put_u8(out,
               static_cast<uint8_t>((rule.tls ? kTls : 0) | (rule.skip_verify ? kSkipVerify : 0)));
  base::put_string(out, rule.server_name);
}

void put_rule(std::string& out, const CheckRule& rule) {
  base::put_u8(out, static_cast<uint8_t>(rule.kind));
  base::put_varint(out, rule.port);
  base::put_varint(out, static_cast<uint64_t>(rule.timeout_ms));
  base::put_varint(out, rule.failures);
  base::put_varint(out, rule.successes);
  base::put_varint(out, static_cast<uint64_t>(rule.remove_after_ms));
  if (is_http(rule.kind)) put_http(out, rule);
  if (rule.kind == Kind::kHttps) put_tls(out, rule);
  if (rule.kind == Kind::kGrpc) {
    base::put_string(out, rule.grpc_service);
    put_tls(out, rule);
  }
  if (rule.kind == Kind::kUdp) {
    base::put_string(out, rule.payload);
    base::put_u8(out, rule.silence_passes ? kSilencePasses : 0);
  }
}

/// A number up to `most`; anything above fails the reader.
template <typename Number>
Number get_number(ByteReader& reader, uint64_t most) {
  const uint64_t number = reader.varint();
  if (number > most) reader.fail();
  return static_cast<Number>(number);
}

void get_http(ByteReader& reader, CheckRule& rule) {
  rule.path = reader.string();
  rule.method = reader.string();
  for (uint64_t left = reader.varint(); left > 0 && reader.ok(); --left) {
    const std::string_view name = reader.string();
    rule.headers.emplace_back(name, reader.string());
  }
  rule.host = reader.string();
  rule.expected.clear();
  for (uint64_t left = reader.varint(); left > 0 && reader.ok(); --left) {
    const auto from = get_number<uint16_t>(reader, UINT16_MAX);
    rule.expected.push_back({from, get_number<uint16_t>(reader, UINT16_MAX)});
  }
}

void get_tls(ByteReader& reader, CheckRule& rule) {
  const uint8_t flags = reader.u8();
  const int known = rule.kind == Kind::kGrpc ? kTls | kSkipVerify : kSkipVerify;
  if ((flags & ~known) != 0) reader.fail();
  rule.tls = (flags & kTls) != 0;
  rule.skip_verify = (flags & kSkipVerify) != 0;
  rule.server_name = reader.string();
}

CheckRule get_rule(ByteReader& reader) {
  CheckRule rule;
  const uint8_t kind = reader.u8();
  if (kind > static_cast<uint8_t>(Kind::kUdp)) reader.fail();
  rule.kind = static_cast<Kind>(kind);
  rule.port = get_number<uint16_t>(reader, UINT16_MAX);
  rule.timeout_ms = get_number<int64_t>(reader, INT32_MAX);
  rule.failures = get_number<uint32_t>(reader, UINT16_MAX);
  rule.successes = get_number<uint32_t>(reader, UINT16_MAX);
  rule.remove_after_ms = get_number<int64_t>(reader, kLongestCheckIntervalMs);
  if (!reader.ok()) return rule;
  if (is_http(rule.kind)) get_http(reader, rule);
  if (rule.kind == Kind::kHttps) get_tls(reader, rule);
  if (rule.kind == Kind::kGrpc) {
    rule.grpc_service = reader.string();
    get_tls(reader, rule);
  }
  if (rule.kind == Kind::kUdp) {
    rule.payload = reader.string();
    const uint8_t flags = reader.u8();
    if (flags > kSilencePasses) reader.fail();
    rule.silence_passes = flags == kSilencePasses;
  }
  return rule;
}

/// Whether release 0.1 says all of `rule`.
bool is_of_first_release(const CheckRule& rule) {
  CheckRule plain;
  plain.kind = rule.kind == Kind::kHttp ? Kind::kHttp : Kind::kTcp;
  plain.port = rule.port;
  plain.timeout_ms = rule.timeout_ms;
  plain.failures = rule.failures;
  plain.successes = rule.successes;
  plain.remove_after_ms = rule.remove_after_ms;
  if (plain.kind == Kind::kHttp) plain.path = rule.path;
  return plain == rule;
}

/// The strongest check that release 0.1 can make and that passes whenever `rule` does: where more
/// than an answer is asked for, that a connection is made.
CheckRule reduced(const CheckRule& rule) {
  if (is_of_first_release(rule)) return rule;
  CheckRule connection;
  connection.port = rule.port;
  connection.timeout_ms = rule.timeout_ms;
  connection.failures = rule.failures;
  connection.successes = rule.successes;
  connection.remove_after_ms = rule.remove_after_ms;
  return connection;
}

}  // namespace

base::Result<CheckSet> check_set(std::vector<NamedCheck> checks) {
  if (checks.empty()) return base::invalid("checks", "holds none; name at least one");
  if (checks.size() > kMaxChecks) {
    return base::over_limit(
        "checks", fmt::format("holds {} checks; the limit is {}", checks.size(), kMaxChecks),
        kMaxChecks);
  }
  std::sort(checks.begin(), checks.end(),
            [](const NamedCheck& a, const NamedCheck& b) { return a.name < b.name; });
  for (size_t i = 0; i < checks.size(); ++i) {
    if (auto status = base::check_name("checks", checks[i].name); !status.ok()) {
      return status.error();
    }
    if (i > 0 && checks[i].name == checks[i - 1].name) {
      return base::invalid(fmt::format("checks.{}", checks[i].name), "is given twice");
    }
  }
  return checks;
}

std::string encode(const CheckSet& checks) {
  CALLBOOK_CHECK(!checks.empty() && checks.size() <= kMaxChecks);
  std::string out;
  base::put_u8(out, kFormat);
  base::put_varint(out, checks.size());
  for (const NamedCheck& check : checks) {
    base::put_string(out, check.name);
    base::put_varint(out, static_cast<uint64_t>(check.interval_ms));
    put_rule(out, check.rule);
  }
  return out;
}

std::optional<CheckSet> decode_check_set(std::string_view bytes) {
  ByteReader reader(bytes);
  if (reader.u8() != kFormat) return std::nullopt;
  const auto count = get_number<size_t>(reader, kMaxChecks);
  CheckSet checks;
  while (reader.ok() && checks.size() < count) {
    NamedCheck check;
    check.name = reader.string();
    check.interval_ms = get_number<int64_t>(reader, kLongestCheckIntervalMs);
    check.rule = get_rule(reader);
    const bool in_order = checks.empty() || checks.back().name < check.name;
    if (check.name.empty() || !in_order) reader.fail();
    checks.push_back(std::move(check));
  }
  if (!reader.ok() || !reader.at_end() || checks.empty()) return std::nullopt;
  return checks;
}

StoredChecks stored_form(const CheckSet& checks) {
  CALLBOOK_CHECK(!checks.empty());
  // No connection finds out what a datagram does: such a check is shown only if there is no other.
  const auto lone = std::find_if(checks.begin(), checks.end(), [](const NamedCheck& check) {
    return check.name == kLoneCheckName && check.rule.kind != Kind::kUdp;
  });
  const auto first = std::find_if(checks.begin(), checks.end(), [](const NamedCheck& check) {
    return check.rule.kind != Kind::kUdp;
  });
  const bool never = first == checks.end();
  const NamedCheck& shown = never ? checks.front() : lone != checks.end() ? *lone : *first;
  const bool is_all =
      checks.size() == 1 && shown.name == kLoneCheckName && is_of_first_release(shown.rule);
  StoredChecks stored;
  stored.interval_ms = never ? kNeverMs : shown.interval_ms;
  stored.rule = encode(reduced(shown.rule));
  if (!is_all) stored.set = encode(checks);
  return stored;
}

CheckSet checks_from(int64_t interval_ms, std::string_view rule, std::string_view set) {
  if (!set.empty()) {
    if (auto checks = decode_check_set(set)) return std::move(*checks);
  }
  auto lone = decode_check(rule);
  if (!lone) return {};
  const int64_t interval = std::clamp<int64_t>(interval_ms, 0, kLongestCheckIntervalMs);
  return {{std::string(kLoneCheckName), interval, std::move(*lone)}};
}

CheckSet checks_of(const RegistrationView& registration) {
  if (registration.check.empty()) return {};
  const auto extras = decode_extras(registration.extras);
  const std::string_view set = extras ? std::string_view(extras->checks) : std::string_view();
  return checks_from(registration.holder.ttl_ms, registration.check, set);
}

}  // namespace callbook::core
