#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callbook::core {

/// How the registry finds out by itself, again and again, whether an instance can be called: in
/// place of heartbeats. How often stands in its holder (Holder::ttl_ms).
struct CheckRule {
  enum class Kind : uint8_t {
    kTcp,  ///< a connection is made
    kHttp  ///< a GET is answered with 2xx
  };

  Kind kind = Kind::kTcp;
  uint16_t port = 0;  ///< 0: the instance's own
  int64_t timeout_ms = 1'000;
  uint32_t failures = 3;        ///< in a row, until it is down; a refused connection is at once
  uint32_t successes = 1;       ///< in a row, until one that is not up is up
  int64_t remove_after_ms = 0;  ///< so long after the first failure it is removed; 0: never
  std::string path;             ///< for kHttp

  bool operator==(const CheckRule&) const = default;
};

inline constexpr int64_t kDefaultCheckIntervalMs = 5'000;

/// A rule as it is stored (docs/formats/records.md). Equal rules give equal bytes, never none.
std::string encode(const CheckRule& rule);
/// Nothing for bytes that encode() could not have made.
std::optional<CheckRule> decode_check(std::string_view bytes);

}  // namespace callbook::core
