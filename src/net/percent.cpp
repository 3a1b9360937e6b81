#include "net/percent.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::net {
namespace {

constexpr size_t kMaxSegments = 16;
constexpr size_t kUsualSegments = 6;
constexpr size_t kMaxParameters = 128;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

base::Result<std::string> percent_decode(std::string_view field, std::string_view text,
                                         bool plus_is_space) {
  size_t plain = std::min(text.find('%'), text.size());
  if (plus_is_space) plain = std::min(text.find('+'), plain);
  if (plain == text.size()) return std::string(text);
  std::string out(text.substr(0, plain));
  out.reserve(text.size());
  for (size_t i = plain; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '+' && plus_is_space) {
      out.push_back(' ');
      continue;
    }
    if (c != '%') {
      out.push_back(c);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return base::invalid(field, "holds a '%' that two hexadecimal digits do not follow");
    }
    const int byte = high * 16 + low;
    if (byte == 0) return base::invalid(field, "holds %00");
    out.push_back(static_cast<char>(byte));
    i += 2;
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

base::Result<std::vector<std::string>> split_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return base::invalid("path", "must begin with '/'");
  std::vector<std::string> segments;
  segments.reserve(kUsualSegments);
  std::string_view rest = path.substr(1);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('/'), rest.size());
    if (end == 0) return base::invalid("path", "holds an empty segment");
    if (segments.size() == kMaxSegments) {
      return base::over_limit("path", fmt::format("holds more than {} segments", kMaxSegments),
                              kMaxSegments);
    }
    auto segment = percent_decode("path", rest.substr(0, end), false);
    if (!segment.ok()) return segment.error();
    segments.push_back(std::move(*segment));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return segments;
}

base::Result<std::vector<std::pair<std::string, std::string>>> split_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty()) continue;
    if (parameters.size() == kMaxParameters) {
      return base::over_limit("query", fmt::format("holds more than {} parameters", kMaxParameters),
                              kMaxParameters);
    }
    const size_t equals = std::min(part.find('='), part.size());
    auto name = percent_decode("query", part.substr(0, equals), true);
    if (!name.ok()) return name.error();
    auto value = percent_decode(*name, part.substr(std::min(equals + 1, part.size())), true);
    if (!value.ok()) return value.error();
    parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return parameters;
}

}  // namespace callbook::net
