#include "core/validate_checks.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/name.h"
#include "core/check_set.h"
#include "core/registration_extras.h"

namespace callbook::core {
namespace {

using base::Status;
using Kind = CheckRule::Kind;

/// One check, and the names of its fields.
struct Subject {
  const NamedCheck& check;
  std::string field;  ///< "checks.web"

  const CheckRule& rule() const { return check.rule; }
  std::string of_check(std::string_view name) const { return fmt::format("{}.{}", field, name); }
  std::string of_kind(std::string_view name) const {
    return fmt::format("{}.{}.{}", field, name_of(check.rule.kind), name);
  }
};

Status check_range(std::string field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return {};
  return base::over_limit(field, fmt::format("is {}; it must be from {} to {}", value, least, most),
                          value < least ? least : most);
}

Status check_length(std::string field, size_t bytes, size_t most) {
  if (bytes <= most) return {};
  return base::over_limit(field, fmt::format("has {} bytes; the most is {}", bytes, most),
                          static_cast<int64_t>(most));
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 32 && c < 127; });
}

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool consists_of(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter_or_digit(c) || others.find(c) != std::string_view::npos;
  });
}

bool equal_without_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char left, char right) { return lower(left) == lower(right); });
}

Status check_numbers(const Subject& subject, const Limits& limits) {
  const int64_t interval_ms = subject.check.interval_ms;
  const CheckRule& rule = subject.rule();
  // More could not be stored in the place that release 0.1 reads.
  const int64_t most_in_a_row = std::min<int64_t>(limits.max_check_threshold, UINT16_MAX);
  const Status all[] = {
      check_range(subject.of_check("interval_ms"), interval_ms, limits.min_check_interval_ms,
                  limits.max_check_interval_ms),
      check_range(subject.of_check("timeout_ms"), rule.timeout_ms, limits.min_check_timeout_ms,
                  interval_ms),
      check_range(subject.of_check("failures"), rule.failures, 1, most_in_a_row),
      check_range(subject.of_check("successes"), rule.successes, 1, most_in_a_row),
      rule.remove_after_ms == 0
          ? Status()
          : check_range(subject.of_check("remove_after_ms"), rule.remove_after_ms, interval_ms,
                        limits.max_check_remove_after_ms)};
  for (const Status& status : all) {
    if (!status.ok()) return status;
  }
  return {};
}

/// Only what is registered may be asked.
Status check_port(const Subject& subject, const Registration& registration) {
  const uint16_t port = subject.rule().port;
  const std::string field = subject.of_kind("port");
  if (port == 0) {
    if (registration.port != 0) return {};
    return base::invalid(field, "is missing, and the instance has no port of its own");
  }
  bool known = port == registration.port;
  for_each_port(registration.ports.bytes(),
                [&](std::string_view, uint16_t named) { known |= named == port; });
  if (known) return {};
  return base::invalid(field, fmt::format("is {}, which is no port of this instance", port));
}

Status check_path(const Subject& subject, const Limits& limits) {
  const std::string& path = subject.rule().path;
  const std::string field = subject.of_kind("path");
  if (!path.starts_with('/')) return base::invalid(field, "must begin with '/'");
  if (auto status = check_length(field, path.size(), limits.max_check_path_bytes); !status.ok()) {
    return status;
  }
  if (is_printable(path)) return {};
  return base::invalid(field, "may hold only printable ASCII, without spaces");
}

/// What a client could smuggle a second request in by, or another host, is not for it to set.
Status check_header(const std::string& field, std::string_view name, std::string_view value) {
  static constexpr std::array<std::string_view, 8> kOwn = {
      "Host",    "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE",
      "Trailer", "Upgrade"};
  if (name.empty() || !consists_of(name, "!#$%&'*+-.^_`|~")) {
    return base::invalid(field, "has a name that is none of an HTTP header field");
  }
  if (auto status = check_length(field, name.size(), base::kMaxNameBytes); !status.ok()) {
    return status;
  }
  for (const std::string_view own : kOwn) {
    if (equal_without_case(name, own)) {
      return base::invalid(field, own == "Host" ? "can't be set here; use \"host\""
                                                : "is set by the registry alone");
    }
  }
  if (auto status = check_length(field, value.size(), kMaxCheckHeaderBytes); !status.ok()) {
    return status;
  }
  const bool plain =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= 32 && c < 127; });
  if (plain) return {};
  return base::invalid(field, "may hold only printable ASCII and spaces");
}

