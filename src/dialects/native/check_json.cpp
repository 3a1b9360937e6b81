#include "dialects/native/check_json.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "base/name.h"
#include "core/validate_checks.h"
#include "dialects/native/json_fields.h"

namespace callbook::native {
namespace {

using base::Result;
using base::Status;
using core::CheckRule;
using Kind = CheckRule::Kind;

constexpr int64_t kAnyNumber = std::numeric_limits<int32_t>::max();
/// What can be stored; core allows far less.
constexpr int64_t kMostInARow = UINT16_MAX;

// The fields of the kinds; each kind has some of them.
enum TargetField {
  kPort,
  kPath,
  kMethod,
  kHeaders,
  kHost,
  kExpect,
  kSkipVerify,
  kServerName,
  kGrpcService,
  kTls,
  kPayload,
  kSilence
};
constexpr std::array<std::string_view, 12> kTargetNames = {
    "port",        "path",        "method",  "headers", "host",    "expect",
    "skip_verify", "server_name", "service", "tls",     "payload", "silence"};

bool has_field(Kind kind, int field) {
  switch (kind) {
    case Kind::kTcp:
      return field == kPort;
    case Kind::kHttp:
      return field <= kExpect;
    case Kind::kHttps:
      return field <= kServerName;
    case Kind::kGrpc:
      return field == kPort || (field >= kSkipVerify && field <= kTls);
    case Kind::kUdp:
      return field == kPort || field == kPayload || field == kSilence;
  }
  return false;
}

Status read_text(std::string_view field, ondemand::value value, std::string& out) {
  std::string_view text;
  auto status = read_string(field, value, text);
  out = text;
  return status;
}

Status read_headers(std::string_view field, ondemand::value value, CheckRule& rule) {
  ondemand::object object;
  if (value.get_object().get(object))
    return base::invalid(field, "must be an object of name: text");
  for (auto header : object) {
    std::string_view name;
    if (auto code = header.unescaped_key().get(name)) return malformed(code);
    ondemand::value entry;
    if (auto code = header.value().get(entry)) return malformed(code);
    const bool twice = std::any_of(rule.headers.begin(), rule.headers.end(),
                                   [&](const auto& other) { return other.first == name; });
    if (twice) return base::invalid(field, "names a header twice");
    if (rule.headers.size() == core::kMaxCheckHeaders) {
      return base::over_limit(
          field, fmt::format("holds more than {} headers, the limit", core::kMaxCheckHeaders),
          core::kMaxCheckHeaders);
    }
    auto& header_text = rule.headers.emplace_back(name, std::string()).second;
    if (auto status = read_text(field, entry, header_text); !status.ok()) return status;
  }
  return {};
}

/// "204" or "200-299".
std::optional<CheckRule::StatusRange> range_from(std::string_view text) {
  const auto number = [](std::string_view digits, uint16_t& out) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return digits.size() == 3 && error == std::errc() && end == digits.data() + digits.size();
  };
  CheckRule::StatusRange range;
  const size_t dash = text.find('-');
  if (!number(text.substr(0, dash), range.from)) return std::nullopt;
  range.to = range.from;
  if (dash != std::string_view::npos && !number(text.substr(dash + 1), range.to)) {
    return std::nullopt;
  }
  return range;
}

Status read_expected(std::string_view field, ondemand::value value, CheckRule& rule) {
  ondemand::array array;
  if (value.get_array().get(array)) return base::invalid(field, "must be an array of texts");
  rule.expected.clear();
  for (auto entry : array) {
    ondemand::value element;
    if (auto code = entry.get(element)) return malformed(code);
    std::string_view text;
    if (auto status = read_string(field, element, text); !status.ok()) return status;
    const auto range = range_from(text);
    if (!range) return base::invalid(field, R"(must hold statuses like "204" or "200-299")");
    rule.expected.push_back(*range);
  }
  return {};
}

Status read_target_field(int index, std::string_view field, ondemand::value value,
                         CheckRule& rule) {
  switch (index) {
    case kPort: {
      int64_t port = 0;
      auto status = read_integer(field, value, 1, UINT16_MAX, port);
      rule.port = static_cast<uint16_t>(port);
      return status;
    }
    case kPath:
      return read_text(field, value, rule.path);
    case kMethod:
      return read_text(field, value, rule.method);
    case kHeaders:
      return read_headers(field, value, rule);
    case kHost:
      return read_text(field, value, rule.host);
    case kExpect:
      return read_expected(field, value, rule);
    case kSkipVerify:
      return read_bool(field, value, rule.skip_verify);
    case kServerName:
      return read_text(field, value, rule.server_name);
    case kGrpcService:
      return read_text(field, value, rule.grpc_service);
    case kTls:
      return read_bool(field, value, rule.tls);
    case kPayload:
      return read_text(field, value, rule.payload);
    default: {
      std::string_view text;
      if (auto status = read_string(field, value, text); !status.ok()) return status;
      rule.silence_passes = text == "passes";
      if (rule.silence_passes || text == "fails") return {};
      return base::invalid(field, "must be passes or fails");
    }
  }
}

/// What is asked: the object behind the name of a kind.
Status read_target(std::string_view within, ondemand::value value, CheckRule& rule) {
  ondemand::object object;
  if (value.get_object().get(object)) return base::invalid(within, "must be an object");
  const auto index_of = [&](std::string_view name) {
    const int index = index_in(kTargetNames)(name);
    return index >= 0 && has_field(rule.kind, index) ? index : -1;
  };
  auto status = for_each_field(
      object, index_of,
      [&](int index, ondemand::value entry) {
        const auto field = fmt::format("{}.{}", within, kTargetNames[static_cast<size_t>(index)]);
        return read_target_field(index, field, entry, rule);
      },
      within);
  if (!status.ok()) return status;
  const bool http = rule.kind == Kind::kHttp || rule.kind == Kind::kHttps;
  if (http && rule.path.empty()) {
    return base::invalid(fmt::format("{}.path", within), "is missing");
  }
  return {};
}

/// One check, but for its name; `within` is what it is called in errors.
Result<core::NamedCheck> read_one(std::string_view within, ondemand::value value) {
  static constexpr std::array<std::string_view, 10> kNames = {
      "tcp",         "http",       "https",    "grpc",      "udp",
      "interval_ms", "timeout_ms", "failures", "successes", "remove_after_ms"};
  enum { kIntervalMs = core::kCheckKindCount, kTimeoutMs, kFailures, kSuccesses, kRemoveAfterMs };
  ondemand::object object;
  if (value.get_object().get(object)) return base::invalid(within, "must be an object");
  core::NamedCheck check;
  CheckRule& rule = check.rule;
  std::optional<int64_t> timeout_ms;
  int kinds = 0;
  const auto read = [&](int index, ondemand::value entry) -> Status {
    const auto field = fmt::format("{}.{}", within, kNames[static_cast<size_t>(index)]);
    if (index < core::kCheckKindCount) {
      ++kinds;
      rule.kind = static_cast<Kind>(index);
      return read_target(field, entry, rule);
    }
    const bool in_a_row = index == kFailures || index == kSuccesses;
    int64_t number = 0;
    auto status = read_integer(field, entry, 0, in_a_row ? kMostInARow : kAnyNumber, number);
    if (index == kIntervalMs) check.interval_ms = number;
    if (index == kTimeoutMs) timeout_ms = number;
    if (index == kFailures) rule.failures = static_cast<uint32_t>(number);
    if (index == kSuccesses) rule.successes = static_cast<uint32_t>(number);
    if (index == kRemoveAfterMs) rule.remove_after_ms = number;
    return status;
  };
  if (auto status = for_each_field(object, index_in(kNames), read, within); !status.ok()) {
    return status.error();
  }
  if (kinds != 1) {
    return base::invalid(within, "must hold exactly one of tcp, http, https, grpc and udp");
  }
  rule.timeout_ms = timeout_ms.value_or(std::min(rule.timeout_ms, check.interval_ms));
  return check;
}

}  // namespace

Result<core::CheckSet> read_check(ondemand::value value) {
  auto check = read_one("check", value);
  if (!check.ok()) return check.error();
  check->name = core::kLoneCheckName;
  return core::CheckSet{std::move(*check)};
}

Result<core::CheckSet> read_checks(ondemand::value value) {
  ondemand::object object;
  if (value.get_object().get(object)) return base::invalid("checks", "must be an object of checks");
  std::vector<core::NamedCheck> checks;
  for (auto field : object) {
    std::string_view name;
    if (auto code = field.unescaped_key().get(name)) return malformed(code);
    ondemand::value entry;
    if (auto code = field.value().get(entry)) return malformed(code);
    // Before it stands in errors about what it holds.
    if (auto status = base::check_name("checks", name); !status.ok()) return status.error();
    auto check = read_one(fmt::format("checks.{}", name), entry);
    if (!check.ok()) return check.error();
    check->name = name;
    checks.push_back(std::move(*check));
  }
  return core::check_set(std::move(checks));
}

}  // namespace callbook::native
