#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <optional>

#include "net/probe_address.h"
#include "net/prober.h"

namespace callbook::net {

/// Probes that wait for a place. Addresses that have room take turns, a probe each, so that one
/// with many probes, or one that answers none, delays nobody but itself; an address's own keep
/// their order. Costs the logarithm of the number of addresses for each probe, however many wait.
class ProbeQueue {
 private:
  struct AtAddress;
  using Addresses = std::map<ProbeAddress, AtAddress>;

 public:
  struct Wanted {
    ProbeTarget target;
    std::function<void(ProbeOutcome)> done;
  };
  /// A probe under way, and where it counts.
  struct Taken {
    Wanted wanted;
    Addresses::iterator place;
    const ProbeAddress& address() const { return place->first; }
  };

  explicit ProbeQueue(size_t max_per_address) : max_per_address_(max_per_address) {}

  void push(const ProbeAddress& address, Wanted wanted);
  /// The probe whose turn it is; none if nobody who waits has room. Give it back to release().
  std::optional<Taken> take();
  /// `taken` is over: its address has room for another. Once for each.
  void release(const Taken& taken);

  size_t waiting() const { return waiting_; }
  size_t under_way() const { return under_way_; }

 private:
  /// Stands in `turns_`, once, if somebody waits and there is room; is forgotten when it is empty.
  struct AtAddress {
    std::list<Wanted> waiting;
    size_t under_way = 0;
  };

  size_t max_per_address_;
  Addresses addresses_;
  std::deque<Addresses::iterator> turns_;
  size_t waiting_ = 0;
  size_t under_way_ = 0;
};

}  // namespace callbook::net
