#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/input.h"
#include "sdk/backoff.h"
#include "sim/checkers.h"
#include "sim/client_port.h"
#include "sim/random.h"
#include "sim/scheduler.h"
#include "sim/settings.h"

namespace callbook::sim {

/// A person with scripts: registers, changes and removes persistent instances, behind which the
/// registry sees no process, at whichever node answers. Each call is tried again, elsewhere, until
/// it is acknowledged as was asked, or given up after many tries.
class Operator {
 public:
  Operator(Scheduler& scheduler, ClientPort& port, Random random, const Settings& settings,
           Checkers& checkers, ClientId client, std::vector<KeyIndex> keys);

  void start();
  /// Changes one of the instances, if none of the earlier changes of it is under way.
  void change_one();

  uint64_t operations() const { return operations_; }
  uint64_t state_hash() const;

 private:
  struct Item {
    KeyIndex key = 0;
    uint32_t rev = 0;
    bool wanted = false;
    bool busy = false;
    core::Ack ack = core::Ack::kLocal;
    uint32_t tries = 0;
    core::Stamp after;
  };

  void attempt(size_t index);
  void answered(size_t index, OperationIndex number, core::Stamp after,
                const ClientPort::Answer& answer);
  core::RegisterInstance registration_of(const Item& item) const;

  Scheduler& scheduler_;
  ClientPort& port_;
  Random random_;
  const Settings& settings_;
  Checkers& checkers_;
  const ClientId client_;
  ProcessNumber process_ = kNobody;
  std::vector<Item> items_;
  uint64_t operations_ = 0;
};

}  // namespace callbook::sim
