#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace callbook::bus::nats {

/// How the node proves to the servers who it is, and they to it. At most one of credentials, token,
/// token file and user. Files are read at every attempt to connect, so that what they hold can be
/// exchanged while the node runs; secrets appear in no error and no log.
struct Security {
  std::string credentials_file;  ///< a `.creds` file: JWT and its seed
  std::string token;
  std::string token_file;  ///< one line
  std::string user;
  std::string password;

  bool tls = false;              ///< demand TLS; the servers' certificates are verified, always
  std::string ca_file;           ///< PEM; empty: those that the system trusts
  std::string certificate_file;  ///< PEM, of this node, with key_file
  std::string key_file;
  std::string server_name;  ///< expected in the certificate; empty: the host of the URL
};

/// A NATS bus. Times are ms of the monotonic clock.
struct Options {
  std::vector<std::string> servers;  ///< "nats://host:port", at least one; name all of them
  std::string cluster = "dc1";       ///< of registry nodes; names streams and subjects (subject.h)
  std::string node;                  ///< how the servers' monitoring shows this connection
  Security security;

  /// Of the streams, if they are made here: 1, 3 or 5. 0: 3 if three or more servers are named,
  /// else 1; streams that are there already are taken with as many as they have.
  uint32_t replicas = 0;
  int64_t tied_age_ms = 24LL * 3600 * 1000;

  uint32_t max_publications = 8'192;  ///< in flight; those beyond fail at once
  uint32_t max_message_bytes = 256 * 1024;
  /// Bytes of a stream that wait for take(); the server then holds back the rest.
  uint64_t max_backlog_bytes = 8U << 20U;

  int64_t connect_timeout_ms = 2'000;  ///< for each server
  // The longest; most attempts are given up and repeated sooner.
  int64_t request_timeout_ms = 2'000;   ///< for what is asked about a stream
  int64_t consumer_timeout_ms = 2'000;  ///< for a consumer; longer after many in vain
  int64_t publish_timeout_ms = 10'000;
  int64_t heads_ms = 2'000;       ///< how often the streams' ends are asked for
  int64_t silence_ms = 8'000;     ///< without an answer to it the bus is lost
  int64_t retry_least_ms = 100;   ///< between attempts to connect, at random …
  int64_t retry_most_ms = 1'000;  ///< … up to this
  int64_t ping_ms = 2'000;        ///< two unanswered pings break the connection
  /// Of a stream's consumer; three that are missed end it. At least 100.
  int64_t heartbeat_ms = 1'000;
};

}  // namespace callbook::bus::nats
