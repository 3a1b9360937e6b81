#pragma once

#include <cstdint>
#include <optional>

#include "core/input.h"
#include "sim/checkers.h"
#include "sim/client_port.h"
#include "sim/random.h"
#include "sim/scheduler.h"

namespace callbook::sim {

/// Scripts that register by mistake, without a session and elsewhere, under an id that a living
/// process holds. Each is a process of its own that ends with the answer, and does not insist. It
/// asks the node that has answered the holder just now, so that it is refused but for accidents.
class Claimant {
 public:
  Claimant(Scheduler& scheduler, ClientPort& port, Random random, Checkers& checkers,
           ClientId client);

  /// From now on claims an id now and then, until the faults end.
  void start();
  uint64_t operations() const { return operations_; }

 private:
  struct Place {
    KeyIndex key = kNobody;
    size_t node = 0;
  };

  void claim_later();
  void claim(const Place& place);
  std::optional<Place> draw_held();
  std::optional<size_t> keeper_of(KeyIndex key) const;
  core::RegisterInstance registration_of(KeyIndex key, uint32_t rev, ProcessNumber process) const;

  Scheduler& scheduler_;
  ClientPort& port_;
  Random random_;
  Checkers& checkers_;
  const ClientId client_;
  uint64_t operations_ = 0;
};

}  // namespace callbook::sim
