#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/bus.h"
#include "sim/client_network.h"
#include "sim/links.h"
#include "sim/node.h"
#include "sim/observer.h"
#include "sim/scheduler.h"
#include "sim/settings.h"
#include "sim/surroundings.h"

namespace callbook::sim {

/// The machines of a simulation and all that connects them.
class World {
 public:
  /// `scheduler`, `observer` and `settings` must outlive it.
  World(Scheduler& scheduler, Observer& observer, const Settings& settings);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// Powers the nodes on, not quite at once.
  void start();

  Links& links() { return links_; }
  /// Null where a registry stands alone.
  Bus* bus() { return bus_.get(); }
  ClientNetwork& clients() { return clients_; }
  std::vector<std::unique_ptr<RegistryNode>>& nodes() { return around_.nodes; }
  /// What the driver found to be wrong by itself, or empty.
  const std::string& broken() const { return around_.broken; }
  /// 64 bits over every node's records and lists.
  uint64_t state_hash();

 private:
  Scheduler& scheduler_;
  Random random_;
  Links links_;
  std::unique_ptr<Bus> bus_;
  Surroundings around_;
  ClientNetwork clients_;
};

}  // namespace callbook::sim
