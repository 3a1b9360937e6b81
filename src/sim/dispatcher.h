#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/input.h"
#include "sim/checkers.h"
#include "sim/client_port.h"
#include "sim/random.h"
#include "sim/scheduler.h"
#include "sim/settings.h"

namespace callbook::sim {

/// A person who moves traffic: isolates instances, gives them other weights, and restores them, at
/// whichever node answers. One thing at a time; each is tried again, elsewhere, until it is
/// acknowledged as logged, or given up.
class Dispatcher {
 public:
  Dispatcher(Scheduler& scheduler, ClientPort& port, Random random, const Settings& settings,
             Checkers& checkers, ClientId client);

  /// From now on releases a breaker now and then, and takes instances out, where operators do.
  void start();
  /// Changes what is said of one instance, if nothing is under way.
  void change_one();

  uint64_t operations() const { return operations_; }
  uint64_t state_hash() const;

 private:
  struct Said {
    KeyIndex key = 0;
    core::Stamp after;
  };

  void release_later();
  core::Input draw_wish(const Said& said);
  void exclude_later();
  void exclude_one();
  void attempt();
  void answered(const ClientPort::Answer& answer);
  Said& said_of(KeyIndex key);

  Scheduler& scheduler_;
  ClientPort& port_;
  Random random_;
  Random releases_random_;
  Random exclusions_random_;
  const Settings& settings_;
  Checkers& checkers_;
  const ClientId client_;
  std::vector<Said> said_;
  std::vector<KeyIndex> taken_out_;  ///< and not restored since, as far as it was told
  core::Input wish_;
  KeyIndex key_ = 0;
  uint32_t tries_ = 0;
  bool busy_ = false;
  uint64_t operations_ = 0;
};

}  // namespace callbook::sim
