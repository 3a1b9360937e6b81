#include "cli/check_spec.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

#include "base/name.h"
#include "cli/name_value.h"

namespace callbook::cli {
namespace {

constexpr const char* kFlag = "--check";
constexpr const char* kLoneName = "check";

base::Error bad(std::string_view text, std::string_view why) {
  return base::invalid(kFlag, fmt::format("'{}' {}", text, why));
}

bool is_http(const CheckSpec& check) {
  return check.kind == "http" || check.kind == "https";
}
bool is_tls(const CheckSpec& check) {
  return check.kind == "https" || check.tls;
}
bool is_udp(const CheckSpec& check) {
  return check.kind == "udp";
}
bool is_grpc(const CheckSpec& check) {
  return check.kind == "grpc";
}

/// What is behind the kind: "8443/health".
base::Status read_target(std::string_view text, std::string_view rest, CheckSpec& check) {
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view port = rest.substr(0, slash);
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), check.port);
    if (error != std::errc() || end != port.data() + port.size() || check.port == 0) {
      return bad(text, fmt::format("names the port '{}': expected 1 to 65535", port));
    }
  }
  const std::string_view path = rest.substr(slash);
  if (is_http(check)) {
    check.path = path;
  } else if (is_grpc(check) && !path.empty()) {
    check.grpc_service = path.substr(1);
  } else if (!path.empty()) {
    return bad(text, fmt::format("names a path, which {} has none of", check.kind));
  }
  return {};
}

/// Which kinds of check take an option, and whether it was given.
struct Taken {
  bool given;
  const char* flag;
  bool (*by)(const CheckSpec&);
  const char* kinds;
};

base::Status check_taken(const CheckOptions& options, const std::vector<CheckSpec>& checks) {
  const Taken all[] = {
      {!options.method.empty(), "--check-method", is_http, "an http or https check"},
      {!options.headers.empty(), "--check-header", is_http, "an http or https check"},
      {!options.host.empty(), "--check-host", is_http, "an http or https check"},
      {!options.expected.empty(), "--check-expect", is_http, "an http or https check"},
      {options.skip_verify, "--check-skip-verify", is_tls, "an https or grpcs check"},
      {!options.server_name.empty(), "--check-server-name", is_tls, "an https or grpcs check"},
      {!options.payload.empty(), "--check-payload", is_udp, "a udp check"},
      {options.silence_passes, "--check-silence-passes", is_udp, "a udp check"},
      {options.interval_ms > 0, "--check-interval", nullptr, "a check"},
      {options.timeout_ms > 0, "--check-timeout", nullptr, "a check"},
      {options.failures > 0, "--check-failures", nullptr, "a check"},
      {options.successes > 0, "--check-successes", nullptr, "a check"},
      {options.remove_after_ms > 0, "--check-remove-after", nullptr, "a check"},
  };
  for (const Taken& option : all) {
    const bool taken = option.by == nullptr ? !checks.empty()
                                            : std::any_of(checks.begin(), checks.end(), option.by);
    if (option.given && !taken) {
      return base::invalid(option.flag,
                           fmt::format("is of {}; give one with --check", option.kinds));
    }
  }
  return {};
}

void append_http(base::JsonWriter& json, const CheckOptions& options) {
  if (!options.method.empty()) json.field("method", options.method);
  if (!options.host.empty()) json.field("host", options.host);
  if (!options.headers.empty()) {
    json.key("headers").begin_object();
    for (const std::string& header : options.headers) {
      const auto [name, value] = name_value(header);
      json.field(name, value);
    }
    json.end_object();
  }
  if (options.expected.empty()) return;
  json.key("expect").begin_array();
  for (const std::string& range : options.expected) json.value(range);
  json.end_array();
}

