#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/input.h"
#include "core/output.h"
#include "net/event_loop.h"
#include "net/prober.h"

namespace callbook::node {

/// Carries out core's probes on a thread of its own, so that however many there are, they take
/// nothing from clients.
class Prober {
 public:
  /// `deliver` is called on the prober's thread.
  using Deliver = std::function<void(std::vector<core::ProbeResult>)>;

  Prober(net::ProbeLimits limits, Deliver deliver);
  /// Ends the thread; nothing is delivered from then on.
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// Thread-safe.
  void probe(std::vector<core::Probe> probes);

 private:
  void finished(uint64_t ticket, net::ProbeOutcome outcome);

  const Deliver deliver_;
  net::EventLoop loop_;
  std::unique_ptr<net::Prober> prober_;     // the thread's
  std::vector<core::ProbeResult> results_;  // the thread's
  std::thread thread_;
};

}  // namespace callbook::node
