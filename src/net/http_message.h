#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callbook::net {

enum class Method : uint8_t { kGet, kHead, kPut, kPost, kDelete, kPatch, kOptions, kOther };

std::string_view name_of(Method method);

/// One header field; views borrow from the message that holds them.
struct HeaderField {
  std::string_view name;
  std::string_view value;
};

/// Immutable bytes that many connections can send without copying.
using SharedBytes = std::shared_ptr<const std::string>;

/// A complete request as a handler sees it. Views stay valid until handle() returns; a handler
/// that needs them longer copies them.
struct HttpRequest {
  Method method = Method::kGet;
  std::string_view target;  ///< as sent: "/v1/services/a%2Fb?wait=30s"
  std::string_view path;    ///< the part before '?', still percent-encoded
  std::string_view query;   ///< the part after '?', still percent-encoded, or empty
  const std::vector<HeaderField>* headers = nullptr;
  /// The body. At least kBodyPadding further bytes behind it are readable, as simdjson asks.
  std::string_view body;
  SharedBytes peer;  ///< "127.0.0.1:40312"; the connection's, kept by copying the pointer

  /// Value of the first field of this name (compared without case), or empty.
  std::string_view header(std::string_view name) const;
};

inline constexpr size_t kBodyPadding = 64;

/// A complete response. Content-Length, Connection and Date-less framing are the server's part.
struct HttpResponse {
  int status = 200;
  std::string_view content_type = "application/json";  ///< must be a literal or outlive sending
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< further fields; usually none
  std::string body = {};
  SharedBytes shared_body = {};  ///< sent instead of `body` when set
};

}  // namespace callbook::net
