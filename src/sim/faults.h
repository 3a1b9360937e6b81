#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/observer.h"
#include "sim/population.h"
#include "sim/random.h"
#include "sim/remedies.h"
#include "sim/settings.h"
#include "sim/world.h"

namespace callbook::sim {

/// What may go wrong in a seed, when, and for how long. Draws a fault now and then until the
/// settings' duration is over; then ends all of them.
class Faults {
 public:
  using Counts = std::array<uint64_t, static_cast<size_t>(Fault::kCount)>;
  /// A record that a newer node has published: its key, and what it was given besides.
  struct NewerRecord {
    std::string key;
    uint8_t tag = 0;
    core::Stamp stamp;
    std::string bytes;
  };
  using OnNewerRecord = std::function<void(const NewerRecord&)>;

  Faults(Scheduler& scheduler, World& world, Population& population, Observer& observer,
         const Settings& settings, Random random, OnNewerRecord on_newer_record);

  void start();
  /// How often each kind began.
  const Counts& counts() const { return counts_; }

 private:
  using Paths = std::vector<std::pair<Endpoint, Endpoint>>;

  void schedule_next();
  void begin(Fault kind);
  void end_all();

  // Each group in its own file: faults_network.cpp, faults_node.cpp, faults_bus.cpp.
  void begin_network_fault(Fault kind);
  void begin_node_fault(Fault kind);
  void begin_bus_fault(Fault kind);
  void begin_load_fault(Fault kind);

  void trouble_messages(Fault kind);
  void cut_half_open();
  void part_node_from_bus();
  void part_nodes();
  void part_clients();
  void cut(const std::string& what, const Paths& paths, int64_t for_ms);

  /// Of some clients from one node, or from every one: says so, in words that it returns; the
  /// paths.
  std::string tell_clients_cut(Fault kind, const std::vector<ClientId>& clients, bool every_node,
                               size_t of_node);
  Paths paths_of(const std::vector<ClientId>& clients, bool every_node, size_t of_node) const;

  void kill_one(Fault kind);
  void cut_power(RegistryNode& node);
  void restart_later(RegistryNode& node, int64_t delay_ms);
  void pause_one();
  void step_clock();
  void fail_disk(Fault kind);
  void restart_all();

  // Of those that are not heard of: faults_liveness.cpp.
  void begin_liveness_fault(Fault kind);
  void cut_service_off();
  void lose_requests();

  void fork_bus();
  void publish_as_newer_node();
  void slow_client_down();

  void tell(Fault kind, std::string_view what);
  /// Mostly seconds; sometimes so long that records age meanwhile.
  int64_t draw_outage_ms();
  RegistryNode& any_node() { return *world_.nodes()[random_.index(world_.nodes().size())]; }
  /// Null if none runs undisturbed.
  RegistryNode* any_running_node();

  Scheduler& scheduler_;
  World& world_;
  Population& population_;
  Observer& observer_;
  const Settings& settings_;
  Random random_;
  const OnNewerRecord on_newer_record_;
  Remedies remedies_;
  std::vector<Fault> kinds_;  ///< that may happen
  Counts counts_{};
  bool over_ = false;
};

}  // namespace callbook::sim