Status check_headers(const Subject& subject) {
  const auto& headers = subject.rule().headers;
  const std::string field = subject.of_kind("headers");
  if (headers.size() > kMaxCheckHeaders) {
    return base::over_limit(
        field, fmt::format("holds {} headers; the limit is {}", headers.size(), kMaxCheckHeaders),
        kMaxCheckHeaders);
  }
  for (const auto& [name, value] : headers) {
    // A name that is none must not get into an answer as part of one.
    const bool shown = !name.empty() && is_printable(name) && name.size() <= base::kMaxNameBytes;
    auto status = check_header(shown ? fmt::format("{}.{}", field, name) : field, name, value);
    if (!status.ok()) return status;
  }
  return {};
}

Status check_ranges(const Subject& subject) {
  const auto& ranges = subject.rule().expected;
  const std::string field = subject.of_kind("expect");
  if (ranges.empty()) return base::invalid(field, "must hold at least one status");
  if (ranges.size() > kMaxCheckRanges) {
    return base::over_limit(
        field, fmt::format("holds {} ranges; the limit is {}", ranges.size(), kMaxCheckRanges),
        kMaxCheckRanges);
  }
  const bool fit = std::all_of(ranges.begin(), ranges.end(), [](CheckRule::StatusRange range) {
    return range.from >= 100 && range.from <= range.to && range.to <= 599;
  });
  return fit ? Status() : base::invalid(field, "must hold statuses from 100 to 599, or ranges");
}

Status check_host(const Subject& subject, std::string_view name, std::string_view host,
                  std::string_view others) {
  const std::string field = subject.of_kind(name);
  if (auto status = check_length(field, host.size(), kMaxCheckHostBytes); !status.ok()) {
    return status;
  }
  return consists_of(host, others) ? Status() : base::invalid(field, "is no name of a host");
}

Status check_http(const Subject& subject, const Limits& limits) {
  static constexpr std::array<std::string_view, 5> kMethods = {"GET", "HEAD", "POST", "PUT",
                                                               "OPTIONS"};
  const CheckRule& rule = subject.rule();
  if (std::find(kMethods.begin(), kMethods.end(), rule.method) == kMethods.end()) {
    return base::invalid(subject.of_kind("method"), "must be GET, HEAD, POST, PUT or OPTIONS");
  }
  const Status all[] = {check_path(subject, limits), check_headers(subject),
                        check_host(subject, "host", rule.host, ".-_:[]"), check_ranges(subject)};
  for (const Status& status : all) {
    if (!status.ok()) return status;
  }
  return {};
}

Status check_kind(const Subject& subject, const Limits& limits) {
  const CheckRule& rule = subject.rule();
  switch (rule.kind) {
    case Kind::kTcp:
      return {};
    case Kind::kHttp:
      return check_http(subject, limits);
    case Kind::kHttps: {
      auto status = check_http(subject, limits);
      return status.ok() ? check_host(subject, "server_name", rule.server_name, ".-_:") : status;
    }
    case Kind::kGrpc: {
      const std::string field = subject.of_kind("service");
      auto status = check_length(field, rule.grpc_service.size(), base::kMaxNameBytes);
      if (!status.ok()) return status;
      if (!is_printable(rule.grpc_service)) {
        return base::invalid(field, "may hold only printable ASCII, without spaces");
      }
      return check_host(subject, "server_name", rule.server_name, ".-_:");
    }
    case Kind::kUdp:
      return check_length(subject.of_kind("payload"), rule.payload.size(), kMaxCheckPayloadBytes);
  }
  return {};
}

}  // namespace

Status validate_checks(const Registration& registration, const Limits& limits) {
  if (registration.check.empty() && registration.extras.empty()) return {};
  const auto extras = decode_extras(registration.extras);
  const std::string_view set = extras ? std::string_view(extras->checks) : std::string_view();
  if (registration.check.empty()) {
    return set.empty() ? Status() : base::invalid("checks", "stand beside another kind of life");
  }
  // What can't be read back as it is must not be stored in a weaker form.
  const bool readable = set.empty() ? decode_check(registration.check).has_value()
                                    : decode_check_set(set).has_value();
  if (!readable) return base::invalid("checks", "can't be stored");
  if (set.size() > kMaxChecksBytes) {
    return base::over_limit(
        "checks", fmt::format("take {} bytes; the limit is {}", set.size(), kMaxChecksBytes),
        kMaxChecksBytes);
  }
  const CheckSet checks = checks_of(registration.view());
  const bool alone = checks.size() == 1 && checks.front().name == kLoneCheckName;
  for (const NamedCheck& check : checks) {
    const Subject subject{check, alone ? "check" : fmt::format("checks.{}", check.name)};
    if (auto status = base::check_name("checks", check.name); !status.ok()) return status;
    if (auto status = check_numbers(subject, limits); !status.ok()) return status;
    if (auto status = check_kind(subject, limits); !status.ok()) return status;
    if (auto status = check_port(subject, registration); !status.ok()) return status;
  }
  return {};
}

}  // namespace callbook::core
