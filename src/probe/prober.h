#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/time.h"
#include "net/event_loop.h"
#include "net/prober.h"
#include "probe/request.h"
#include "probe/resolver.h"

namespace callbook::probe {

struct ProberOptions {
  net::ProbeLimits limits = {};
  ResolverOptions resolver = {};
};

/// Probes of every kind, of addresses and of names. A name's look-up has half of the time-out;
/// then up to kMostAddresses of the addresses that may be asked (net::ProbeAddress) are asked at
/// once: it has answered if one of them does, and refused only if all that could be asked refuse. A
/// name that is not resolved is silent, or untested while the resolver is in doubt. Lives on
/// `loop`'s thread.
class Prober {
 public:
  using Done = std::function<void(const Result&)>;
  static constexpr size_t kMostAddresses = 4;

  Prober(net::EventLoop& loop, const base::Clock& clock, ProberOptions options);
  ~Prober();
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  /// Calls `done` once, later or at once. Not after destruction.
  void probe(Request request, Done done);

  struct Stats {
    uint64_t concluded_unasked = 0;  ///< probes that were silent with their host
    Resolver::Stats names;
  };
  Stats stats() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

/// What several addresses of one name came to.
net::ProbeOutcome joined(net::ProbeOutcome a, net::ProbeOutcome b);

}  // namespace callbook::probe
