#include "core/stamp_token.h"

#include <charconv>

#include <fmt/format.h>

namespace callbook::core {
namespace {

constexpr size_t kHlcDigits = 16;
constexpr size_t kNodeDigits = 8;
constexpr size_t kStampDigits = kHlcDigits + kNodeDigits;

template <typename Number>
bool read_hex(std::string_view digits, Number& out) {
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, out, 16);
  return read.ec == std::errc() && read.ptr == end;
}

}  // namespace

std::string stamp_token(const Stamp& stamp, const base::SipKey& key) {
  std::string token = fmt::format("{:016x}{:08x}", stamp.hlc, stamp.node);
  token += fmt::format("{:016x}", base::siphash(key, token));
  return token;
}

std::optional<Stamp> stamp_from_token(std::string_view token, const base::SipKey& key) {
  Stamp stamp;
  if (token.size() != kStampDigits + 16) return std::nullopt;
  if (!read_hex(token.substr(0, kHlcDigits), stamp.hlc)) return std::nullopt;
  if (!read_hex(token.substr(kHlcDigits, kNodeDigits), stamp.node)) return std::nullopt;
  // Made again and compared without a way out: how long it takes tells nothing of the right one.
  const std::string right = stamp_token(stamp, key);
  unsigned differing = 0;
  for (size_t i = 0; i < token.size(); ++i) {
    differing |= static_cast<unsigned char>(token[i]) ^ static_cast<unsigned char>(right[i]);
  }
  return differing == 0 ? std::optional(stamp) : std::nullopt;
}

}  // namespace callbook::core
