#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/event_loop.h"

namespace callbook::net {

/// What came of trying to connect.
enum class ProbeOutcome : uint8_t {
  kAnswered,
  kRefused,  ///< ECONNREFUSED
  kSilent,   ///< nothing within the time-out, or no host there (EHOSTUNREACH)
  kUntested  ///< this host could not ask, or the address is none that may be asked
};

struct ProbeLimits {
  size_t max_in_flight = 2'048;
  size_t max_per_address = 16;   ///< at one host; others wait
  size_t max_waiting = 100'000;  ///< more are untested
};

/// Tries TCP connections, many at once, to see whether anybody listens; each is reset as soon as it
/// is made. Only IP addresses are asked, and none that names no host of its own: unspecified,
/// multicast, link-local, and those where clouds keep their metadata. Lives on `loop`'s thread.
class Prober {
 public:
  Prober(EventLoop& loop, ProbeLimits limits);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// Calls `done` once, later, on the loop's thread. Not after destruction.
  void probe(const std::string& address, uint16_t port, int64_t timeout_ms,
             std::function<void(ProbeOutcome)> done);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

/// Whether an address is an IP address that may be probed.
bool may_probe(const std::string& address);

}  // namespace callbook::net
