#include "probe/http_exchange.h"

#include <algorithm>
#include <array>
#include <utility>

#include "net/ascii.h"

namespace callbook::probe {
namespace {

using net::ProbeOutcome;
using net::ProbeVerdict;

constexpr std::array<std::string_view, 5> kMethods = {"GET", "HEAD", "POST", "PUT", "OPTIONS"};

/// They say where the request ends, or what becomes of the connection.
constexpr std::array<std::string_view, 8> kOwnFields = {
    "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Expect", "Trailer",
    "TE",         "Keep-Alive"};

bool is_visible(char c) {
  return c > ' ' && c < '\x7F';
}

bool is_of(const HttpRule& rule, std::string_view field) {
  return std::any_of(rule.headers.begin(), rule.headers.end(),
                     [&](const auto& header) { return net::same_token(header.first, field); });
}

std::string_view reason_of(int status) {
  constexpr std::pair<int, std::string_view> kReasons[] = {
      {101, "Switching Protocols"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {303, "See Other"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {412, "Precondition Failed"},
      {415, "Unsupported Media Type"},
      {418, "I'm a teapot"},
      {421, "Misdirected Request"},
      {422, "Unprocessable Content"},
      {423, "Locked"},
      {426, "Upgrade Required"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
      {505, "HTTP Version Not Supported"},
      {507, "Insufficient Storage"},
  };
  for (const auto& [known, reason] : kReasons) {
    if (known == status) return reason;
  }
  return {};
}

}  // namespace

std::string fault_of(const HttpRule& rule) {
  if (std::find(kMethods.begin(), kMethods.end(), rule.method) == kMethods.end()) {
    return "not asked: no such method";
  }
  const std::string& path = rule.path;
  if (path.empty() || path.front() != '/' || path.size() > kMaxPathBytes ||
      !std::all_of(path.begin(), path.end(), is_visible)) {
    return "not asked: the path cannot be sent";
  }
  if (!std::all_of(rule.host.begin(), rule.host.end(), is_visible)) {
    return "not asked: the host cannot be sent";
  }
  if (rule.headers.size() > kMaxHeaders) return "not asked: too many header fields";
  for (const auto& [name, value] : rule.headers) {
    const bool own = std::any_of(kOwnFields.begin(), kOwnFields.end(), [&](std::string_view field) {
      return net::same_token(name, field);
    });
    if (own || name.empty() || !std::all_of(name.begin(), name.end(), net::is_token_char) ||
        !std::all_of(value.begin(), value.end(), net::is_field_text_char)) {
      return "not asked: a header field cannot be sent";
    }
  }
  return {};
}

std::string status_text(int status) {
  std::string text = "HTTP " + std::to_string(status);
  const std::string_view reason = reason_of(status);
  if (!reason.empty()) text.append(" ").append(reason);
  return text;
}

HttpExchange::HttpExchange(const HttpRule& rule, std::string_view authority)
    : expect_(rule.expect) {
  request_.append(rule.method).append(" ").append(rule.path).append(" HTTP/1.1\r\n");
  const auto add = [&](std::string_view name, std::string_view value) {
    request_.append(name).append(": ").append(value).append("\r\n");
  };
  if (!is_of(rule, "Host")) add("Host", rule.host.empty() ? authority : rule.host);
  if (!is_of(rule, "User-Agent")) add("User-Agent", "callbook-probe");
  if (!is_of(rule, "Accept")) add("Accept", "*/*");
  for (const auto& [name, value] : rule.headers) add(name, value);
  if (rule.method == "POST" || rule.method == "PUT") add("Content-Length", "0");
  add("Connection", "close");
  request_.append("\r\n");
}

std::string HttpExchange::to_send() {
  return std::exchange(request_, {});
}

std::optional<ProbeVerdict> HttpExchange::take(std::string_view bytes) {
  const std::string_view within = bytes.substr(0, kMaxAnswerBytes - taken_);
  taken_ += within.size();
  switch (head_.take(within)) {
    case net::ResponseHead::State::kNoHttp1:
      return ProbeVerdict{ProbeOutcome::kFailed, 0, "the answer is not HTTP/1"};
    case net::ResponseHead::State::kOpen:
      if (taken_ < kMaxAnswerBytes) return std::nullopt;
      return ProbeVerdict{
          ProbeOutcome::kFailed, 0,
          "the answer's head is longer than " + std::to_string(kMaxAnswerBytes) + " bytes"};
    case net::ResponseHead::State::kWhole:
      break;
  }
  const int status = head_.status();
  const bool expected = std::any_of(expect_.begin(), expect_.end(), [&](const StatusRange& range) {
    return status >= range.first && status <= range.last;
  });
  return ProbeVerdict{expected ? ProbeOutcome::kAnswered : ProbeOutcome::kFailed,
                      static_cast<uint16_t>(status), status_text(status)};
}

ProbeVerdict HttpExchange::closed() const {
  return {ProbeOutcome::kFailed, 0, "closed before the answer's head was whole"};
}

}  // namespace callbook::probe
