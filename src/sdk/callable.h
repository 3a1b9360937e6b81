#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace callbook::sdk {

/// How a service stands, for the question of which of its instances may be called.
struct Standing {
  size_t up = 0;         ///< instances whose state is "up"
  uint64_t largest = 0;  ///< its largest size lately, at least the number listed now

  bool operator==(const Standing&) const = default;
};

/// Whether an instance in this state may be called: the one rule of docs/native-api.md, "What may
/// be called", which the registry follows too (core/callable.h; src/sim/callable_test.cpp compares
/// the two). `suspect` lasts seconds, and lists must not change for it. `unattended` and
/// `protected` stand in while fewer than half of what the service had lately are up. Every other
/// state, those of a later release included, is not called.
constexpr bool may_be_called(std::string_view state, Standing standing) {
  if (state == "up" || state == "suspect") return true;
  if (state != "unattended" && state != "protected") return false;
  return uint64_t{standing.up} * 2 < standing.largest;
}

}  // namespace callbook::sdk
