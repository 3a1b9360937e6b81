#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callbook::core {

/// Names a session: 128 random bits, so that it can't be guessed and never repeats. The random
/// bits are chosen outside of core.
struct SessionId {
  uint64_t high = 0;
  uint64_t low = 0;

  auto operator<=>(const SessionId&) const = default;
};

/// 32 lower-case hexadecimal digits.
std::string to_text(SessionId id);
/// Reads exactly what to_text() writes.
std::optional<SessionId> session_id_from(std::string_view text);

struct SessionIdHash {
  size_t operator()(const SessionId& id) const { return id.high ^ id.low; }
};

}  // namespace callbook::core
