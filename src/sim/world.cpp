#include "sim/world.h"

#include <string_view>

#include "base/hash.h"

namespace callbook::sim {
namespace {

constexpr uint64_t kRandomOfLinks = 101;
constexpr uint64_t kRandomOfBus = 102;
constexpr uint64_t kRandomOfClients = 103;
constexpr uint64_t kRandomOfNodes = 200;
constexpr int64_t kLongestStartDelayMs = 500;

uint64_t hash_records(const core::Registry& registry, uint64_t hash) {
  core::Registry::DumpCursor cursor;
  core::RecordBatch records;
  registry.dump(cursor, SIZE_MAX / 2, records);
  for (size_t i = 0; i < records.size(); ++i) {
    const auto item = records[i];
    hash = base::xxh64(item.value, base::xxh64(item.key, hash ^ item.version));
  }
  return hash;
}

uint64_t hash_lists(const core::PublishedCatalog& catalog, uint64_t hash) {
  for (uint32_t slot = 0; slot < catalog.slots(); ++slot) {
    const core::ServiceViewPtr& view = catalog.at(slot);
    if (!view) continue;
    hash = base::xxh64(view->key.name, hash ^ view->version) ^ view->digest;
  }
  return hash;
}

}  // namespace

World::World(Scheduler& scheduler, Observer& observer, const Settings& settings)
    : scheduler_(scheduler),
      random_(settings.seed),
      links_(scheduler, settings.nodes, random_.child(kRandomOfLinks)),
      around_{scheduler, links_, observer, settings, nullptr, nullptr, {}, {}},
      clients_(around_, random_.child(kRandomOfClients)) {
  if (settings.nodes > 1) {
    bus_ = std::make_unique<Bus>(scheduler, links_, settings, random_.child(kRandomOfBus));
  }
  around_.bus = bus_.get();
  around_.clients = &clients_;
  for (size_t i = 0; i < settings.nodes; ++i) {
    around_.nodes.push_back(
        std::make_unique<RegistryNode>(i, around_, random_.child(kRandomOfNodes + i)));
  }
}

World::~World() = default;

void World::start() {
  for (const auto& node : around_.nodes) {
    scheduler_.after(random_.between(0, kLongestStartDelayMs), [to = node.get()] { to->start(); });
  }
}

uint64_t World::state_hash() {
  uint64_t hash = scheduler_.events_run();
  for (const auto& node : around_.nodes) {
    const NodeProcess* process = node->process();
    if (process == nullptr) continue;
    hash = hash_records(process->registry(), base::mix64(hash + node->index()));
    hash = hash_lists(process->catalog(), hash);
  }
  return hash;
}

}  // namespace callbook::sim
