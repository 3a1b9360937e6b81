#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace callbook::net {

/// Reads the head of an HTTP/1 response as it arrives, in whatever pieces, and keeps nothing of it
/// but the status. Interim answers (1xx but 101) are passed over. A line may end in LF alone
/// (RFC 9112, 2.2); otherwise whoever does not keep to the grammar is no HTTP server.
class ResponseHead {
 public:
  enum class State : uint8_t {
    kOpen,     ///< more has to come
    kWhole,    ///< the empty line was there: status() is the answer's
    kNoHttp1,  ///< what came is no head of HTTP/1
  };

  /// Takes the next bytes; those behind the head are not looked at. Nothing but kOpen ever changes.
  State take(std::string_view bytes);
  int status() const { return status_; }

 private:
  enum class At : uint8_t {
    kVersion,
    kStatus,
    kReason,
    kLineFeed,
    kFieldStart,
    kFieldName,
    kFieldValue,
    kLastLineFeed,
    kEnd,
    kNowhere,
  };

  At after(char c);
  At after_version(char c);
  At after_status(char c);
  At at_field_start(char c);
  At end_of_head();

  At at_ = At::kVersion;
  bool has_field_ = false;
  uint8_t index_ = 0;  ///< within version or status
  int status_ = 0;
};

}  // namespace callbook::net
