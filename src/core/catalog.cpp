#include "core/catalog.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace callbook::core {

Catalog::Catalog(SessionTable& sessions, LeaseWheel& leases)
    : sessions_(sessions), leases_(leases) {}
Catalog::~Catalog() = default;

Service* Catalog::find(ServiceKeyView key) const {
  const auto found = index_of_.find(key);
  return found == index_of_.end() ? nullptr : services_[found->second].get();
}

Service& Catalog::find_or_add(ServiceKeyView key) {
  if (Service* present = find(key)) return *present;
  uint32_t index;
  if (free_services_.empty()) {
    index = static_cast<uint32_t>(services_.size());
    services_.emplace_back();
  } else {
    index = free_services_.back();
    free_services_.pop_back();
  }
  services_[index] = std::make_unique<Service>(index, key, interner_, recording_);
  index_of_.emplace(ServiceKey(key), index);
  ++service_count_;
  return *services_[index];
}

KeyState Catalog::state_of(const Service& service, std::string_view id) const {
  const Instance* body = service.find_live(id);
  if (body == nullptr) body = service.find_waiting(id);
  if (body != nullptr) return state_of_body(service, *body);
  KeyState state;
  if (const Tombstone* tombstone = service.find_tombstone(id)) {
    state.kind = tombstone->kind;
    state.stamp = tombstone->stamp;
    state.holder = tombstone->holder;
    state.cause = tombstone->cause;
    state.removed_wall_ms = tombstone->removed_wall_ms;
    state.liveness = tombstone->liveness;
  } else {
    state.liveness = idle_liveness(service, id);
  }
  return state;
}

KeyState Catalog::state_of_body(const Service& service, const Instance& body) const {
  KeyState state;
  state.kind = RegistrationKind::kBody;
  state.stamp = body.stamp;
  state.holder = holder_of(body);
  state.body = &body;
  state.liveness = body.holder_kind() == HolderKind::kTtl ? ttl_slots_[body.holder_slot].liveness
                                                          : idle_liveness(service, body.id());
  return state;
}

Liveness Catalog::idle_liveness(const Service& service, std::string_view id) const {
  if (idle_liveness_.empty()) return {};
  const auto idle = idle_liveness_.find({service.index(), std::string(id)});
  return idle == idle_liveness_.end() ? Liveness{} : idle->second;
}

Holder Catalog::holder_of(const Instance& instance) const {
  Holder holder;
  holder.kind = instance.holder_kind();
  if (holder.kind == HolderKind::kSession) holder.session = sessions_.at(instance.holder_slot).id;
  if (holder.kind == HolderKind::kTtl) holder.ttl_ms = ttl_ms(instance);
  return holder;
}

bool Catalog::is_unchanged(const Instance& present, const Holder& holder,
                           const RegistrationView& body) {
  pack_body(body, interner_, packed_);
  return present.same_content(body, packed_) && holder_of(present) == holder;
}

Catalog::HolderState Catalog::holder_state(const Holder& holder, const Liveness& liveness) {
  switch (holder.kind) {
    case HolderKind::kPersistent:
      return HolderState::kAlive;
    case HolderKind::kTtl:
      return liveness.ended ? HolderState::kEnded : HolderState::kAlive;
    case HolderKind::kSession:
      break;
  }
  switch (sessions_.at(sessions_.slot_for(holder.session)).state) {
    case Session::State::kOpen:
      return HolderState::kAlive;
    case Session::State::kEnded:
      return HolderState::kEnded;
    case Session::State::kUnknown:
      break;
  }
  return HolderState::kUnknown;
}

bool Catalog::merge(const InstanceRecord& record, uint64_t version, base::Now now) {
  Service& service = find_or_add(record.service);
  return merge(service, state_of(service, record.id), record, version, now);
}

