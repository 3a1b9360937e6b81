#include "sim/listings.h"

#include <fmt/format.h>

#include "sim/number.h"

namespace callbook::sim {
Listings::Listings(const Scheduler& scheduler, const Truth& truth, size_t nodes)
    : scheduler_(scheduler), truth_(truth), nodes_(nodes) {}

void Listings::node_started(size_t index, uint64_t boot) {
  Node& node = nodes_[index];
  std::vector<History> former = std::move(node.former);
  if (former.size() == kFormerKept) former.erase(former.begin());
  former.push_back(std::move(node.history));
  node = Node();
  node.former = std::move(former);
  node.history.boot = boot;
}

void Listings::node_died(size_t index) {
  Node& node = nodes_[index];
  node.shelves.clear();
  node.service_at.clear();
  node.by_key.clear();
}

const std::vector<ListChange>& Listings::take(size_t index, const core::ServicePublished& change) {
  Node& node = nodes_[index];
  changes_.clear();
  last_service_.reset();
  if (change.view) {
    last_service_ = truth_.find_service(change.view->key);
    if (!last_service_) {
      error_ =
          fmt::format("publishes service '{}', which nobody registered", change.view->key.name);
      return changes_;
    }
    if (node.service_at.size() <= change.index) node.service_at.resize(change.index + 1, kNobody);
    node.service_at[change.index] = *last_service_;
  } else {
    if (change.index >= node.service_at.size()) return changes_;
    const uint32_t service = node.service_at[change.index];
    if (service == kNobody) return changes_;
    last_service_ = service;
    node.service_at[change.index] = kNobody;
  }
  const uint32_t service = *last_service_;
  if (node.shelves.size() <= service) node.shelves.resize(service + 1);
  if (node.history.services.size() <= service) node.history.services.resize(service + 1);
  node.by_key.resize(truth_.key_count());

  Shelf& shelf = node.shelves[service];
  fresh_.clear();
  if (change.view) read_entries(*change.view, service, shelf);
  compare(index, shelf, change.view.get());
  std::swap(shelf.entries, fresh_);
  shelf.view = change.view;
  auto& shown = node.history.services[service];
  const uint64_t last_version = shown.empty() ? 0 : shown.back().version;
  const uint64_t version = change.view ? change.view->version : last_version;
  const uint64_t digest = change.view ? change.view->digest : 0;
  shown.push_back({version, digest, scheduler_.now_ms()});
  return changes_;
}

void Listings::read_entries(const core::ServiceView& view, uint32_t service, const Shelf& before) {
  auto old = before.entries.begin();
  view.list.for_each([&](const core::ListEntry& from) {
    const core::Instance& instance = from.instance();
    // Both are in the order of ids. A replaced instance lives on as long as the view that names it.
    while (old != before.entries.end() && old->instance->id() < instance.id()) ++old;
    if (old != before.entries.end() && old->instance == &instance) {
      fresh_.push_back(*old);
      fresh_.back().state = from.state();
      fresh_.back().listing.state = from.state();
      return;
    }
    Entry entry{&instance, from.state(), 0, {}};
    if (read_listing(view, from, service, entry)) fresh_.push_back(entry);
  });
}

bool Listings::read_listing(const core::ServiceView& view, const core::ListEntry& from,
                            uint32_t service, Entry& entry) {
  const core::Instance& instance = from.instance();
  const auto key = truth_.find_key(service, instance.id());
  if (!key) {
    error_ = fmt::format("lists '{}' of service '{}', which nobody registered", instance.id(),
                         view.key.name);
    return false;
  }
  std::optional<uint32_t> rev;
  std::optional<uint32_t> owner;
  const core::PackedBody body(instance.packed(), *view.interner);
  body.for_each_metadata([&](std::string_view name, std::string_view value) {
    if (name == "rev") rev = number_in(value);
    if (name == "owner") owner = number_in(value);
  });
  if (!rev || !owner) {
    error_ = fmt::format("lists '{}' of service '{}' with a body that nobody sent", instance.id(),
                         view.key.name);
    return false;
  }
  entry.key = *key;
  entry.listing = {*rev,
                   *owner,
                   instance.stamp,
                   scheduler_.now_ms(),
                   scheduler_.now_ms(),
                   instance.weight(),
                   from.state()};
  return true;
}

void Listings::compare(size_t index, const Shelf& before, const core::ServiceView* view) {
  Node& node = nodes_[index];
  auto old = before.entries.begin();
  auto now = fresh_.begin();
  while (old != before.entries.end() || now != fresh_.end()) {
    const bool only_old = now == fresh_.end() || (old != before.entries.end() &&
                                                  old->instance->id() < now->instance->id());
    const bool only_new =
        !only_old && (old == before.entries.end() || now->instance->id() < old->instance->id());
    if (only_old) {
      leave(index, *old++);
      continue;
    }
    if (only_new) {
      node.by_key[now->key] = {true, now->listing};
      changes_.push_back({index, now->key, std::nullopt, now->listing, core::Cause::kNone});
      ++now;
      continue;
    }
    if (old->instance != now->instance) {
      Listing former = old->listing;
      former.stamp = old->instance->stamp;
      now->listing.since_ms = former.since_ms;
      if (now->listing.rev == former.rev) now->listing.rev_since_ms = former.rev_since_ms;
      node.by_key[now->key] = {true, now->listing};
      changes_.push_back({index, now->key, former, now->listing, core::Cause::kNone});
    } else if (old->state != now->state) {
      node.by_key[now->key] = {true, now->listing};
    }
    ++old;
    ++now;
  }
  if (!changes_.empty() && view != nullptr && before.view) find_causes(*before.view, *view);
}

void Listings::leave(size_t index, const Entry& entry) {
  Listing former = entry.listing;
  former.stamp = entry.instance->stamp;
  nodes_[index].by_key[entry.key] = {false, former};
  changes_.push_back({index, entry.key, former, std::nullopt, core::Cause::kNone});
}

void Listings::find_causes(const core::ServiceView& before, const core::ServiceView& after) {
  if (before.version < after.window.floor()) return;
  after.window.for_each_after(before.version, [&](const core::Change& change) {
    if (change.kind != core::Change::Kind::kGone) return;
    for (ListChange& left : changes_) {
      if (!left.after && truth_.key(left.key).key.id == change.id) left.cause = change.cause;
    }
  });
}

std::optional<Listing> Listings::find(size_t index, KeyIndex key) const {
  const Node& node = nodes_[index];
  if (key >= node.by_key.size() || !node.by_key[key].first) return std::nullopt;
  return node.by_key[key].second;
}

uint64_t Listings::digest(size_t index, uint32_t service) const {
  const Node& node = nodes_[index];
  if (service >= node.shelves.size() || !node.shelves[service].view) return 0;
  return node.shelves[service].view->digest;
}

size_t Listings::size(size_t index, uint32_t service) const {
  const Node& node = nodes_[index];
  return service < node.shelves.size() ? node.shelves[service].entries.size() : 0;
}

const Listings::History* Listings::history(size_t index, uint64_t boot) const {
  const Node& node = nodes_[index];
  if (node.history.boot == boot) return &node.history;
  for (const History& former : node.former) {
    if (former.boot == boot) return &former;
  }
  return nullptr;
}

}  // namespace callbook::sim
