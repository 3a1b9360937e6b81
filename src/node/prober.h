#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/input.h"
#include "core/output.h"
#include "net/event_loop.h"
#include "probe/prober.h"

namespace callbook::node {

/// Carries out core's probes on a thread of its own, so that however many there are, they take
/// nothing from clients. Names are looked up on it too.
class Prober {
 public:
  /// `deliver` is called on the prober's thread.
  using Deliver = std::function<void(std::vector<core::ProbeResult>)>;

  Prober(probe::ProberOptions options, Deliver deliver);
  /// Ends the thread; nothing is delivered from then on.
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// Thread-safe. `for_another`: on behalf of another node, whose loopback addresses are elsewhere.
  void probe(std::vector<core::Probe> probes, bool for_another);

  struct Stats {
    uint64_t concluded_unasked = 0;  ///< probes that were silent with their host
    uint64_t names_asked = 0;        ///< look-ups of names
    uint64_t names_answered = 0;     ///< of them, with addresses or with the word that there are none
  };
  /// Thread-safe; of the latest turn in which a probe ended.
  Stats stats() const;

 private:
  void finished(uint64_t ticket, const probe::Result& result);
  void deliver();

  const Deliver deliver_;
  net::EventLoop loop_;
  net::SystemClock clock_;
  std::unique_ptr<probe::Prober> prober_;   // the thread's
  std::vector<core::ProbeResult> results_;  // the thread's
  std::atomic<uint64_t> concluded_unasked_{0};
  std::atomic<uint64_t> names_asked_{0};
  std::atomic<uint64_t> names_answered_{0};
  std::thread thread_;
};

/// What is asked for `probe`, as src/probe has it.
probe::Request to_request(const core::Probe& probe, bool for_another);

}  // namespace callbook::node
