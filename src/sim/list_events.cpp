#include "sim/list_events.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/cause.h"

namespace callbook::sim {
namespace {

sdk::Instance to_sdk(const core::ListEntry& entry, const core::Interner& interner) {
  const core::Instance& from = entry.instance();
  const core::PackedBody body(from.packed(), interner);
  sdk::Instance to;
  to.id = from.id();
  to.address = from.address();
  to.port = from.port();
  to.zone = body.zone();
  to.weight = from.weight();
  to.state = core::name_of(entry.state());
  body.for_each_port(
      [&](std::string_view name, uint16_t port) { to.ports.emplace(std::string(name), port); });
  body.for_each_metadata([&](std::string_view name, std::string_view value) {
    to.metadata.emplace(std::string(name), std::string(value));
  });
  return to;
}

sdk::Emptiness emptiness_of(const core::ServiceView* view) {
  sdk::Emptiness empty;
  if (view != nullptr) {
    for (uint8_t cause = 0; cause < core::kCauseCount; ++cause) {
      const uint32_t count = view->departures[cause];
      if (count == 0) continue;
      empty.causes.emplace(std::string(core::name_of(static_cast<core::Cause>(cause))), count);
    }
  }
  empty.reason = empty.causes.empty() ? "never_registered" : "all_left";
  return empty;
}

/// The last change of each id above `from`, in the order of their versions.
std::vector<const core::Change*> last_changes(const core::DeltaWindow& window, uint64_t from) {
  std::vector<const core::Change*> changes;
  window.for_each_after(from, [&](const core::Change& change) { changes.push_back(&change); });
  std::stable_sort(changes.begin(), changes.end(),
                   [](const core::Change* a, const core::Change* b) {
                     return a->id != b->id ? a->id < b->id : a->version > b->version;
                   });
  const auto same_id = [](const core::Change* a, const core::Change* b) { return a->id == b->id; };
  changes.erase(std::unique(changes.begin(), changes.end(), same_id), changes.end());
  std::stable_sort(
      changes.begin(), changes.end(),
      [](const core::Change* a, const core::Change* b) { return a->version < b->version; });
  return changes;
}

}  // namespace

ListEvent make_snapshot(const core::ServiceKey& service, const core::ServiceView* view,
                        const core::Owed& owed, size_t most) {
  ListEvent made;
  sdk::SnapshotPart part;
  part.service = service.name;
  part.part = owed.first ? 1 : 2;
  made.end =
      view == nullptr || view->list.visit_after(owed.after, [&](const core::ListEntry& entry) {
        if (part.instances.size() >= most) return false;
        part.instances.push_back(to_sdk(entry, *view->interner));
        made.last = entry.id();
        return true;
      });
  made.complete = made.end && owed.may_complete;
  if (made.complete) part.digest = view == nullptr ? 0 : view->digest;
  if (view == nullptr || view->list.empty()) part.empty = emptiness_of(view);
  made.event.snapshot = std::move(part);
  return made;
}

ListEvent make_delta(const core::ServiceView& view, const core::Owed& owed, size_t most) {
  const std::vector<const core::Change*> changes = last_changes(view.window, owed.from);
  ListEvent made;
  sdk::Delta delta;
  delta.service = view.key.name;
  size_t taken = 0;
  for (; taken < changes.size() && taken < most; ++taken) {
    const core::Change& change = *changes[taken];
    if (change.gone) {
      delta.gone.push_back({change.id, std::string(core::name_of(change.cause))});
      continue;
    }
    const core::ListEntry* entry = view.list.find(change.id);
    delta.put.push_back({to_sdk(*entry, *view.interner), std::string(core::name_of(change.cause))});
  }
  made.complete = taken == changes.size();
  made.to = made.complete ? view.version : changes[taken - 1]->version;
  if (made.complete) delta.digest = view.digest;
  made.event.delta = std::move(delta);
  return made;
}

}  // namespace callbook::sim
