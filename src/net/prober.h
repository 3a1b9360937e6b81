#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "net/event_loop.h"

namespace callbook::net {

/// What came of a probe.
enum class ProbeOutcome : uint8_t {
  kAnswered,  ///< the connection was made; if HTTP was asked for, the answer's status is 2xx
  kRefused,   ///< ECONNREFUSED
  kSilent,    ///< nothing, or no whole head, within the time-out, or no host there (EHOSTUNREACH)
  kFailed,    ///< only of HTTP: connected, but another status, no HTTP/1, closed or reset
  kUntested   ///< this host could not ask, or the target is none that may be asked
};

struct ProbeTarget {
  std::string address;     ///< IP; names are not asked
  uint16_t port = 0;       ///< not 0
  int64_t timeout_ms = 0;  ///< for all of it; runs from the SYN, not while waiting for a place
  /// GET this: path and query, in visible ASCII, beginning with a slash, at most
  /// kMaxProbePathBytes. None: a connection is enough.
  std::optional<std::string> http_path;
};

inline constexpr size_t kMaxProbePathBytes = 2'048;
/// No more of an answer is ever read. A head that is longer, interim answers included, has failed.
inline constexpr size_t kMaxProbeAnswerBytes = 8'192;

struct ProbeLimits {
  size_t max_in_flight = 2'048;
  size_t max_per_address = 16;   ///< at one host; others wait
  size_t max_waiting = 100'000;  ///< more are untested
};

/// Tries TCP connections, many at once, to see whether anybody listens, and if wanted, what HTTP
/// they speak: an answer is judged by its head alone, redirections are not followed, and a body is
/// not read. Each connection is reset as soon as the outcome is known. Only IP addresses are asked,
/// and none that names no host of its own (ProbeAddress). Addresses take turns for a place. Lives
/// on `loop`'s thread.
class Prober {
 public:
  Prober(EventLoop& loop, ProbeLimits limits);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// Calls `done` once, later, on the loop's thread. Not after destruction, which it may cause.
  void probe(ProbeTarget target, std::function<void(ProbeOutcome)> done);

  /// Of all answers so far.
  uint64_t bytes_read() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace callbook::net
