// Faults of the bus, and the node of the next release that writes to it.

#include <algorithm>

#include <fmt/format.h>

#include "core/record_codec.h"
#include "sim/faults.h"

namespace callbook::sim {
namespace {

constexpr int64_t kLeastTroubleMs = 1'000;
constexpr int64_t kMostTroubleMs = 30'000;
constexpr int64_t kMostLostVersions = 40;
constexpr uint8_t kTagOfNewerFacet = 200;
constexpr core::NodeId kNewerNode = 0xFEEDu;

/// What a node of the next release writes of a record: the record, and a facet of its own.
std::string as_newer_node(const BusEntry& entry, const Faults::NewerRecord& record) {
  return core::with_unknown_section(entry.key, entry.value, record.tag, record.stamp, record.bytes);
}

}  // namespace

void Faults::begin_bus_fault(Fault kind) {
  Bus& bus = *world_.bus();
  const int64_t for_ms = random_.between(kLeastTroubleMs, kMostTroubleMs);
  const int64_t percent = random_.between(5, 60);
  const double share = static_cast<double>(percent) / 100;
  // A bus process that starts anew breaks its connections; one that fails over may not.
  const bool breaks = random_.chance(0.5);
  switch (kind) {
    case Fault::kBusStalled:
      tell(kind, fmt::format("{} ms", for_ms));
      bus.stall();
      return remedies_.after(for_ms, [&bus] { bus.unstall(); });
    case Fault::kBusDropped:
      tell(kind, fmt::format("{} %", percent));
      bus.set_dropping(share);
      return remedies_.after(for_ms, [&bus] { bus.set_dropping(0); });
    case Fault::kBusRepeated:
      tell(kind, fmt::format("{} %", percent));
      bus.set_repeating(share);
      return remedies_.after(for_ms, [&bus] { bus.set_repeating(0); });
    case Fault::kBusTailLost: {
      const int64_t count = random_.between(1, kMostLostVersions);
      tell(kind, fmt::format("{} versions", count));
      bus.lose_tail(static_cast<uint64_t>(count));
      break;
    }
    case Fault::kBusForked:
      return fork_bus();
    case Fault::kBusRecreated: {
      const bool both = random_.chance(0.6);
      const auto one = static_cast<core::Stream>(random_.index(core::kStreamCount));
      tell(kind, both ? "both streams" : "one stream");
      if (both || one == core::Stream::kTied) bus.recreate(core::Stream::kTied);
      if (both || one == core::Stream::kLasting) bus.recreate(core::Stream::kLasting);
      break;
    }
    case Fault::kBusCompacted:
      tell(kind, "now");
      return bus.compact();
    default:
      return publish_as_newer_node();
  }
  if (breaks) bus.break_connections();
}

void Faults::fork_bus() {
  Bus& bus = *world_.bus();
  std::vector<size_t> astray;
  std::string names;
  for (const auto& node : world_.nodes()) {
    if (!random_.chance(0.5)) continue;
    astray.push_back(node->index());
    names += node->name() + " ";
  }
  if (astray.empty() || bus.forked()) return;
  tell(Fault::kBusForked, fmt::format("{}are led astray", names));
  bus.fork(astray);
  const bool breaks = random_.chance(0.5);
  remedies_.after(random_.between(kLeastTroubleMs, kMostTroubleMs), [&bus, breaks] {
    bus.join();
    if (breaks) bus.break_connections();
  });
}

void Faults::publish_as_newer_node() {
  Bus& bus = *world_.bus();
  const auto entry = bus.any_entry();
  if (!entry) return;
  NewerRecord record;
  record.key = entry->second->key;
  record.tag = static_cast<uint8_t>(kTagOfNewerFacet + random_.index(3));
  record.stamp = {static_cast<uint64_t>(kEpochWallMs + scheduler_.now_ms()) << 16, kNewerNode};
  record.bytes = fmt::format("facet {:016x}", random_.bits());
  std::string value = as_newer_node(*entry->second, record);
  if (value.empty()) return;
  tell(Fault::kNewerNode, "a facet that this release does not know");
  bus.publish_for_stranger(entry->first, record.key, std::move(value));
  if (on_newer_record_) on_newer_record_(record);
}

}  // namespace callbook::sim
