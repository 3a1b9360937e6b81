#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace callbook::sim {

/// A decimal number and nothing else.
inline std::optional<uint32_t> number_in(std::string_view text) {
  uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return value;
}

}  // namespace callbook::sim
