#include "sim/observer.h"

namespace callbook::sim {

namespace {

std::string_view name_of_liveness(Fault fault) {
  switch (fault) {
    case Fault::kClientPaused:
      return "client_paused";
    case Fault::kPortClosed:
      return "port_closed";
    case Fault::kServiceKilled:
      return "service_killed";
    case Fault::kServiceCutOff:
      return "service_cut_off";
    case Fault::kServiceLost:
      return "service_lost";
    case Fault::kRequestsLost:
      return "requests_lost";
    default:
      return "unknown";
  }
}

}  // namespace

std::string_view name_of(Fault fault) {
  switch (fault) {
    case Fault::kMessageDelayed:
      return "message_delayed";
    case Fault::kMessageLost:
      return "message_lost";
    case Fault::kMessageRepeated:
      return "message_repeated";
    case Fault::kMessageReordered:
      return "message_reordered";
    case Fault::kHalfOpen:
      return "half_open";
    case Fault::kPartitionNodeBus:
      return "partition_node_bus";
    case Fault::kPartitionNodeNode:
      return "partition_node_node";
    case Fault::kPartitionClientNode:
      return "partition_client_node";
    case Fault::kProcessKilled:
      return "process_killed";
    case Fault::kPowerLost:
      return "power_lost";
    case Fault::kPaused:
      return "paused";
    case Fault::kClockStepped:
      return "clock_stepped";
    case Fault::kDiskFull:
      return "disk_full";
    case Fault::kDiskSyncFailed:
      return "disk_sync_failed";
    case Fault::kSlowConsumer:
      return "slow_consumer";
    case Fault::kMassDeployment:
      return "mass_deployment";
    case Fault::kMassDeath:
      return "mass_death";
    case Fault::kRestartOfAll:
      return "restart_of_all";
    case Fault::kBusStalled:
      return "bus_stalled";
    case Fault::kBusDropped:
      return "bus_dropped";
    case Fault::kBusRepeated:
      return "bus_repeated";
    case Fault::kBusTailLost:
      return "bus_tail_lost";
    case Fault::kBusForked:
      return "bus_forked";
    case Fault::kBusRecreated:
      return "bus_recreated";
    case Fault::kBusCompacted:
      return "bus_compacted";
    case Fault::kNewerNode:
      return "newer_node";
    default:
      return name_of_liveness(fault);
  }
}

}  // namespace callbook::sim
