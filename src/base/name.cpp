#include "base/name.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "base/utf8.h"

namespace callbook::base {
namespace {

constexpr bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

constexpr std::array<bool, 256> allow(std::string_view others) {
  std::array<bool, 256> allowed{};
  for (size_t c = 0; c < allowed.size(); ++c) {
    const char byte = static_cast<char>(c);
    allowed[c] = is_alphanumeric(byte) || others.find(byte) != std::string_view::npos;
  }
  return allowed;
}

constexpr std::array<bool, 256> kNameChars = allow("._-:@~+/");

/// The first byte of `text` that may not be in a name, or its size.
size_t find_other(std::string_view text) {
  size_t at = 0;
  while (at < text.size() && kNameChars[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

/// How many bytes from `at` on are printable ASCII, eight at a time: nearly all text is.
size_t printable_ascii(std::string_view text, size_t at) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHigh = 0x8080808080808080;
  const size_t begin = at;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t lane;
    std::memcpy(&lane, text.data() + at, sizeof lane);
    const uint64_t below_space = (lane - kOnes * 0x20) & ~lane;
    const uint64_t is_delete = (lane ^ kOnes * 0x7F) - kOnes;
    if (((lane | below_space | is_delete) & kHigh) != 0) break;
  }
  return at - begin;
}

std::string show(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7F ? fmt::format("'{}'", c) : fmt::format("0x{:02x}", byte);
}

Status check_segments(std::string_view field, std::string_view name) {
  size_t begin = 0;
  while (begin <= name.size()) {
    const size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view segment = name.substr(begin, end - begin);
    if (segment.empty()) {
      return invalid(field, "must not begin or end with '/' nor hold an empty part");
    }
    if (segment == "." || segment == "..")
      return invalid(field, "must not hold '.' or '..' as a part");
    begin = end + 1;
  }
  return {};
}

}  // namespace

Status check_name(std::string_view field, std::string_view name) {
  if (name.empty()) return invalid(field, "must not be empty");
  if (name.size() > kMaxNameBytes) {
    return over_limit(field,
                      fmt::format("is {} bytes long; the limit is {}", name.size(), kMaxNameBytes),
                      kMaxNameBytes);
  }
  if (const size_t at = find_other(name); at < name.size()) {
    return invalid(field, fmt::format("holds {}; allowed are letters, digits and . _ - : @ ~ + /",
                                      show(name[at])));
  }
  return check_segments(field, name);
}

Status check_text(std::string_view field, std::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes) {
    return over_limit(field,
                      fmt::format("is {} bytes long; the limit is {}", text.size(), max_bytes),
                      static_cast<int64_t>(max_bytes));
  }
  for (size_t at = printable_ascii(text, 0); at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7F) {
      return invalid(field, fmt::format("holds the control character 0x{:02x}", byte));
    }
    const size_t length = utf8_sequence(text, at);
    if (length == 0) return invalid(field, "is not valid UTF-8");
    at += length;
  }
  return {};
}

}  // namespace callbook::base
