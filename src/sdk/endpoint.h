#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace callbook::sdk {

inline constexpr uint16_t kDefaultRegistryPort = 7070;

/// Where a registry listens.
struct Endpoint {
  std::string host;  ///< an address, without brackets, in one spelling, or a name
  uint16_t port = kDefaultRegistryPort;

  /// "127.0.0.1:7070", "[::1]:7070".
  std::string to_string() const;
  /// Whether it is this machine's own, as far as the text says.
  bool is_loopback() const;

  bool operator==(const Endpoint&) const = default;
};

/// Reads "HOST:PORT", "HOST", "[V6]:PORT" or "[V6]". kInvalid on field "registry".
base::Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace callbook::sdk
