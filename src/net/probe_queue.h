#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "net/probe_address.h"
#include "net/prober.h"

namespace callbook::net {

/// Probes that wait for a place. Addresses that have room take turns, a probe each, so that one
/// with many probes, or one that answers none, delays nobody but itself; an address's own keep
/// their order. Costs the logarithm of the number of addresses for each probe, however many wait.
///
/// What waits at a host that shows itself silent is judged with what was asked there (decision
/// 0036): a waiting TCP probe is concluded as silent once, since it was pushed, nothing of the host
/// was heard (no connection, no refusal) and probes of its own port, or of kSilentPorts ports, have
/// run out of time. From then on the host has room for `max_at_silent`, until it is heard, so that
/// a probe is concluded so but once, and the next time is sent itself.
class ProbeQueue {
 private:
  struct AtAddress;
  using Addresses = std::map<ProbeAddress, AtAddress>;

 public:
  static constexpr size_t kSilentPorts = 3;
  /// Silent hosts that are remembered while nothing of them is under way.
  static constexpr size_t kMostSilent = 1'024;

  struct Wanted {
    ProbeTarget target;
    Prober::Done done;
    std::chrono::steady_clock::time_point since = {};  ///< for the caller
    uint64_t number = 0;                               ///< set by push(), in order
  };
  /// A probe under way, and where it counts.
  struct Taken {
    Wanted wanted;
    Addresses::iterator place;
    /// It waited, and meanwhile others at its host ran out of time and nothing was heard of it.
    bool waited_on_silence = false;
    const ProbeAddress& address() const { return place->first; }
  };

  /// `max_at_silent` is not below `max_per_address`.
  ProbeQueue(size_t max_per_address, size_t max_at_silent)
      : max_per_address_(max_per_address), max_at_silent_(max_at_silent) {}

  void push(const ProbeAddress& address, Wanted wanted);
  /// The probe whose turn it is; none if nobody who waits has room. Give it back to release().
  std::optional<Taken> take();
  /// `taken` is over: its address has room for another. Once for each.
  void release(const Taken& taken);

  /// Something of the host of `taken` was heard.
  void heard(const Taken& taken);
  /// `taken`, a TCP connection, was not made in time. Before its release().
  void silent(const Taken& taken);
  /// Takes out all who wait and are to be concluded as silent, after what silent() was told.
  std::vector<Wanted> take_concluded();

  size_t waiting() const { return waiting_; }
  size_t under_way() const { return under_way_; }

 private:
  struct AtAddress {
    std::list<Wanted> waiting;
    size_t under_way = 0;
    size_t room = 0;
    bool in_turns = false;  ///< stands in `turns_`, once; perhaps in vain by now
    // The numbers of the latest events at the host, from the same count as those of the probes.
    uint64_t heard_at = 0;
    uint64_t silent_at = 0;
    std::map<uint16_t, uint64_t> silent_ports;  ///< since it was heard
  };

  static uint64_t many_silent_at(const AtAddress& at);
  void offer_turn(Addresses::iterator place);
  void erase_if_idle(Addresses::iterator place);
  void remember_silent(Addresses::iterator place);

  size_t max_per_address_;
  size_t max_at_silent_;
  Addresses addresses_;
  std::deque<Addresses::iterator> turns_;
  std::set<ProbeAddress> doubtful_;   ///< where silent() has been told since take_concluded()
  std::set<ProbeAddress> silent_;     ///< hosts with room for max_at_silent_
  std::deque<ProbeAddress> silent_since_;  ///< the same, the oldest first; some were heard since
  uint64_t last_number_ = 0;
  size_t waiting_ = 0;
  size_t under_way_ = 0;
};

}  // namespace callbook::net
