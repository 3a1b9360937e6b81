// Faults of the network: bad links, dead directions, partitions.

#include <algorithm>

#include <fmt/format.h>

#include "sim/faults.h"

namespace callbook::sim {
namespace {

constexpr int64_t kLeastTroubleMs = 2'000;
constexpr int64_t kMostTroubleMs = 35'000;

std::string_view name_of(Links::Kind kind) {
  switch (kind) {
    case Links::Kind::kClient:
      return "clients";
    case Links::Kind::kBus:
      return "bus";
    case Links::Kind::kPeer:
      return "nodes";
  }
  return "links";
}

}  // namespace

void Faults::begin_network_fault(Fault kind) {
  switch (kind) {
    case Fault::kHalfOpen:
      return cut_half_open();
    case Fault::kPartitionNodeBus:
      return part_node_from_bus();
    case Fault::kPartitionNodeNode:
      return part_nodes();
    case Fault::kPartitionClientNode:
      return part_clients();
    default:
      return trouble_messages(kind);
  }
}

void Faults::trouble_messages(Fault kind) {
  const auto links = static_cast<Links::Kind>(random_.index(Links::kKinds));
  Links::Trouble& trouble = world_.links().trouble(links);
  const double share = static_cast<double>(random_.between(2, 50)) / 100;
  std::function<void()> end;
  if (kind == Fault::kMessageDelayed) {
    constexpr int64_t kDelaysMs[] = {100, 1'000, 5'000};
    trouble.delayed = share;
    trouble.delay_ms = kDelaysMs[random_.index(std::size(kDelaysMs))];
    end = [&trouble] { trouble.delayed = 0; };
  } else if (kind == Fault::kMessageLost) {
    trouble.lost = share;
    end = [&trouble] { trouble.lost = 0; };
  } else if (kind == Fault::kMessageRepeated) {
    trouble.repeated = share;
    end = [&trouble] { trouble.repeated = 0; };
  } else {
    trouble.reordered = share;
    end = [&trouble] { trouble.reordered = 0; };
  }
  tell(kind, fmt::format("{} of 100 messages between nodes and {}", static_cast<int>(share * 100),
                         name_of(links)));
  remedies_.after(random_.between(kLeastTroubleMs, kMostTroubleMs), std::move(end));
}

void Faults::cut(const std::string& what, const Paths& paths, int64_t for_ms) {
  for (const auto& [from, to] : paths) world_.links().cut(from, to);
  observer_.link_changed(what, false);
  remedies_.after(for_ms, [this, what, paths] {
    for (const auto& [from, to] : paths) world_.links().mend(from, to);
    observer_.link_changed(what, true);
  });
}

void Faults::cut_half_open() {
  const RegistryNode& node = any_node();
  const Endpoint here = Links::node(node.index());
  Endpoint there = here;
  std::string other;
  const std::vector<ClientId> clients = world_.clients().known_clients();
  const int64_t roll = random_.between(1, 3);
  if (roll == 1 && world_.bus() != nullptr) {
    there = world_.links().bus();
    other = "bus";
  } else if (roll == 2 && world_.nodes().size() > 1) {
    const RegistryNode& peer = any_node();
    if (peer.index() == node.index()) return;
    there = Links::node(peer.index());
    other = peer.name();
  } else if (!clients.empty()) {
    const ClientId client = clients[random_.index(clients.size())];
    there = world_.links().client(client);
    other = fmt::format("client {}", client);
  } else {
    return;
  }
  const bool outward = random_.chance(0.5);
  const std::string what = fmt::format("{} {} {}", node.name(), outward ? "-x->" : "<-x-", other);
  tell(Fault::kHalfOpen, what);
  cut(what, {outward ? std::make_pair(here, there) : std::make_pair(there, here)},
      draw_outage_ms());
}

void Faults::part_node_from_bus() {
  const Endpoint bus = world_.links().bus();
  const bool all = random_.chance(0.2);
  const size_t first = random_.index(world_.nodes().size());
  Paths paths;
  std::string names;
  for (const auto& node : world_.nodes()) {
    if (!all && node->index() != first) continue;
    const Endpoint here = Links::node(node->index());
    paths.insert(paths.end(), {{here, bus}, {bus, here}});
    names += node->name() + " ";
  }
  const std::string what = fmt::format("{}| bus", names);
  tell(Fault::kPartitionNodeBus, what);
  cut(what, paths, draw_outage_ms());
}

void Faults::part_nodes() {
  const size_t count = world_.nodes().size();
  if (count < 2) return;
  std::vector<bool> left(count);
  for (size_t i = 0; i < count; ++i) left[i] = random_.chance(0.5);
  const size_t loner = random_.index(count);
  if (random_.chance(0.5)) left.assign(count, false);
  left[loner] = true;
  left[(loner + 1 + random_.index(count - 1)) % count] = false;
  Paths paths;
  std::string sides[2];
  for (size_t a = 0; a < count; ++a) {
    sides[left[a] ? 0 : 1] += world_.nodes()[a]->name() + " ";
    for (size_t b = 0; b < count; ++b) {
      if (left[a] != left[b]) paths.emplace_back(Links::node(a), Links::node(b));
    }
  }
  const std::string what = fmt::format("{}| {}", sides[0], sides[1]);
  const int64_t for_ms = draw_outage_ms();
  tell(Fault::kPartitionNodeNode, what);
  cut(what, paths, for_ms);
  // Alone for real: without the bus too.
  if (!settings_.faults[static_cast<size_t>(Fault::kPartitionNodeBus)] || !random_.chance(0.4)) {
    return;
  }
  const Endpoint here = Links::node(loner);
  const Endpoint bus = world_.links().bus();
  const std::string apart = fmt::format("{} | bus", world_.nodes()[loner]->name());
  tell(Fault::kPartitionNodeBus, apart);
  cut(apart, {{here, bus}, {bus, here}}, for_ms);
}

void Faults::part_clients() {
  const std::vector<ClientId> clients = world_.clients().known_clients();
  if (clients.empty()) return;
  const bool every_node = random_.chance(0.3);
  const bool one_client = random_.chance(0.3);
  const double share = random_.chance(0.5) ? 1.0 : 0.4;
  const size_t of_node = random_.index(world_.nodes().size());
  const ClientId chosen = clients[random_.index(clients.size())];
  std::vector<ClientId> parted;
  for (const ClientId client : clients) {
    if (one_client ? client == chosen : random_.chance(share)) parted.push_back(client);
  }
  if (parted.empty()) return;
  const std::string what =
      tell_clients_cut(Fault::kPartitionClientNode, parted, every_node, of_node);
  cut(what, paths_of(parted, every_node, of_node), draw_outage_ms());
}

std::string Faults::tell_clients_cut(Fault kind, const std::vector<ClientId>& clients,
                                     bool every_node, size_t of_node) {
  std::string what = "clients ";
  for (const ClientId client : clients) what += fmt::format("{} ", client);
  what += "| " + (every_node ? "every node" : world_.nodes()[of_node]->name());
  tell(kind, what);
  return what;
}

Faults::Paths Faults::paths_of(const std::vector<ClientId>& clients, bool every_node,
                               size_t of_node) const {
  Paths paths;
  for (const ClientId client : clients) {
    for (const auto& node : world_.nodes()) {
      if (!every_node && node->index() != of_node) continue;
      const Endpoint here = Links::node(node->index());
      const Endpoint there = world_.links().client(client);
      paths.insert(paths.end(), {{here, there}, {there, here}});
    }
  }
  return paths;
}

}  // namespace callbook::sim
