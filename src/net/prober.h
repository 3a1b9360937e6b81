#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/event_loop.h"
#include "net/probe_talk.h"

namespace callbook::net {

struct ProbeTarget {
  std::string address;     ///< IP; names are not asked
  uint16_t port = 0;       ///< not 0
  int64_t timeout_ms = 0;  ///< for all of it; runs from the SYN, not while waiting for a place
  /// Makes what is said over the connection, when it is begun. None: a connection is enough.
  std::function<std::unique_ptr<ProbeTalk>()> talk = nullptr;
  bool udp = false;  ///< a connected UDP socket in place of a connection; needs `talk`
};

struct ProbeResult {
  ProbeVerdict verdict;
  int64_t elapsed_ms = 0;  ///< since the probe was begun; 0 if it never was
};

struct ProbeLimits {
  size_t max_in_flight = 2'048;
  size_t max_per_address = 16;   ///< at one host; others wait
  size_t max_waiting = 100'000;  ///< more are untested
};

/// Makes TCP connections, many at once, to see whether anything listens, and if wanted has more said
/// over them (ProbeTalk); or sends datagrams. Each connection is reset as soon as the outcome is
/// known. Only IP addresses are asked, and none that names no host of its own (ProbeAddress).
/// Addresses take turns for a place; what waits for one at a silent host is concluded with it
/// (ProbeQueue). Lives on `loop`'s thread.
class Prober {
 public:
  using Done = std::function<void(const ProbeResult&)>;

  Prober(EventLoop& loop, ProbeLimits limits);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// Calls `done` once, later, on the loop's thread. Not after destruction, which it may cause.
  void probe(ProbeTarget target, Done done);

  /// Probes so far that were concluded without being sent, because their host was silent.
  uint64_t concluded_unasked() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace callbook::net
