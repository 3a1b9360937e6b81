#pragma once

#include <cstdint>
#include <string_view>

#include "core/output.h"
#include "core/registry.h"
#include "core/service_view.h"

namespace callbook::sim {

/// Kinds of faults; every run counts how often each began.
enum class Fault : uint8_t {
  kMessageDelayed,
  kMessageLost,
  kMessageRepeated,
  kMessageReordered,
  kHalfOpen,  // one direction of a link is dead
  kPartitionNodeBus,
  kPartitionNodeNode,
  kPartitionClientNode,
  kProcessKilled,  // kill -9: the machine's caches survive
  kPowerLost,      // unsynced bytes are lost or torn
  kPaused,         // SIGSTOP for 1-30 s
  kClockStepped,   // up to an hour either way, scaled with the record age
  kDiskFull,
  kDiskSyncFailed,
  kSlowConsumer,
  kMassDeployment,
  kMassDeath,
  kRestartOfAll,
  kBusStalled,
  kBusDropped,
  kBusRepeated,
  kBusTailLost,
  kBusForked,
  kBusRecreated,
  kBusCompacted,
  kNewerNode,  // a node of the next release writes a facet that this one does not know
  // Of those that are not heard of: in seeds with probes alone.
  kClientPaused,   // SIGSTOP of a provider's process
  kPortClosed,     // a provider's process no longer listens at one of its ports
  kServiceKilled,  // most processes of one service, at once
  kServiceCutOff,  // most machines of one service can't be reached, though their processes live
  kServiceLost,    // most machines of one service lose power
  kRequestsLost,   // a node under pressure answers some requests with nothing
  kCount
};

/// Those from here on are drawn apart from the others, so that seeds without probes stay as they
/// are.
inline constexpr Fault kFirstOfLiveness = Fault::kClientPaused;

std::string_view name_of(Fault fault);

/// One step of a node's core: what it was given, and what came of it.
struct Step {
  const core::Registry& registry;
  const core::Input& input;
  bool accepted = false;
  base::Now now;
  const core::Outputs& out;
};

/// Sees what nobody inside the simulation can see: all of it, at true time. The world calls it as
/// things happen; checkers implement it. `node` is a node's index.
class Observer {
 public:
  virtual ~Observer() = default;

  virtual void fault(Fault kind, std::string_view what) = 0;
  virtual void node_started(size_t node, uint64_t boot) = 0;  ///< a process begins, loading
  virtual void node_died(size_t node) = 0;
  virtual void node_paused(size_t node, int64_t for_ms) = 0;
  virtual void phase_changed(size_t node, core::Phase phase) = 0;
  /// What node `node` serves of a service from now on (null view: the service is forgotten there).
  virtual void published(size_t node, const core::ServicePublished& change) = 0;
  /// After each step of a node's core.
  virtual void stepped(size_t node, const Step& step) = 0;
  virtual void link_changed(std::string_view what, bool up) = 0;
  /// From now on no fault begins, all have ended, every node runs and every link is up.
  virtual void faults_ended() = 0;
};

}  // namespace callbook::sim
