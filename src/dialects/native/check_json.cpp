#include "dialects/native/check_json.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "dialects/native/json_fields.h"

namespace callbook::native {
namespace {

using base::Status;

constexpr int64_t kAnyNumber = std::numeric_limits<int32_t>::max();

/// Whom to ask: `{"port":N}`, for HTTP with a path.
Status read_target(std::string_view field, ondemand::value value, bool http,
                   core::CheckRule& rule) {
  static constexpr std::array<std::string_view, 2> kNames = {"port", "path"};
  ondemand::object object;
  if (value.get_object().get(object)) return base::invalid(field, "must be an object");
  auto status =
      for_each_field(object, index_in(kNames), [&](int index, ondemand::value entry) -> Status {
        const std::string name = fmt::format("{}.{}", field, kNames[static_cast<size_t>(index)]);
        if (index == 0) {
          int64_t port = 0;
          auto read = read_integer(name, entry, 1, UINT16_MAX, port);
          rule.port = static_cast<uint16_t>(port);
          return read;
        }
        if (!http) return base::invalid(name, "is only for an HTTP check");
        std::string_view path;
        auto read = read_string(name, entry, path);
        rule.path = path;
        return read;
      });
  if (!status.ok()) return status;
  if (http && rule.path.empty()) return base::invalid("check.http.path", "is missing");
  return {};
}

}  // namespace

base::Result<CheckBody> read_check(ondemand::value value) {
  static constexpr std::array<std::string_view, 7> kNames = {
      "interval_ms", "timeout_ms", "failures", "successes", "remove_after_ms", "tcp", "http"};
  static constexpr std::array<std::string_view, 7> kFields = {
      "check.interval_ms",     "check.timeout_ms", "check.failures", "check.successes",
      "check.remove_after_ms", "check.tcp",        "check.http"};
  constexpr int kTcp = 5;
  constexpr int kHttp = 6;
  ondemand::object object;
  if (value.get_object().get(object)) return base::invalid("check", "must be an object");
  std::array<std::optional<int64_t>, 5> numbers;
  core::CheckRule rule;
  int targets = 0;
  auto status =
      for_each_field(object, index_in(kNames), [&](int index, ondemand::value entry) -> Status {
        const std::string_view field = kFields[static_cast<size_t>(index)];
        if (index == kTcp || index == kHttp) {
          ++targets;
          rule.kind = index == kHttp ? core::CheckRule::Kind::kHttp : core::CheckRule::Kind::kTcp;
          return read_target(field, entry, index == kHttp, rule);
        }
        int64_t number = 0;
        auto read = read_integer(field, entry, 0, kAnyNumber, number);
        numbers[static_cast<size_t>(index)] = number;
        return read;
      });
  if (!status.ok()) return status.error();
  if (targets != 1) {
    return base::invalid("check", R"(must hold exactly one of "tcp" and "http")");
  }
  CheckBody body;
  body.interval_ms = numbers[0].value_or(core::kDefaultCheckIntervalMs);
  rule.timeout_ms = numbers[1].value_or(std::min(rule.timeout_ms, body.interval_ms));
  rule.failures = static_cast<uint32_t>(numbers[2].value_or(rule.failures));
  rule.successes = static_cast<uint32_t>(numbers[3].value_or(rule.successes));
  rule.remove_after_ms = numbers[4].value_or(0);
  body.rule = std::move(rule);
  return body;
}

}  // namespace callbook::native