bool Catalog::merge(Service& service, const KeyState& present, const InstanceRecord& record,
                    uint64_t version, base::Now now) {
  const bool take_registration =
      record.stamp > present.stamp ||
      (record.stamp == present.stamp && present.kind == RegistrationKind::kForgotten &&
       record.kind == RegistrationKind::kBody);
  const bool take_liveness = record.liveness.newer_than(present.liveness);
  if (!take_registration && !take_liveness) {
    forget_if_vacant(service);
    return false;
  }

  const Liveness liveness = take_liveness ? record.liveness : present.liveness;
  const RegistrationKind kind = take_registration ? record.kind : present.kind;
  const Holder holder = take_registration ? record.body.holder : present.holder;
  if (kind != RegistrationKind::kBody) {
    Tombstone tombstone{kind,
                        take_registration ? record.stamp : present.stamp,
                        take_registration ? record.cause : present.cause,
                        take_registration ? record.removed_wall_ms : present.removed_wall_ms,
                        holder,
                        liveness};
    const bool by_liveness =
        kind == RegistrationKind::kNone ||
        (kind == RegistrationKind::kForgotten && holder.kind == HolderKind::kTtl);
    if (by_liveness) {
      // The latest word of its end counts, not the first that happened to arrive.
      tombstone.cause = liveness.cause;
      tombstone.removed_wall_ms = static_cast<int64_t>(liveness.stamp.hlc >> 16);
    }
    bury(service, record.id, tombstone, version);
    return true;
  }

  const HolderState holder_now = holder_state(holder, liveness);
  if (holder_now == HolderState::kEnded) {
    const bool known =
        present.kind == RegistrationKind::kForgotten && present.stamp == record.stamp;
    if (known && !take_liveness) return false;
    Tombstone tombstone = forgotten(holder, liveness);
    tombstone.stamp = take_registration ? record.stamp : present.stamp;
    bury(service, record.id, tombstone, version);
    return true;
  }
  if (take_registration) {
    install(service, make_instance(service, record.id, record.body, record.stamp, version),
            present.body, holder, liveness, holder_now == HolderState::kUnknown, now.mono_ms);
  } else if (holder.kind == HolderKind::kTtl) {
    ttl_slots_[present.body->holder_slot].liveness = liveness;
  } else {
    remember_liveness(service, record.id, holder.kind, liveness);
  }
  return true;
}

Tombstone Catalog::forgotten(const Holder& holder, const Liveness& liveness) {
  Tombstone tombstone;
  tombstone.kind = RegistrationKind::kForgotten;
  tombstone.holder = holder;
  tombstone.liveness = liveness;
  if (holder.kind == HolderKind::kSession) {
    const Session& session = sessions_.at(sessions_.slot_for(holder.session));
    tombstone.cause = session.liveness.cause;
    tombstone.removed_wall_ms = session.ended_wall_ms;
  } else {
    tombstone.cause = liveness.cause;
    tombstone.removed_wall_ms = static_cast<int64_t>(liveness.stamp.hlc >> 16);
  }
  return tombstone;
}

Instance::Ptr Catalog::make_instance(const Service& service, std::string_view id,
                                     const RegistrationView& body, Stamp stamp, uint64_t version) {
  pack_body(body, interner_, packed_);
  Instance::Ptr made = Instance::make(id, body, packed_);
  auto* fresh = const_cast<Instance*>(made.get());  // still private to this function
  fresh->content_hash = content_hash_of(id, body, scratch_);
  fresh->version = version;
  fresh->stamp = stamp;
  fresh->service = service.index();
  return made;
}

void Catalog::install(Service& service, Instance::Ptr instance, const Instance* replaced,
                      const Holder& holder, const Liveness& liveness, bool waiting,
                      int64_t now_ms) {
  const Instance& added = *instance;
  const uint64_t version = added.version;
  if (replaced != nullptr) {
    release_holder(*replaced);
    if (service.find_waiting(added.id()) == nullptr) --instance_count_;
  }
  if (holder.kind == HolderKind::kSession) {
    sessions_.add_instance(sessions_.slot_for(holder.session), added);
  } else if (holder.kind == HolderKind::kTtl) {
    take_ttl_slot(added, holder, liveness, now_ms);
  }
  remember_liveness(service, added.id(), holder.kind, liveness);
  if (waiting) {
    service.put_waiting(std::move(instance), version);
  } else {
    service.put_live(std::move(instance), InstanceState::kUp, Cause::kRegistered, version);
    ++instance_count_;
  }
  touch(service);
}

void Catalog::bury(Service& service, std::string_view id, Tombstone tombstone, uint64_t version) {
  const std::string key(id);  // `id` may point into what is buried
  if (const Instance* live = service.find_live(key)) {
    release_holder(*live);
    --instance_count_;
  } else if (const Instance* waiting = service.find_waiting(key)) {
    release_holder(*waiting);
  }
  remember_liveness(service, key, HolderKind::kTtl, tombstone.liveness);
  ages_.push_back({tombstone.removed_wall_ms, service.index(), key});
  service.put_tombstone(key, tombstone, version);
  touch(service);
}

