// Faults that make clients look dead, or be dead, in numbers.

#include <algorithm>

#include <fmt/format.h>

#include "sim/faults.h"
#include "sim/provider.h"

namespace callbook::sim {
namespace {

constexpr int64_t kLeastPauseMs = 500;
constexpr int64_t kUsualPauseMs = 5'000;
constexpr int64_t kMostPauseMs = 30'000;

}  // namespace

void Faults::begin_liveness_fault(Fault kind) {
  Provider* provider = nullptr;
  switch (kind) {
    case Fault::kServiceKilled:
      tell(kind, "most processes of a service");
      return population_.strike_service(Population::Blow::kKilled);
    case Fault::kServiceLost:
      tell(kind, "most machines of a service");
      return population_.strike_service(Population::Blow::kMachinesLost);
    case Fault::kServiceCutOff:
      return cut_service_off();
    case Fault::kRequestsLost:
      return lose_requests();
    default:
      provider = population_.any_provider();
  }
  if (provider == nullptr || !provider->running()) return;
  if (kind == Fault::kClientPaused) {
    const int64_t for_ms = random_.chance(0.6) ? random_.between(kLeastPauseMs, kUsualPauseMs)
                                               : random_.between(kLeastPauseMs, kMostPauseMs);
    tell(kind, fmt::format("client {}: {} ms", provider->client(), for_ms));
    provider->pause(for_ms);
    return;
  }
  tell(kind, fmt::format("client {}", provider->client()));
  provider->close_port(random_.chance(0.7));
  remedies_.after(random_.between(5'000, 90'000), [provider] { provider->open_ports(); });
}

void Faults::cut_service_off() {
  const bool every_node = random_.chance(0.6);
  const size_t of_node = random_.index(world_.nodes().size());
  const std::vector<ClientId> clients = population_.most_of_a_service();
  if (clients.empty()) return;
  const std::string what = tell_clients_cut(Fault::kServiceCutOff, clients, every_node, of_node);
  // Mostly for longer than it takes to be removed.
  cut(what, paths_of(clients, every_node, of_node),
      random_.chance(0.3) ? draw_outage_ms() : random_.between(30'000, 200'000));
}

void Faults::lose_requests() {
  const RegistryNode& node = any_node();
  const double share = static_cast<double>(random_.between(18, 35)) / 100;
  tell(Fault::kRequestsLost,
       fmt::format("{}: {} of 100", node.name(), static_cast<int>(share * 100)));
  observer_.link_changed(node.name() + " loses requests", false);
  world_.clients().lose_requests(node.index(), share);
  remedies_.after(random_.between(10'000, 90'000), [this, &node] {
    world_.clients().lose_requests(node.index(), 0);
    observer_.link_changed(node.name() + " loses requests", true);
  });
}

}  // namespace callbook::sim
