#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/probe_talk.h"
#include "probe/exchange.h"
#include "probe/tls.h"

namespace callbook::probe {

/// An exchange over a TCP connection, or over TLS on it.
class StreamTalk final : public net::ProbeTalk {
 public:
  /// `tls` may be null. `protocol`, if not empty, is what the server must choose by TLS.
  StreamTalk(std::unique_ptr<Exchange> exchange, std::unique_ptr<TlsClient> tls,
             std::string_view protocol);

  std::optional<net::ProbeVerdict> proceed(int socket) override;
  net::ProbeVerdict timed_out(int64_t timeout_ms) const override;

 private:
  std::optional<net::ProbeVerdict> send(int socket);
  std::optional<net::ProbeVerdict> take(std::string_view bytes);
  std::optional<net::ProbeVerdict> take_tls(std::string_view bytes);
  net::ProbeVerdict closed() const;

  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<TlsClient> tls_;
  const std::string_view protocol_;  ///< of a literal
  std::string pending_;              ///< bytes that the socket has not taken yet
  size_t received_ = 0;
};

}  // namespace callbook::probe
