#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "bus/bus.h"

namespace callbook::bus::nats {

// How records and streams are named on the server: docs/formats/bus.md, "On NATS". All functions
// may be called from any thread.

/// Appends `key` as one token of a subject: base64url (RFC 4648, section 5) without padding, which
/// holds none of the characters that mean something in a subject, whatever the key's bytes.
void append_token(std::string_view key, std::string& out);

/// The key of a token; none for what append_token could not have made.
std::optional<std::string> key_of_token(std::string_view token);

/// What one cluster of registry nodes calls its things on the server.
class Names {
 public:
  /// REQUIRES check(cluster).ok().
  explicit Names(std::string_view cluster);

  /// 1 to 64 bytes of letters, digits, `-` and `_`.
  static base::Status check(std::string_view cluster);

  const std::string& stream(Stream stream) const { return streams_[index_of(stream)]; }
  /// What a stream takes in: every record's subject, and nothing else.
  std::string filter(Stream stream) const { return prefix(stream) + "*"; }
  /// A record's subject is this and its key's token.
  const std::string& prefix(Stream stream) const { return prefixes_[index_of(stream)]; }
  const std::string& beat() const { return beat_; }

 private:
  std::string streams_[kStreamCount];
  std::string prefixes_[kStreamCount];
  std::string beat_;
};

}  // namespace callbook::bus::nats
