#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/bus.h"
#include "sim/client_end.h"
#include "sim/links.h"
#include "sim/observer.h"
#include "sim/scheduler.h"
#include "sim/settings.h"

namespace callbook::sim {

class NodeProcess;
class RegistryNode;

/// What a registry node finds around it. Owned by the world, which outlives its nodes.
struct Surroundings {
  Scheduler& scheduler;
  Links& links;
  Observer& observer;
  const Settings& settings;
  Bus* bus = nullptr;            ///< null for a registry that stands alone
  ClientEnd* clients = nullptr;  ///< set before the first process starts
  std::vector<std::unique_ptr<RegistryNode>> nodes;
  std::string
      broken;  ///< what must never happen whatever the faults, in the driver's own judgement
};

}  // namespace callbook::sim
