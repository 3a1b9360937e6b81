#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "probe/request.h"

#include "net/probe_talk.h"

namespace callbook::probe {

/// What all TLS connections of a prober share: the system's authorities, read with the first one
/// that verifies and again once an hour (SSL_CERT_FILE and SSL_CERT_DIR say where, if not at
/// OpenSSL's usual places). One thread's.
class TlsContexts {
 public:
  TlsContexts();
  ~TlsContexts();
  TlsContexts(const TlsContexts&) = delete;
  TlsContexts& operator=(const TlsContexts&) = delete;

  class Context;
  /// Never null. Without memory for it in OpenSSL the first client that is made of it aborts.
  std::shared_ptr<Context> get(bool verify, int64_t now_ms);

 private:
  std::shared_ptr<Context> verifying_;
  std::shared_ptr<Context> trusting_;
  int64_t read_at_ms_ = 0;
};

/// The client's end of one TLS connection, 1.2 or later, as bytes alone: what came from the socket
/// goes in, what is to be sent comes out.
class TlsClient {
 public:
  /// `host` is the target's name or IP address; `protocol` is offered (ALPN): "h2", "http/1.1".
  TlsClient(std::shared_ptr<TlsContexts::Context> context, const TlsRule& rule,
            const std::string& host, std::string_view protocol);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// Takes what came; appends to `plain` what it says. A verdict if the connection has failed.
  std::optional<net::ProbeVerdict> take(std::string_view bytes, std::string& plain);
  /// REQUIRES is_open().
  void send(std::string_view plain);
  /// What is to be sent next, handshake included; empty: nothing now.
  std::string to_send();

  bool is_usable() const { return usable_; }   ///< false: the server's name is none; do not send
  bool is_open() const { return open_; }       ///< the handshake is over
  std::string_view protocol() const;           ///< that the server chose; empty: none
  bool was_closed() const { return closed_; }  ///< by the other end, as TLS wants it

 private:
  struct State;
  std::optional<net::ProbeVerdict> proceed(std::string& plain);
  std::optional<net::ProbeVerdict> fail() const;

  std::unique_ptr<State> state_;
  bool usable_ = false;
  bool open_ = false;
  bool closed_ = false;
};

}  // namespace callbook::probe
