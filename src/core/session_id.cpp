#include "core/session_id.h"

#include <charconv>

#include <fmt/format.h>

namespace callbook::core {
namespace {

bool parse_half(std::string_view text, uint64_t& half) {
  for (char c : text) {
    if (c >= 'A' && c <= 'F') return false;  // one spelling per id
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), half, 16);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string to_text(SessionId id) {
  return fmt::format("{:016x}{:016x}", id.high, id.low);
}

std::optional<SessionId> session_id_from(std::string_view text) {
  SessionId id;
  if (text.size() != 32 || !parse_half(text.substr(0, 16), id.high) ||
      !parse_half(text.substr(16), id.low)) {
    return std::nullopt;
  }
  return id;
}

}  // namespace callbook::core