void append_target(base::JsonWriter& json, const CheckSpec& check, const CheckOptions& options) {
  json.key(check.kind).begin_object();
  if (check.port != 0) json.field("port", uint32_t{check.port});
  if (!check.path.empty()) json.field("path", check.path);
  if (!check.grpc_service.empty()) json.field("service", check.grpc_service);
  if (check.tls) json.field("tls", true);
  if (is_http(check)) append_http(json, options);
  if (is_tls(check)) {
    if (options.skip_verify) json.field("skip_verify", true);
    if (!options.server_name.empty()) json.field("server_name", options.server_name);
  }
  if (is_udp(check)) {
    if (!options.payload.empty()) json.field("payload", options.payload);
    if (options.silence_passes) json.field("silence", "passes");
  }
  json.end_object();
}

void append_one(base::JsonWriter& json, const CheckSpec& check, const CheckOptions& options) {
  json.begin_object();
  append_target(json, check, options);
  if (options.interval_ms > 0) json.field("interval_ms", options.interval_ms);
  if (options.timeout_ms > 0) json.field("timeout_ms", options.timeout_ms);
  if (options.failures > 0) json.field("failures", options.failures);
  if (options.successes > 0) json.field("successes", options.successes);
  if (options.remove_after_ms > 0) json.field("remove_after_ms", options.remove_after_ms);
  json.end_object();
}

}  // namespace

base::Result<CheckSpec> parse_check(std::string_view text) {
  CheckSpec check;
  check.name = kLoneName;
  std::string_view rest = text;
  // A '=' behind a ':' is of a path.
  const size_t equals = rest.find('=');
  if (equals < rest.find(':')) {
    check.name = rest.substr(0, equals);
    if (auto status = base::check_name(kFlag, check.name); !status.ok()) {
      return bad(text, "has a name that " + status.error().detail);
    }
    rest.remove_prefix(equals + 1);
  }
  const size_t colon = rest.find(':');
  check.kind = rest.substr(0, colon);
  if (check.kind == "grpcs") {
    check.kind = "grpc";
    check.tls = true;
  }
  static const std::set<std::string_view> kKinds = {"tcp", "http", "https", "grpc", "udp"};
  if (!kKinds.contains(check.kind)) {
    return bad(text,
               "is no check: write [NAME=]KIND[:[PORT][/PATH]], where KIND is tcp, http, https, "
               "grpc, grpcs or udp");
  }
  if (colon != std::string_view::npos) {
    const std::string_view target = rest.substr(colon + 1);
    if (target.empty()) return bad(text, "has nothing behind its ':'");
    if (auto status = read_target(text, target, check); !status.ok()) return status.error();
  }
  if (is_http(check) && check.path.empty()) {
    return bad(text, fmt::format("needs a path, such as {}:/health", check.kind));
  }
  return check;
}

base::Result<std::vector<CheckSpec>> read_checks(const CheckOptions& options) {
  std::vector<CheckSpec> checks;
  std::set<std::string> names;
  for (const std::string& text : options.checks) {
    auto check = parse_check(text);
    if (!check.ok()) return check.error();
    if (!names.insert(check->name).second) {
      return bad(text, fmt::format("is the second check called '{}'; name each of several: "
                                   "--check NAME=KIND…",
                                   check->name));
    }
    checks.push_back(std::move(*check));
  }
  if (auto status = check_taken(options, checks); !status.ok()) return status.error();
  return checks;
}

void append_checks(base::JsonWriter& json, const std::vector<CheckSpec>& checks,
                   const CheckOptions& options) {
  if (checks.size() == 1 && checks.front().name == kLoneName) {
    json.key("check");
    append_one(json, checks.front(), options);
    return;
  }
  json.key("checks").begin_object();
  for (const CheckSpec& check : checks) {
    json.key(check.name);
    append_one(json, check, options);
  }
  json.end_object();
}

std::string text_of(const CheckSpec& check) {
  std::string text = check.name == kLoneName ? "" : check.name + "=";
  text += check.tls ? "grpcs" : check.kind;
  const std::string rest =
      check.path + (check.grpc_service.empty() ? "" : "/" + check.grpc_service);
  if (check.port != 0 || !rest.empty()) text += ':';
  if (check.port != 0) text += std::to_string(check.port);
  return text + rest;
}

}  // namespace callbook::cli
