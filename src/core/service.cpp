#include "core/service.h"

#include <algorithm>

#include "base/check.h"

namespace callbook::core {
namespace {

/// What consumers see of an instance that is seen as `seen`, and of which its provider says `said`.
InstanceState state_of(ProviderState said, InstanceState seen) {
  switch (said) {
    case ProviderState::kUp:
      return seen;
    case ProviderState::kStarting:
      return InstanceState::kStarting;
    case ProviderState::kNotReady:
      return InstanceState::kNotReady;
    case ProviderState::kFailing:
      return InstanceState::kFailing;
  }
  return seen;
}

/// A map that is about to change: a copy, if a published view may hold the present one.
template <typename Map>
Map& to_change(std::shared_ptr<Map>& map, bool& published) {
  if (!map) map = std::make_shared<Map>();
  if (published) map = std::make_shared<Map>(*map);
  published = false;
  return *map;
}

}  // namespace

Service::Service(uint32_t index, ServiceKeyView key, const Interner& interner, bool recording,
                 uint64_t before)
    : index_(index), key_(key), interner_(interner), recording_(recording) {
  window_.reset(before);
}

Service::~Service() {
  // Published lists may outlive the service; they hold bins, so the bin takes over what is live.
  list_.for_each(
      [this](const ListEntry& entry) { bin_->retire(Instance::Ptr(&entry.instance())); });
}

const Instance* Service::find_live(std::string_view id) const {
  const ListEntry* entry = list_.find(id);
  return entry == nullptr ? nullptr : &entry->instance();
}

const Instance* Service::find_waiting(std::string_view id) const {
  if (waiting_.empty()) return nullptr;
  const auto found = waiting_.find(id);
  return found == waiting_.end() ? nullptr : found->second.get();
}

const Tombstone* Service::find_tombstone(std::string_view id) const {
  const auto found = tombstones_.find(id);
  return found == tombstones_.end() ? nullptr : &found->second;
}

Tombstone* Service::mutable_tombstone(std::string_view id) {
  const auto found = tombstones_.find(id);
  return found == tombstones_.end() ? nullptr : &found->second;
}

void Service::put_live(Instance::Ptr instance, Cause cause, uint64_t version) {
  const Instance& added = *instance;
  if (!tombstones_.empty()) forget_tombstone(added.id());
  if (!waiting_.empty()) waiting_.erase(std::string(added.id()));
  forget_withdrawn(added.id());

  const ListEntry entry(instance.release(), state_for(added));
  const std::optional<ListEntry> replaced = list_.put(entry);
  uint64_t replaced_part = 0;
  if (replaced) {
    count(*replaced, false);
    replaced_part = replaced->digest_part();
    bin_->retire(Instance::Ptr(&replaced->instance()));
  }
  count(entry, true);
  const uint64_t part = entry.digest_part();
  digest_ += part - replaced_part;
  if (!replaced || part != replaced_part) note(added.id(), cause, Change::Kind::kPut, version);
}

void Service::set_state(std::string_view id, InstanceState state, Cause cause, uint64_t version) {
  const ListEntry* present = list_.find(id);
  CALLBOOK_CHECK(present != nullptr);
  const ListEntry entry(&present->instance(), state);
  digest_ += entry.digest_part() - present->digest_part();
  count(*present, false);
  count(entry, true);
  list_.put(entry);
  note(id, cause, Change::Kind::kState, version);
}

const Override* Service::find_override(std::string_view id) const {
  if (!overrides_) return nullptr;
  const auto found = overrides_->find(id);
  return found == overrides_->end() ? nullptr : &found->second;
}

Overrides& Service::mutable_overrides() {
  return to_change(overrides_, overrides_published_);
}

void Service::put_override(std::string_view id, Override said) {
  mutable_overrides().insert_or_assign(std::string(id), std::move(said));
}

void Service::drop_override(std::string_view id) {
  if (find_override(id) == nullptr) return;
  Overrides& overrides = mutable_overrides();
  overrides.erase(overrides.find(id));
  if (overrides.empty()) overrides_.reset();
}

const ProviderStatus* Service::find_status(std::string_view id) const {
  if (!statuses_) return nullptr;
  const auto found = statuses_->find(id);
  return found == statuses_->end() ? nullptr : &found->second;
}

bool Service::put_status(std::string_view id, ProviderStatus status) {
  const ProviderStatus* present = find_status(id);
  const bool none = status == ProviderStatus();
  if (none ? present == nullptr : present != nullptr && *present == status) return false;
  Statuses& statuses = to_change(statuses_, statuses_published_);
  changed_ = true;  // the text is shown, though no list differs by it
  if (!none) {
    statuses.insert_or_assign(std::string(id), std::move(status));
    return true;
  }
  statuses.erase(statuses.find(id));
  if (statuses.empty()) statuses_.reset();
  return true;
}

Standing Service::standing() const {
  return {up_, std::max(static_cast<uint32_t>(list_.size()), breaker_.whole().largest())};
}

int64_t Service::drain_until_wall_ms(std::string_view id) const {
  if (!drains_) return 0;
  const auto found = drains_->find(id);
  return found == drains_->end() ? 0 : found->second;
}

void Service::set_drain(std::string_view id, int64_t until_wall_ms) {
  if (until_wall_ms != 0) {
    if (!drains_) drains_ = std::make_unique<std::map<std::string, int64_t, std::less<>>>();
    drains_->insert_or_assign(std::string(id), until_wall_ms);
    return;
  }
  if (!drains_) return;
  const auto found = drains_->find(id);
  if (found != drains_->end()) drains_->erase(found);
  if (drains_->empty()) drains_.reset();
}

InstanceState Service::state_if(const Instance& instance, InstanceState seen) const {
  const Override* said = find_override(instance.id());
  if (said != nullptr && said->set && said->out_of_service) {
    if (!said->exclusion) return InstanceState::kOutOfService;
    if (instance.excluded) return InstanceState::kDraining;  // and behind that not listed at all
  }
  if (drain_until_wall_ms(instance.id()) != 0) return InstanceState::kDraining;
  if (!statuses_ || seen == InstanceState::kDown) return seen;
  const ProviderStatus* own = find_status(instance.id());
  return own == nullptr ? seen : state_of(own->state, seen);
}

bool Service::set_health(const Instance& instance, Health health, Cause cause, uint64_t version) {
  const ListEntry* present = list_.find(instance.id());
  const bool listed = present != nullptr && &present->instance() == &instance;
  if (listed) count(*present, false);
  instance.health = health;
  instance.answers = cause == Cause::kCheckFailed;
  if (!listed) return false;
  count(*present, true);
  if (state_for(instance) == present->state()) return false;
  set_state(instance.id(), state_for(instance), cause, version);
  return true;
}

void Service::recount(const ListEntry& entry) {
  count(entry, false);
  count(entry, true);
}

/// What the breaker counts: all but those that are not meant to be called, or surely can't be. What
/// is said of an instance counts though `down` hides it: an instance that counted only while it is
/// down would trip the breaker that, by protecting it, makes it uncounted, and so on.
void Service::count(const ListEntry& entry, bool in) {
  if (entry.state() == InstanceState::kUp) up_ += in ? 1 : -1;
  const Instance& instance = entry.instance();
  if (in) instance.withheld = is_withheld(state_if(instance, InstanceState::kUp));
  if (instance.withheld) return;
  const Health health = instance.health;
  meant_ += in ? 1 : -1;
  if (fails(health)) failing_ += in ? 1 : -1;
  if (health == Health::kRefused) return;
  const bool silent = is_unreachable(health) && !instance.answers;
  const PackedBody body(instance.packed(), interner_);
  if (in) {
    breaker_.add(body.zone(), silent);
  } else {
    breaker_.remove(body.zone(), silent);
  }
}

bool Service::all_fail_if(const Instance& one) const {
  constexpr uint32_t kLeast = 3;
  const ListEntry* entry = list_.find(one.id());
  const bool meant = entry != nullptr && &entry->instance() == &one && !one.withheld;
  if (!meant || meant_ < kLeast) return false;
  return failing_ + (fails(one.health) ? 0 : 1) == meant_;
}

uint32_t Service::weight_for(std::string_view id, uint32_t registered) const {
  const Override* said = find_override(id);
  return said != nullptr && said->set ? said->weight.value_or(registered) : registered;
}

void Service::put_waiting(Instance::Ptr instance, Cause cause, uint64_t version) {
  const std::string id(instance->id());
  forget_tombstone(id);
  forget_withdrawn(id);
  if (find_live(id) != nullptr) {
    note(id, cause, Change::Kind::kGone, version);
    take_from_list(id);
  }
  waiting_.insert_or_assign(id, std::move(instance));
  if (cause == Cause::kNone) return;
  if (!withdrawn_) withdrawn_ = std::make_unique<std::map<std::string, Cause, std::less<>>>();
  withdrawn_->emplace(id, cause);
  ++departures_[index_of(cause)];
}

void Service::forget_withdrawn(std::string_view id) {
  if (!withdrawn_) return;
  const auto found = withdrawn_->find(id);
  if (found == withdrawn_->end()) return;
  --departures_[index_of(found->second)];
  withdrawn_->erase(found);
  if (withdrawn_->empty()) withdrawn_.reset();
}

void Service::admit_waiting(std::string_view id, Cause cause, uint64_t version) {
  const auto found = waiting_.find(id);
  CALLBOOK_CHECK(found != waiting_.end());
  Instance::Ptr instance = std::move(found->second);
  waiting_.erase(found);
  put_live(std::move(instance), cause, version);
}

void Service::put_tombstone(std::string_view id, Tombstone tombstone, uint64_t version) {
  forget_tombstone(id);
  forget_withdrawn(id);
  if (find_live(id) != nullptr) {
    note(id, tombstone.cause, Change::Kind::kGone, version);
    take_from_list(id);
  } else if (const auto waiting = waiting_.find(id); waiting != waiting_.end()) {
    waiting_.erase(waiting);
  }
  if (tombstone.kind != RegistrationKind::kNone) ++departures_[index_of(tombstone.cause)];
  tombstones_.emplace(std::string(id), tombstone);
}

void Service::drop_tombstone(std::string_view id) {
  forget_tombstone(id);
}

void Service::take_from_list(std::string_view id) {
  const std::optional<ListEntry> removed = list_.erase(id);
  CALLBOOK_CHECK(removed.has_value());
  count(*removed, false);
  digest_ -= removed->digest_part();
  bin_->retire(Instance::Ptr(&removed->instance()));
}

void Service::forget_tombstone(std::string_view id) {
  const auto found = tombstones_.find(id);
  if (found == tombstones_.end()) return;
  const Tombstone& tombstone = found->second;
  if (tombstone.kind != RegistrationKind::kNone) --departures_[index_of(tombstone.cause)];
  tombstones_.erase(found);
}

void Service::note(std::string_view id, Cause cause, Change::Kind kind, uint64_t version) {
  CALLBOOK_CHECK(!recording_ || version > version_);
  version_ = std::max(version_, version);
  changed_ = true;
  if (recording_) window_.append(Change{version, std::string(id), cause, kind}, list_.size());
}

void Service::start_window(uint64_t version) {
  window_.reset(version);
  version_ = std::max(version_, version);
  recording_ = true;
  changed_ = true;
}

ServiceViewPtr Service::publish() {
  auto view = std::make_shared<ServiceView>();
  view->index = index_;
  view->key = key_;
  view->version = version_;
  view->digest = digest_;
  view->list = list_.share();
  view->window = window_.window();
  view->departures = departures_;
  view->overrides = overrides_;
  overrides_published_ = overrides_ != nullptr;
  view->statuses = statuses_;
  statuses_published_ = statuses_ != nullptr;
  view->standing = standing();
  view->interner = &interner_;
  auto next = std::make_shared<RetireBin>();
  view->bin = next;
  bin_->follow(next);
  bin_ = std::move(next);
  changed_ = false;
  return view;
}

}  // namespace callbook::core
