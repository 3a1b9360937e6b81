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
  const std::vector<core::LastChange> changes = core::last_changes(view.window, owed.from);
  ListEvent made;
  sdk::Delta delta;
  delta.service = view.key.name;
  size_t taken = 0;
  for (; taken < changes.size() && taken < most; ++taken) {
    const core::Change& change = *changes[taken].change;
    const std::string cause(core::name_of(change.cause));
    if (changes[taken].kind == core::Change::Kind::kGone) {
      delta.gone.push_back({change.id, cause});
      continue;
    }
    const core::ListEntry* entry = view.list.find(change.id);
    if (changes[taken].kind == core::Change::Kind::kState) {
      delta.states.push_back({change.id, std::string(core::name_of(entry->state())), cause});
    } else {
      delta.put.push_back({to_sdk(*entry, *view.interner), cause});
    }
  }
  made.complete = taken == changes.size();
  made.to = made.complete ? view.version : changes[taken - 1].version;
  if (made.complete) delta.digest = view.digest;
  made.event.delta = std::move(delta);
  return made;
}

}  // namespace callbook::sim
