#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/registry.h"
#include "sim/observer.h"
#include "sim/scheduler.h"
#include "sim/settings.h"

namespace callbook::sim {

/// How the nodes and what connects them have fared: which run, and since when nothing has stood in
/// the way of each. A checker may demand the more the longer a node was untroubled.
///
/// What a fault or a link concerns is read from its description, by the nodes' names; one that
/// names none concerns all.
class Conditions {
 public:
  Conditions(const Scheduler& scheduler, const Settings& settings);

  // As the observer hears it.
  void fault(Fault kind, std::string_view what);
  void node_started(size_t index);
  void node_died(size_t index);
  void node_paused(size_t node, int64_t for_ms);
  void phase_changed(size_t index, core::Phase phase);
  void link_changed(std::string_view what, bool up);
  void faults_ended();
  void name_node(size_t node, std::string name);

  size_t node_count() const { return nodes_.size(); }
  bool running(size_t node) const { return nodes_[node].running; }
  core::Phase phase(size_t node) const { return nodes_[node].phase; }
  /// Answers its clients: serving, or stale.
  bool answering(size_t index) const;
  bool serving(size_t node) const {
    return running(node) && nodes_[node].phase == core::Phase::kServing;
  }
  /// When the present phase began.
  int64_t phase_since_ms(size_t node) const { return nodes_[node].phase_since_ms; }
  int64_t started_ms(size_t node) const { return nodes_[node].started_ms; }
  /// Since when this process of the node has answered its clients, or kNever.
  int64_t answering_since_ms(size_t node) const { return nodes_[node].answering_since_ms; }
  /// When the node last rejoined as new, having been out of touch for too long, or kLongAgo.
  int64_t rejoined_ms(size_t node) const { return nodes_[node].rejoined_ms; }
  /// When any did.
  int64_t last_rejoined_ms() const;
  /// Whether those who heard something `since_ms` ago may have forgotten it for its age, while a
  /// node was apart that never heard it and has come back.
  bool outlived(int64_t since_ms, const core::Timing& timing) const {
    return last_rejoined_ms() - since_ms >= timing.rejoin_ms;
  }
  void rejoined_as_new(size_t node) { nodes_[node].rejoined_ms = scheduler_.now_ms(); }
  /// Since when the node has been serving, awake, and connected to all others and to the bus, while
  /// the bus did what it should; kNever while it is not so.
  int64_t untroubled_since_ms(size_t index) const;
  bool untroubled_for(size_t index, int64_t span_ms) const;
  /// Since when the node has been serving, awake, and connected to all other nodes, whatever the
  /// bus and the clients do; kNever while it is not so.
  int64_t hears_nodes_since_ms(size_t index) const;
  /// The same of all nodes.
  bool calm_for(int64_t span_ms) const;
  /// Whether what its process has accepted may not be on its disk.
  bool disk_failed(size_t node) const { return nodes_[node].disk_failed_ms != INT64_MAX; }
  /// Whether the death of a node that is reported now cost its machine its caches.
  bool power_lost_now(size_t index) const;
  /// When the bus last began to do something that it should not, or kLongAgo.
  int64_t bus_fault_ms() const { return bus_fault_ms_; }
  /// When faults ended, or kNever.
  int64_t faults_ended_ms() const { return faults_ended_ms_; }
  const std::string& name(size_t node) const { return nodes_[node].name; }
  /// The node of this name hash (core::NodeId), or node_count().
  size_t node_of(core::NodeId id) const;

 private:
  struct Node {
    std::string name;
    core::NodeId id = 0;
    bool running = false;
    int64_t disk_failed_ms = INT64_MAX;  ///< the disk refused writes in or before this process
    core::Phase phase = core::Phase::kLoading;
    int64_t started_ms = 0;
    int64_t phase_since_ms = 0;
    int64_t answering_since_ms = INT64_MAX;
    int64_t rejoined_ms = kLongAgo;
    int64_t power_lost_ms = -1;
    /// What stood in its way: of all kinds, and of those between nodes alone.
    struct Way {
      int64_t trouble_until_ms = 0;
      uint32_t links_down = 0;
    };
    Way any;
    Way to_nodes;
  };

  template <typename Visit>
  void for_each_concerned(std::string_view what, Visit visit);
  static void trouble(Node& node, bool of_nodes, int64_t until_ms);
  int64_t since_ms(size_t index, const Node::Way& way) const;

  const Scheduler& scheduler_;
  std::vector<Node> nodes_;
  int64_t bus_fault_ms_;
  int64_t faults_ended_ms_;
};

}  // namespace callbook::sim
