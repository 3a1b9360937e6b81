#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/encoding.h"
#include "base/result.h"

namespace callbook::core {

// Metadata and named ports are kept as one flat string each, sorted by name, in the very form in
// which they are stored: one allocation, no tree, equal content gives equal bytes.

/// Sorted name-value pairs: (string name, string value)*. Names are unique.
class Metadata {
 public:
  using Pair = std::pair<std::string_view, std::string_view>;

  Metadata() = default;
  /// Sorts `pairs`; refuses a name that comes twice. Copies the bytes.
  static base::Result<Metadata> from(std::vector<Pair> pairs);

  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Sorted named ports: (string name, varint port)*. Names are unique.
class NamedPorts {
 public:
  using Pair = std::pair<std::string_view, uint16_t>;

  NamedPorts() = default;
  static base::Result<NamedPorts> from(std::vector<Pair> pairs);

  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Calls `visit(name, value)` for each pair of flat metadata. Returns false if the bytes are
/// malformed (only possible for bytes from outside).
template <typename Visit>
bool for_each_metadata(std::string_view bytes, Visit&& visit) {
  base::ByteReader reader(bytes);
  while (reader.ok() && !reader.at_end()) {
    const std::string_view name = reader.string();
    const std::string_view value = reader.string();
    if (reader.ok()) visit(name, value);
  }
  return reader.ok();
}

/// Calls `visit(name, port)` for each pair of flat named ports.
template <typename Visit>
bool for_each_port(std::string_view bytes, Visit&& visit) {
  base::ByteReader reader(bytes);
  while (reader.ok() && !reader.at_end()) {
    const std::string_view name = reader.string();
    const uint64_t port = reader.varint();
    if (port > UINT16_MAX) reader.fail();
    if (reader.ok()) visit(name, static_cast<uint16_t>(port));
  }
  return reader.ok();
}

}  // namespace callbook::core
