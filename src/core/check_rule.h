#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace callbook::core {

/// How the registry finds out by itself, again and again, whether an instance can be called: in
/// place of heartbeats. How often stands in its holder (Holder::ttl_ms).
struct CheckRule {
  enum class Kind : uint8_t {
    kTcp,    ///< a connection is made
    kHttp,   ///< a request is answered with an expected status; redirects are not followed
    kHttps,  ///< the same over TLS
    kGrpc,   ///< grpc.health.v1.Health/Check answers SERVING
    kUdp     ///< a datagram is answered, or, with `silence_passes`, not refused
  };

  struct StatusRange {
    uint16_t from = 200;
    uint16_t to = 299;  ///< itself counted
    bool operator==(const StatusRange&) const = default;
  };

  Kind kind = Kind::kTcp;
  uint16_t port = 0;  ///< 0: the instance's own
  int64_t timeout_ms = 1'000;
  uint32_t failures = 3;        ///< in a row, until it is down; a refused connection is at once
  uint32_t successes = 1;       ///< in a row, until one that is not up is up
  int64_t remove_after_ms = 0;  ///< so long after the first failure it is removed; 0: never
  std::string path;             ///< HTTP

  std::string method = "GET";                                     ///< HTTP
  std::vector<std::pair<std::string, std::string>> headers = {};  ///< HTTP, besides Host
  std::string host = {};                                ///< HTTP: Host; empty: the address
  std::vector<StatusRange> expected = {StatusRange()};  ///< HTTP
  std::string grpc_service = {};                        ///< gRPC; empty: the server itself
  bool tls = false;                                     ///< gRPC
  bool skip_verify = false;  ///< HTTPS, gRPC with TLS: any certificate will do
  std::string server_name =
      {};                    ///< HTTPS, gRPC with TLS: SNI and certificate; empty: host, or address
  std::string payload = {};  ///< UDP
  bool silence_passes = false;  ///< UDP

  bool operator==(const CheckRule&) const = default;
};

inline constexpr int64_t kDefaultCheckIntervalMs = 5'000;
inline constexpr uint8_t kCheckKindCount = 5;

/// The name that clients use: "https".
std::string_view name_of(CheckRule::Kind kind);

/// A rule as release 0.1 stores it (docs/formats/records.md), which knows TCP, and of HTTP the
/// path: the rest is left out (check_set.h has the whole). Equal rules give equal bytes, never
/// none. REQUIRES kind kTcp or kHttp.
std::string encode(const CheckRule& rule);
/// Nothing for bytes that encode() could not have made.
std::optional<CheckRule> decode_check(std::string_view bytes);

}  // namespace callbook::core
