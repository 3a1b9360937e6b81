#include "sim/faults.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

constexpr int64_t kLeastQuietStartMs = 5'000;
constexpr int64_t kHourMs = 3'600'000;

}  // namespace

Faults::Faults(Scheduler& scheduler, World& world, Population& population, Observer& observer,
               const Settings& settings, Random random, OnNewerRecord on_newer_record)
    : scheduler_(scheduler),
      world_(world),
      population_(population),
      observer_(observer),
      settings_(settings),
      random_(random),
      on_newer_record_(std::move(on_newer_record)),
      remedies_(scheduler) {
  for (size_t i = 0; i < settings.faults.size(); ++i) {
    if (!settings.faults[i]) continue;
    kinds_.push_back(static_cast<Fault>(i));
    // Few among many: the more often each.
    if (static_cast<Fault>(i) >= kFirstOfLiveness) kinds_.push_back(static_cast<Fault>(i));
  }
}

void Faults::start() {
  scheduler_.at(settings_.duration_ms, [this] { end_all(); });
  if (kinds_.empty()) return;
  // Some seeds have trouble from the first moment.
  const int64_t first_ms = random_.chance(0.3) ? 0 : kLeastQuietStartMs;
  scheduler_.after(first_ms, [this] { schedule_next(); });
}

void Faults::schedule_next() {
  const int64_t mean_ms = settings_.fault_every_ms;
  // Half of the waits are short, so that faults overlap.
  const int64_t wait_ms = random_.chance(0.5) ? random_.between(0, mean_ms / 2)
                                              : random_.between(mean_ms / 2, mean_ms * 5 / 2);
  scheduler_.after(wait_ms, [this] {
    if (over_) return;
    begin(kinds_[random_.index(kinds_.size())]);
    schedule_next();
  });
}

void Faults::begin(Fault kind) {
  switch (kind) {
    case Fault::kMessageDelayed:
    case Fault::kMessageLost:
    case Fault::kMessageRepeated:
    case Fault::kMessageReordered:
    case Fault::kHalfOpen:
    case Fault::kPartitionNodeBus:
    case Fault::kPartitionNodeNode:
    case Fault::kPartitionClientNode:
      return begin_network_fault(kind);
    case Fault::kProcessKilled:
    case Fault::kPowerLost:
    case Fault::kPaused:
    case Fault::kClockStepped:
    case Fault::kDiskFull:
    case Fault::kDiskSyncFailed:
    case Fault::kRestartOfAll:
      return begin_node_fault(kind);
    case Fault::kSlowConsumer:
    case Fault::kMassDeployment:
    case Fault::kMassDeath:
      return begin_load_fault(kind);
    case Fault::kClientPaused:
    case Fault::kPortClosed:
    case Fault::kServiceKilled:
    case Fault::kServiceCutOff:
    case Fault::kServiceLost:
    case Fault::kRequestsLost:
      return begin_liveness_fault(kind);
    default:
      if (world_.bus() != nullptr) begin_bus_fault(kind);
  }
}

void Faults::end_all() {
  over_ = true;
  remedies_.apply_all();
  for (const auto& node : world_.nodes()) node->start();
  observer_.faults_ended();
}

void Faults::tell(Fault kind, std::string_view what) {
  ++counts_[static_cast<size_t>(kind)];
  observer_.fault(kind, what);
}

int64_t Faults::draw_outage_ms() {
  const int64_t roll = random_.between(1, 100);
  if (roll <= 55) return random_.between(500, 10'000);
  if (roll <= 90) return random_.between(10'000, 40'000);
  if (settings_.timing.record_age_ms > kHourMs) return random_.between(40'000, 120'000);
  const int64_t longest_ms = settings_.timing.record_age_ms * 5 / 2;
  return random_.between(settings_.timing.rejoin_ms / 2, longest_ms);
}

RegistryNode* Faults::any_running_node() {
  std::vector<RegistryNode*> running;
  for (const auto& node : world_.nodes()) {
    if (node->running() && !node->paused()) running.push_back(node.get());
  }
  return running.empty() ? nullptr : running[random_.index(running.size())];
}

void Faults::begin_load_fault(Fault kind) {
  if (kind == Fault::kMassDeployment) {
    tell(kind, "many providers at once");
    population_.mass_deployment();
  } else if (kind == Fault::kMassDeath) {
    tell(kind, "many providers at once");
    population_.mass_death();
  } else {
    slow_client_down();
    population_.slow_consumer();
  }
}

void Faults::slow_client_down() {
  const std::vector<ClientId> watching = world_.clients().watching_clients();
  if (watching.empty()) return tell(Fault::kSlowConsumer, "a consumer to come");
  const ClientId client = watching[random_.index(watching.size())];
  const int64_t per_event_ms = random_.between(100, 1'500);
  tell(Fault::kSlowConsumer, fmt::format("client {}: {} ms an event", client, per_event_ms));
  world_.clients().slow_down(client, per_event_ms);
  remedies_.after(random_.between(5'000, 60'000),
                  [this, client] { world_.clients().slow_down(client, 0); });
}

}  // namespace callbook::sim
