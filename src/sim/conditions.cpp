#include "sim/conditions.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/hybrid_clock.h"
#include "sim/truth.h"

namespace callbook::sim {
namespace {

/// How long after its beginning a fault whose end is not told may go on.
constexpr int64_t kLongestFaultMs = 40'000;
constexpr int64_t kLongestDiskFaultMs = 60'000;

bool names(std::string_view what, std::string_view name) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  for (size_t at = what.find(name); at != std::string_view::npos; at = what.find(name, at + 1)) {
    const size_t end = at + name.size();
    if (end == what.size() || !digit(what[end])) return true;  // node-1 is not node-12
  }
  return false;
}

/// Whether what is described is between a node and something else than a node.
bool spares_nodes(std::string_view what) {
  return what.find("bus") != std::string_view::npos ||
         what.find("client") != std::string_view::npos;
}

bool of_bus(Fault kind) {
  return kind >= Fault::kBusStalled && kind <= Fault::kBusCompacted;
}

/// Whether the fault may keep nodes from hearing, for a while that nothing else tells. Cuts, pauses
/// and deaths are told apart from it.
bool hinders(Fault kind) {
  switch (kind) {
    case Fault::kMessageDelayed:
    case Fault::kMessageLost:
    case Fault::kMessageRepeated:
    case Fault::kMessageReordered:
      return true;
    default:
      return of_bus(kind) && kind != Fault::kBusCompacted;
  }
}

}  // namespace

Conditions::Conditions(const Scheduler& scheduler, const Settings& settings)
    : scheduler_(scheduler),
      nodes_(settings.nodes),
      bus_fault_ms_(kLongAgo),
      faults_ended_ms_(kNever) {
  for (size_t i = 0; i < nodes_.size(); ++i) name_node(i, fmt::format("node-{}", i + 1));
}

void Conditions::name_node(size_t node, std::string name) {
  if (nodes_[node].name == name) return;
  nodes_[node].id = core::node_id_of(name);
  nodes_[node].name = std::move(name);
}

size_t Conditions::node_of(core::NodeId id) const {
  const auto found =
      std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.id == id; });
  return static_cast<size_t>(found - nodes_.begin());
}

template <typename Visit>
void Conditions::for_each_concerned(std::string_view what, Visit visit) {
  bool any = false;
  for (Node& node : nodes_) {
    if (!names(what, node.name)) continue;
    any = true;
    visit(node);
  }
  if (any) return;
  for (Node& node : nodes_) visit(node);
}

void Conditions::trouble(Node& node, bool of_nodes, int64_t until_ms) {
  node.any.trouble_until_ms = std::max(node.any.trouble_until_ms, until_ms);
  if (!of_nodes) return;
  node.to_nodes.trouble_until_ms = std::max(node.to_nodes.trouble_until_ms, until_ms);
}

void Conditions::fault(Fault kind, std::string_view what) {
  const int64_t now_ms = scheduler_.now_ms();
  if (of_bus(kind)) bus_fault_ms_ = now_ms;
  for_each_concerned(of_bus(kind) ? std::string_view() : what, [&](Node& node) {
    const bool of_nodes = !of_bus(kind) && !spares_nodes(what);
    if (hinders(kind)) trouble(node, of_nodes, now_ms + kLongestFaultMs);
    if (kind == Fault::kDiskFull || kind == Fault::kDiskSyncFailed) node.disk_failed_ms = now_ms;
    if (kind == Fault::kPowerLost) node.power_lost_ms = now_ms;
  });
}

void Conditions::node_started(size_t index) {
  Node& node = nodes_[index];
  node.running = true;
  if (scheduler_.now_ms() - node.disk_failed_ms > kLongestDiskFaultMs) node.disk_failed_ms = kNever;
  node.started_ms = scheduler_.now_ms();
  phase_changed(index, core::Phase::kLoading);
}

void Conditions::node_died(size_t index) {
  nodes_[index].running = false;
}

void Conditions::node_paused(size_t node, int64_t for_ms) {
  trouble(nodes_[node], true, scheduler_.now_ms() + for_ms);
}

void Conditions::phase_changed(size_t index, core::Phase phase) {
  Node& node = nodes_[index];
  node.phase = phase;
  node.phase_since_ms = scheduler_.now_ms();
  if (!answering(index)) {
    node.answering_since_ms = kNever;
  } else if (node.answering_since_ms == kNever) {
    node.answering_since_ms = scheduler_.now_ms();
  }
  trouble(node, true, scheduler_.now_ms());
}

void Conditions::link_changed(std::string_view what, bool up) {
  for_each_concerned(what, [&](Node& node) {
    const bool of_nodes = !spares_nodes(what);
    for (Node::Way* way : {&node.any, &node.to_nodes}) {
      if (way == &node.to_nodes && !of_nodes) continue;
      if (!up) {
        ++way->links_down;
      } else if (way->links_down > 0) {
        --way->links_down;
      }
    }
    trouble(node, of_nodes, scheduler_.now_ms());
  });
}

void Conditions::faults_ended() {
  faults_ended_ms_ = scheduler_.now_ms();
  for (Node& node : nodes_) {
    node.any = {scheduler_.now_ms(), 0};
    node.to_nodes = node.any;
  }
}

bool Conditions::answering(size_t index) const {
  const Node& node = nodes_[index];
  return node.running && (node.phase == core::Phase::kServing || node.phase == core::Phase::kStale);
}

int64_t Conditions::since_ms(size_t index, const Node::Way& way) const {
  const bool well = serving(index) && way.links_down == 0;
  return well && way.trouble_until_ms <= scheduler_.now_ms() ? way.trouble_until_ms : kNever;
}

int64_t Conditions::untroubled_since_ms(size_t index) const {
  return since_ms(index, nodes_[index].any);
}

int64_t Conditions::hears_nodes_since_ms(size_t index) const {
  return since_ms(index, nodes_[index].to_nodes);
}

bool Conditions::untroubled_for(size_t index, int64_t span_ms) const {
  const int64_t since_ms = untroubled_since_ms(index);
  return since_ms != kNever && scheduler_.now_ms() - since_ms >= span_ms;
}

bool Conditions::calm_for(int64_t span_ms) const {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!untroubled_for(i, span_ms)) return false;
  }
  return true;
}

int64_t Conditions::last_rejoined_ms() const {
  int64_t last_ms = kLongAgo;
  for (const Node& node : nodes_) last_ms = std::max(last_ms, node.rejoined_ms);
  return last_ms;
}

bool Conditions::power_lost_now(size_t index) const {
  return nodes_[index].power_lost_ms == scheduler_.now_ms();
}

}  // namespace callbook::sim
