#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/checkers.h"
#include "sim/client_port.h"
#include "sim/random.h"
#include "sim/scheduler.h"
#include "sim/settings.h"

namespace callbook::sim {

class Claimant;
class Consumer;
class Dispatcher;
class Operator;
class Provider;
struct ProviderPlan;

/// All who use the registry: providers that come, change and go, consumers that watch, an operator
/// with persistent instances. Draws what they do, until shortly after the faults have ended; from
/// then on they only keep alive what there is.
class Population {
 public:
  Population(Scheduler& scheduler, ClientPort& port, Random random, const Settings& settings,
             Checkers& checkers);
  ~Population();
  Population(const Population&) = delete;
  Population& operator=(const Population&) = delete;

  void start();
  /// Many providers are replaced by new processes at about the same time.
  void mass_deployment();
  /// Many providers die at the same moment; most come back after a while.
  void mass_death();
  // Of one service: most of those who offer it.
  enum class Blow : uint8_t { kKilled, kMachinesLost };
  /// They die at once; some come back.
  void strike_service(Blow blow);
  /// The machines of most of those who offer some service.
  std::vector<ClientId> most_of_a_service();
  /// A provider that runs, or null.
  Provider* any_provider();
  /// One consumer reads so slowly for a while that events wait in front of it.
  void slow_consumer();

  /// Registrations, deregistrations and session calls begun; heartbeats not counted.
  uint64_t operations() const;
  uint64_t state_hash() const;

 private:
  /// A place where one provider runs after another, under the same instance ids.
  struct Site {
    ClientId client = 0;
    std::unique_ptr<ProviderPlan> plan;
    Provider* running = nullptr;  ///< the present process, if it has not been ended
    uint64_t restarts = 0;        ///< a restart that was planned before another one is void
  };

  void make_sites();
  void make_lapsing_sites();
  bool is_lapsing(const Site& site) const { return &site >= sites_.data() + settings_.providers; }
  void end_lapsing_later(Site& site);
  void make_operators();
  void make_consumers();
  void schedule_operation();
  void operate();
  void launch(Site& site);
  void rename_items(Site& site);
  void launch_later(Site& site, int64_t delay_ms);
  void end(Site& site, bool with_machine);
  void deploy(Site& site);
  void launch_rival(Site& site);
  bool over() const;
  Site& any_site();

  Scheduler& scheduler_;
  ClientPort& port_;
  Random random_;
  Random lapsing_random_;
  const Settings& settings_;
  Checkers& checkers_;
  std::vector<Site> sites_;
  std::vector<std::unique_ptr<Provider>> providers_;  ///< every process there ever was
  std::vector<std::unique_ptr<Consumer>> consumers_;
  std::vector<std::unique_ptr<Operator>> operators_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::unique_ptr<Claimant> claimant_;  ///< null where nobody claims so
  ClientId next_client_ = 0;
};

}  // namespace callbook::sim
