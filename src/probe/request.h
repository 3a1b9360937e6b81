#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "net/probe_talk.h"

namespace callbook::probe {

/// TLS, over which HTTP or gRPC is spoken.
struct TlsRule {
  /// The chain must end at an authority of the system's store, and the certificate be of the name
  /// below; otherwise whatever the server shows is taken.
  bool verify = true;
  /// Sent to the server (SNI) and expected in its certificate. Empty: the host, if that is a name;
  /// if it is an IP address, nothing is sent and the address is expected.
  std::string server_name = {};
};

struct StatusRange {
  uint16_t first = 200;
  uint16_t last = 299;
};

/// What is asked by HTTP/1.1. Redirections are not followed; of a body nothing is read.
struct HttpRule {
  std::string method = "GET";  ///< GET, HEAD, POST, PUT or OPTIONS; without a body
  /// Path and query, in visible ASCII, beginning with a slash, at most kMaxPathBytes.
  std::string path = "/";
  /// Further fields, kMaxHeaders. Not those that frame a message or end the connection.
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string host = {};                   ///< the field Host; empty: host and port of the target
  std::vector<StatusRange> expect = {{}};  ///< any of these passes
};

/// grpc.health.v1.Health/Check, which must say SERVING.
struct GrpcRule {
  std::string service = {};  ///< empty: the server as a whole
};

struct UdpRule {
  std::string payload = {};     ///< of the one datagram that is sent
  bool silence_passes = false;  ///< no answer, and no refusal, within the time-out: it passes
};

/// A probe: a TCP connection, and over it what `kind` says; of kind kUdp, one datagram.
struct Request {
  enum class Kind : uint8_t { kTcp, kHttp, kGrpc, kUdp };

  std::string host;  ///< an IP address, or a name
  uint16_t port = 0;
  int64_t timeout_ms = 0;  ///< for all of it, the name's look-up included
  Kind kind = Kind::kTcp;
  /// Loopback addresses too. Not on behalf of another host: there they are something else.
  bool loopback = true;
  std::optional<TlsRule> tls = std::nullopt;  ///< of kHttp and kGrpc
  HttpRule http = {};
  GrpcRule grpc = {};
  UdpRule udp = {};
};

inline constexpr size_t kMaxPathBytes = 2'048;
inline constexpr size_t kMaxHeaders = 16;
inline constexpr size_t kMaxPayloadBytes = 1'024;
inline constexpr size_t kMaxTextBytes = 256;

struct Result {
  net::ProbeOutcome outcome = net::ProbeOutcome::kUntested;
  uint16_t status = 0;     ///< of an HTTP answer; 0: there was none
  int64_t elapsed_ms = 0;  ///< since it was begun; 0 if it never was
  /// Why, for operators: one line of printable ASCII, at most kMaxTextBytes. Nothing that the
  /// target itself has written: a check must not serve for reading what it can reach.
  std::string text;
};

}  // namespace callbook::probe
