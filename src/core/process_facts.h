#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callbook::core {

/// What a session's client said of its process. It travels as a section of the session's record
/// (kProcessSection).
struct ProcessFacts {
  bool speaks = false;  ///< it sends heartbeats, also while a stream is attached
  std::string process;  ///< its random id, the same in all its sessions; empty: it gave none
  uint64_t host = 0;    ///< stands for the host that it opened the session from; 0: not known
  bool operator==(const ProcessFacts&) const = default;
};

/// As it is stored (docs/formats/records.md).
std::string encode(const ProcessFacts& facts);
/// Nothing for bytes that no release could have made. What follows the known fields is passed over.
std::optional<ProcessFacts> decode_process(std::string_view bytes);

}  // namespace callbook::core