void Catalog::release_holder(const Instance& instance) {
  if (instance.holder_kind() == HolderKind::kSession) {
    sessions_.remove_instance(instance.holder_slot, instance);
  } else if (instance.holder_kind() == HolderKind::kTtl) {
    leases_.remove(ttl_slots_[instance.holder_slot].lease);
    ttl_slots_[instance.holder_slot] = TtlSlot();
    free_ttl_slots_.push_back(instance.holder_slot);
  }
}

void Catalog::take_ttl_slot(const Instance& instance, const Holder& holder,
                            const Liveness& liveness, int64_t now_ms) {
  uint32_t slot;
  if (free_ttl_slots_.empty()) {
    slot = static_cast<uint32_t>(ttl_slots_.size());
    ttl_slots_.emplace_back();
  } else {
    slot = free_ttl_slots_.back();
    free_ttl_slots_.pop_back();
  }
  const LeaseOwner owner{static_cast<uint8_t>(LeaseKind::kInstance), slot};
  ttl_slots_[slot] = {&instance, liveness, leases_.add(owner, holder.ttl_ms, now_ms)};
  instance.holder_slot = slot;
}

void Catalog::remember_liveness(const Service& service, std::string_view id, HolderKind kind,
                                const Liveness& liveness) {
  const bool elsewhere = kind == HolderKind::kTtl || liveness.epoch == 0;
  if (elsewhere && idle_liveness_.empty()) return;
  std::pair<uint32_t, std::string> key(service.index(), std::string(id));
  if (elsewhere) {
    idle_liveness_.erase(key);
  } else {
    idle_liveness_.insert_or_assign(std::move(key), liveness);
  }
}

uint64_t Catalog::follow_session(uint32_t slot, uint64_t version) {
  const Session& session = sessions_.at(slot);
  if (session.state == Session::State::kEnded) {
    while (!session.instances.empty()) {
      const Instance& instance = *session.instances.back();
      Service& service = *at(instance.service);
      const KeyState state = state_of(service, instance.id());
      Tombstone tombstone = forgotten(state.holder, state.liveness);
      tombstone.stamp = instance.stamp;
      bury(service, instance.id(), tombstone, ++version);
    }
  } else if (session.state == Session::State::kOpen) {
    for (const Instance* instance : session.instances) {
      Service& service = *at(instance->service);
      if (service.find_waiting(instance->id()) != instance) continue;
      service.admit_waiting(instance->id(), InstanceState::kUp, ++version);
      ++instance_count_;
      touch(service);
    }
  }
  return version;
}

void Catalog::renew_ttl(const Instance& instance, int64_t now_ms) {
  leases_.renew(ttl_slots_[instance.holder_slot].lease, now_ms);
}

int64_t Catalog::ttl_ms(const Instance& instance) const {
  return leases_.ttl_ms(ttl_slots_[instance.holder_slot].lease);
}

void Catalog::forget_tombstone(Service& service, std::string_view id) {
  service.drop_tombstone(id);
  forget_if_vacant(service);
}

void Catalog::sort_ages() {
  std::sort(ages_.begin(), ages_.end(), [](const Aged& a, const Aged& b) {
    return std::tie(a.removed_wall_ms, a.service, a.id) <
           std::tie(b.removed_wall_ms, b.service, b.id);
  });
}

void Catalog::touch(Service& service) {
  if (service.queued) return;
  service.queued = true;
  changed_.push_back(service.index());
}

void Catalog::forget_if_vacant(Service& service) {
  if (!service.vacant()) return;
  const uint32_t index = service.index();
  const auto idle = idle_liveness_.lower_bound({index, std::string()});
  if (idle != idle_liveness_.end() && idle->first.first == index) return;
  index_of_.erase(service.key());
  services_[index].reset();
  free_services_.push_back(index);
  forgotten_.push_back(index);
  --service_count_;
}

Publication Catalog::publish() {
  Publication publication;
  for (uint32_t index : forgotten_) publication.push_back({index, nullptr});
  forgotten_.clear();
  for (uint32_t index : changed_) {
    Service* service = at(index);
    if (service == nullptr || !service->queued) continue;
    service->queued = false;
    if (service->changed()) publication.push_back({index, service->publish()});
  }
  changed_.clear();
  return publication;
}

void Catalog::start_recording(uint64_t version) {
  recording_ = true;
  for (const auto& service : services_) {
    if (!service) continue;
    service->start_window(version);
    touch(*service);
  }
}

}  // namespace callbook::core
