#include "core/catalog.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "core/sections.h"

namespace callbook::core {

struct Catalog::Younger {
  bool operator()(const Aged& a, const Aged& b) const {
    return std::tie(a.removed_wall_ms, a.service, a.id, a.of_override) >
           std::tie(b.removed_wall_ms, b.service, b.id, b.of_override);
  }
};

Catalog::Catalog(CatalogSetting setting, SessionTable& sessions, LeaseWheel& leases,
                 ReplicaDigest& digest)
    : setting_(setting), sessions_(sessions), leases_(leases), digest_(digest) {}
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
  services_[index] =
      std::make_unique<Service>(index, key, interner_, recording_, forgotten_through_);
  index_of_.emplace(ServiceKey(key), index);
  ++service_count_;
  return *services_[index];
}

KeyState Catalog::state_of(const Service& service, std::string_view id) const {
  if (const Instance* body = service.find_body(id)) return state_of_body(service, *body);
  KeyState state;
  if (const Tombstone* tombstone = service.find_tombstone(id)) {
    state.kind = tombstone->kind;
    state.stamp = tombstone->stamp;
    state.holder = tombstone->holder;
    state.cause = tombstone->cause;
    state.removed_wall_ms = tombstone->removed_wall_ms;
    state.liveness = tombstone->liveness;
    state.replica_part = tombstone->replica_part;
  } else {
    state.liveness = idle_liveness(service, id);
  }
  state.sections = sections_of(service, id);
  return state;
}

KeyState Catalog::state_of_body(const Service& service, const Instance& body) const {
  KeyState state;
  state.kind = RegistrationKind::kBody;
  state.stamp = body.stamp;
  state.removed_wall_ms = service.drain_until_wall_ms(body.id());
  state.cause = state.removed_wall_ms == 0 ? Cause::kRegistered : Cause::kDrained;
  state.holder = holder_of(body);
  state.body = &body;
  state.liveness = body.holder_kind() == HolderKind::kTtl ? ttl_slots_[body.holder_slot].liveness
                                                          : idle_liveness(service, body.id());
  state.sections = sections_of(service, body.id());
  state.replica_part = body.replica_part;
  return state;
}

Liveness Catalog::idle_liveness(const Service& service, std::string_view id) const {
  if (idle_liveness_.empty()) return {};
  const auto idle = idle_liveness_.find({service.index(), std::string(id)});
  return idle == idle_liveness_.end() ? Liveness{} : idle->second;
}

std::string_view Catalog::sections_of(const Service& service, std::string_view id) const {
  if (sections_.empty()) return {};
  const auto found = sections_.find({service.index(), std::string(id)});
  return found == sections_.end() ? std::string_view() : found->second;
}

void Catalog::remember_sections(const Service& service, std::string_view id, std::string sections) {
  sections_.insert_or_assign({service.index(), std::string(id)}, std::move(sections));
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
  const bool draining = at(present.service)->drain_until_wall_ms(present.id()) != 0;
  return !draining && present.same_content(body, packed_) && holder_of(present) == holder;
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
  bool changed = false;
  bool said = false;  // something else of its status
  if (sections_hold_more(record.sections, present.sections)) {
    remember_sections(service, record.id, merge_sections(present.sections, record.sections));
    changed = true;
  }
  // Or brings back a body that was forgotten here, under the stamp that is known.
  const bool registers =
      record.kind == RegistrationKind::kBody &&
      (record.stamp > present.stamp || (present.body == nullptr && record.stamp == present.stamp));
  if (changed || registers) {
    // Before the body: it must not be listed as up in between.
    said = take_status(service, record.id, registers ? record.body.holder : present.holder);
  }
  changed |= merge_facets(service, present, record, version, now);
  if (said) follow_status(service, record.id, version);
  if (!changed) {
    forget_if_vacant(service);
    return false;
  }
  settle_part(service, record.id);
  return true;
}

/// Has the service show what the sections of the instance, which `holder` holds, say of its status.
bool Catalog::take_status(Service& service, std::string_view id, const Holder& holder) {
  const auto section = find_section(sections_of(service, id), kStatusSection);
  auto said = section ? decode_status(section->bytes) : std::nullopt;
  if (said && said->session != holder.session) said.reset();
  const bool differs = service.put_status(id, said ? std::move(said->status) : ProviderStatus());
  if (service.changed()) touch(service);
  return differs;
}

void Catalog::follow_status(Service& service, std::string_view id, uint64_t version) {
  const ListEntry* entry = service.list().find(id);
  if (entry == nullptr) return;
  const InstanceState state = service.state_for(entry->instance());
  if (state == entry->state()) return service.recount(*entry);  // `down` hides it
  service.set_state(id, state, Cause::kProviderStatus, version);
  touch(service);
}

void Catalog::restamp(const Service& service, const Instance& body, Stamp stamp) {
  body.stamp = stamp;
  const std::string_view extras = PackedBody(body.packed(), interner_).extras();
  if (extras.empty()) return;
  const std::string_view sections = sections_of(service, body.id());
  remember_sections(service, body.id(), with_section(sections, kExtrasSection, stamp, extras));
}

void Catalog::restamp_status(const Service& service, const Instance& body, std::string_view heard,
                             Stamp stamp) {
  const std::string_view sections = sections_of(service, body.id());
  const auto own = find_section(sections, kStatusSection);
  const auto other = find_section(heard, kStatusSection);
  if (!own || !other || other->stamp < own->stamp) return;
  const auto said = decode_status(own->bytes);
  const auto rival = decode_status(other->bytes);
  if (!said || said->session != holder_of(body).session) return;
  if (rival && rival->session == said->session) return;  // its own later word
  remember_sections(service, body.id(), with_section(sections, kStatusSection, stamp, own->bytes));
}

bool Catalog::outlives(const KeyState& present, const InstanceRecord& record) {
  if (present.body == nullptr || record.body.holder.kind != present.holder.kind) return false;
  const Liveness liveness = merge_liveness(present.liveness, record.liveness);
  const bool over = record.kind == RegistrationKind::kForgotten ||
                    (record.kind == RegistrationKind::kBody &&
                     holder_state(record.body.holder, liveness) == HolderState::kEnded);
  if (!over) return false;
  return holder_state(present.holder, liveness) == HolderState::kAlive;
}

bool Catalog::merge_facets(Service& service, const KeyState& present, const InstanceRecord& record,
                           uint64_t version, base::Now now) {
  const bool take_liveness = record.liveness.newer_than(present.liveness);
  const bool take_registration =
      record.stamp > present.stamp ||
      (record.stamp == present.stamp && present.kind == RegistrationKind::kForgotten &&
       record.kind == RegistrationKind::kBody);
  const bool nothing_known = present.kind == RegistrationKind::kNone && present.liveness.epoch == 0;
  const bool take_sections_alone = nothing_known && !record.sections.empty();
  const Liveness liveness = merge_liveness(present.liveness, record.liveness);
  if (!take_registration && !take_liveness && !take_sections_alone) {
    if (present.body != nullptr && present.body->holder_kind() == HolderKind::kTtl) {
      ttl_slots_[present.body->holder_slot].liveness = liveness;  // announced anew, perhaps
    }
    return false;
  }
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
      tombstone.removed_wall_ms = liveness.epoch != 0 ? liveness.stamp.wall_ms() : now.wall_ms;
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
    // One that was being served goes on being served until its new session is known or given up:
    // word of the session may only be late.
    const bool served = present.body != nullptr && service.find_live(record.id) == present.body;
    const bool waiting = holder_now == HolderState::kUnknown && !served;
    const bool drained = record.cause == Cause::kDrained;
    drain(service, record.id, drained ? record.removed_wall_ms : 0);
    install(service, make_instance(service, record.id, record.body, record.stamp, version),
            present.body, record.cause, holder, liveness, waiting, now.mono_ms);
  } else if (holder.kind == HolderKind::kTtl) {
    TtlSlot& slot = ttl_slots_[present.body->holder_slot];
    // Who has gone on elsewhere and come back is not under an old suspicion.
    if (liveness.epoch != slot.liveness.epoch) slot.suspect = 0;
    slot.liveness = liveness;
    follow_home(slot, present.body->holder_slot, now.mono_ms);
    if (service.set_health(*present.body, liveness.health, liveness.cause, version)) touch(service);
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
    tombstone.removed_wall_ms = liveness.stamp.wall_ms();
  }
  return tombstone;
}

Instance::Ptr Catalog::make_instance(const Service& service, std::string_view id,
                                     const RegistrationView& body, Stamp stamp, uint64_t version) {
  pack_body(body, interner_, packed_);
  const uint32_t weight = service.weight_for(id, body.weight);
  Instance::Ptr made = Instance::make(id, body, weight, packed_);
  auto* fresh = const_cast<Instance*>(made.get());  // still private to this function
  fresh->content_hash = content_hash_of(id, body, weight, scratch_);
  fresh->version = version;
  fresh->stamp = stamp;
  fresh->service = service.index();
  return made;
}

/// The instance leaves at `until_wall_ms`, or, if that is 0, stays.
void Catalog::drain(Service& service, std::string_view id, int64_t until_wall_ms) {
  const int64_t before_wall_ms = service.drain_until_wall_ms(id);
  if (before_wall_ms == until_wall_ms) return;
  const std::string key(id);
  if (before_wall_ms != 0) drains_.erase({before_wall_ms, service.index(), key});
  if (until_wall_ms != 0) drains_.insert({until_wall_ms, service.index(), key});
  service.set_drain(key, until_wall_ms);
}

void Catalog::install(Service& service, Instance::Ptr instance, const Instance* replaced,
                      Cause cause, const Holder& holder, const Liveness& liveness, bool waiting,
                      int64_t now_ms) {
  const Instance& added = *instance;
  const uint64_t version = added.version;
  int64_t evidence_ms = 0;
  std::unique_ptr<CheckRuns> checks;
  uint64_t heard_version = version;
  added.claimed = version;
  if (replaced != nullptr) {
    if (keeps_claim(*replaced, added, holder)) added.claimed = replaced->claimed;
    added.replica_part = replaced->replica_part;
    added.round = replaced->round;
    if (replaced->holder_kind() == HolderKind::kTtl) {
      evidence_ms = ttl_slots_[replaced->holder_slot].evidence_ms;
      checks = take_checks(*replaced, added, holder);
      heard_version = ttl_slots_[replaced->holder_slot].heard_version;
    }
    release_holder(*replaced);
    if (service.find_waiting(added.id()) == nullptr) --instance_count_;
  } else if (const Tombstone* tombstone = service.find_tombstone(added.id())) {
    added.replica_part = tombstone->replica_part;
    added.round = tombstone->round;
    --tombstone_count_;
  }
  if (holder.kind == HolderKind::kSession) {
    const uint32_t slot = sessions_.slot_for(holder.session);
    sessions_.add_instance(slot, added);
    added.health = sessions_.at(slot).liveness.health;
  } else if (holder.kind == HolderKind::kTtl) {
    take_ttl_slot(added, holder, liveness, std::move(checks), now_ms);
    ttl_slots_[added.holder_slot].evidence_ms = evidence_ms;
    ttl_slots_[added.holder_slot].heard_version = heard_version;
    added.health = liveness.health;
    added.answers = liveness.cause == Cause::kCheckFailed;
  }
  addresses_.add(added);
  remember_liveness(service, added.id(), holder.kind, liveness);
  note_excluded(added, is_excluded(service, added.id(), holder));
  if (waiting) {
    service.put_waiting(std::move(instance), Cause::kNone, version);
  } else if (is_withdrawn(service, added)) {
    service.put_waiting(std::move(instance), cause_of(*service.find_override(added.id())), version);
  } else {
    service.put_live(std::move(instance), cause, version);
    ++instance_count_;
  }
  touch(service);
}

/// Whether one holder goes on to have the address and port that it had.
bool Catalog::keeps_claim(const Instance& before, const Instance& added,
                          const Holder& holder) const {
  if (!before.is_at(added.address(), added.port())) return false;
  if (before.holder_kind() != holder.kind) return false;
  return holder.kind != HolderKind::kSession ||
         sessions_.at(before.holder_slot).id == holder.session;
}

void Catalog::bury(Service& service, std::string_view id, Tombstone tombstone, uint64_t version) {
  const std::string key(id);  // `id` may point into what is buried
  const Instance* live = service.find_live(key);
  const Instance* body = service.find_body(key);
  const bool counted = live != nullptr && !live->withheld;
  drain(service, key, 0);
  if (body != nullptr) {
    tombstone.replica_part = body->replica_part;
    tombstone.round = body->round;
    // What lapsed by a rule of its own, or answered without heartbeats for too long, was `down`.
    const bool unreached =
        tombstone.cause == Cause::kProbeTimedOut ||
        (tombstone.cause == Cause::kSessionExpired && is_unreachable(body->health));
    if (counted && unreached) {
      service.breaker().note_removal(PackedBody(live->packed(), interner_).zone(), now_ms_);
    }
    release_holder(*body);
    if (live != nullptr) --instance_count_;
  } else if (const Tombstone* before = service.find_tombstone(key)) {
    tombstone.replica_part = before->replica_part;
    tombstone.round = before->round;
    --tombstone_count_;
  }
  ++tombstone_count_;
  remember_liveness(service, key, HolderKind::kTtl, tombstone.liveness);
  remember_age(tombstone.removed_wall_ms, service, key, false);
  service.put_tombstone(key, tombstone, version);
  touch(service);
}

void Catalog::remember_age(int64_t removed_wall_ms, const Service& service, std::string_view id,
                           bool of_override) {
  ages_.push_back({removed_wall_ms, service.index(), std::string(id), of_override});
  std::push_heap(ages_.begin(), ages_.end(), Younger());
}

void Catalog::release_holder(const Instance& instance) {
  addresses_.remove(instance);
  note_excluded(instance, false);
  if (instance.holder_kind() == HolderKind::kSession) {
    sessions_.remove_instance(instance.holder_slot, instance);
  } else if (instance.holder_kind() == HolderKind::kTtl) {
    const LeaseWheel::LeaseId lease = ttl_slots_[instance.holder_slot].lease;
    if (lease != kNoSlot) leases_.remove(lease);
    ttl_slots_[instance.holder_slot] = TtlSlot();
    free_ttl_slots_.push_back(instance.holder_slot);
  }
}

/// What is known of the checks goes on with a registration that leaves them and their target alone.
std::unique_ptr<CheckRuns> Catalog::take_checks(const Instance& replaced, const Instance& added,
                                                const Holder& holder) {
  std::unique_ptr<CheckRuns>& checks = ttl_slots_[replaced.holder_slot].checks;
  if (checks == nullptr || holder.kind != HolderKind::kTtl) return nullptr;
  const bool same =
      is_checked_at(replaced, added.address(), added.port(), checks_of(added, holder.ttl_ms));
  return same ? std::move(checks) : nullptr;
}

void Catalog::take_ttl_slot(const Instance& instance, const Holder& holder,
                            const Liveness& liveness, std::unique_ptr<CheckRuns> checks,
                            int64_t now_ms) {
  uint32_t slot;
  if (free_ttl_slots_.empty()) {
    slot = static_cast<uint32_t>(ttl_slots_.size());
    ttl_slots_.emplace_back();
  } else {
    slot = free_ttl_slots_.back();
    free_ttl_slots_.pop_back();
  }
  TtlSlot& taken = ttl_slots_[slot];
  taken = TtlSlot{};
  taken.instance = &instance;
  taken.liveness = liveness;
  taken.ttl_ms = holder.ttl_ms;
  taken.checked = !PackedBody(instance.packed(), interner_).check().empty();
  taken.checks = std::move(checks);
  instance.holder_slot = slot;
  follow_home(taken, slot, now_ms);
}

void Catalog::follow_home(TtlSlot& slot, uint32_t index, int64_t now_ms) {
  const bool at_home = !setting_.clustered || slot.liveness.home == setting_.node;
  if (!at_home) {
    if (slot.checked) slot.evidence_ms = 0;  // what other checks find out is none of its own
    slot.checks.reset();
    if (slot.lease != kNoSlot) leases_.remove(std::exchange(slot.lease, kNoSlot));
  } else if (slot.lease == kNoSlot && slot.checked) {
    if (slot.checks == nullptr) {
      // Checks that begin together, as after a restart, are spread over their interval.
      const uint64_t spread = slot.instance->content_hash;
      slot.checks =
          std::make_unique<CheckRuns>(checks_of(*slot.instance), slot.liveness, spread, now_ms);
    }
    const int64_t wait_ms = std::max<int64_t>(slot.checks->next_due_ms() - now_ms, 0);
    slot.lease = leases_.add({LeaseKind::kChecks, index}, wait_ms, now_ms);
  } else if (slot.lease == kNoSlot) {
    slot.lease = leases_.add({LeaseKind::kInstance, index}, slot.ttl_ms, now_ms);
  }
}

CheckSet Catalog::checks_of(const Instance& instance, int64_t ttl_ms) const {
  const PackedBody body(instance.packed(), interner_);
  RegistrationView view;
  view.holder.ttl_ms = ttl_ms;
  view.check = body.check();
  view.extras = body.extras();
  return core::checks_of(view);
}

void Catalog::await_due_check(uint32_t slot, int64_t now_ms) {
  const TtlSlot& awaited = ttl_slots_[slot];
  leases_.postpone(awaited.lease, awaited.checks->next_due_ms(), now_ms);
}

void Catalog::skip_missed_checks(int64_t now_ms) {
  for (uint32_t slot = 0; slot < ttl_slots_.size(); ++slot) {
    CheckRuns* checks = check_runs(slot);
    if (checks == nullptr) continue;
    checks->skip_missed(now_ms);
    await_due_check(slot, now_ms);
  }
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
      const std::string id(instance.id());
      bury(service, id, tombstone, ++version);
      settle_part(service, id);
    }
  } else if (session.state == Session::State::kOpen) {
    const Liveness& liveness = session.liveness;
    for (const Instance* instance : session.instances) {
      Service& service = *at(instance->service);
      // What is known of the process is known with the session. Until then what an operator had
      // taken out was about this instance too, and one that drains is listed meanwhile.
      const bool was_excluded = instance->excluded;
      note_excluded(*instance, is_excluded(service, instance->id(), holder_of(*instance)));
      const bool changed = instance->health != liveness.health;
      const Cause cause = changed ? liveness.cause : Cause::kRegistered;
      const bool shown = (changed || instance->excluded != was_excluded) &&
                         service.set_health(*instance, liveness.health, cause, version + 1);
      if (shown) {
        ++version;
        touch(service);
      }
      if (service.find_waiting(instance->id()) != instance) continue;
      if (is_withdrawn(service, *instance)) continue;
      service.admit_waiting(instance->id(), Cause::kRegistered, ++version);
      ++instance_count_;
      touch(service);
    }
  }
  return version;
}

void Catalog::excuse_ttls(uint64_t version) {
  for (TtlSlot& slot : ttl_slots_) slot.heard_version = version;
}

void Catalog::renew_ttl(const Instance& instance, bool proven, uint64_t version, int64_t now_ms) {
  TtlSlot& slot = ttl_slots_[instance.holder_slot];
  slot.heard_version = version;
  slot.evidence_ms = proven ? now_ms : 0;
  leases_.renew(slot.lease, now_ms);
}

bool Catalog::has_evidence(const Instance& instance, int64_t now_ms) const {
  if (instance.holder_kind() != HolderKind::kTtl) return false;
  const TtlSlot& slot = ttl_slots_[instance.holder_slot];
  const int64_t lately_ms =
      slot.checks == nullptr ? slot.ttl_ms : 2 * slot.checks->shortest_interval_ms();
  return slot.evidence_ms != 0 && now_ms - slot.evidence_ms <= lately_ms;
}

void Catalog::erase(Service& service, std::string_view id, uint64_t version) {
  const std::string key(id);
  if (service.find_body(key) != nullptr) {
    Tombstone gone;
    gone.kind = RegistrationKind::kForgotten;
    gone.cause = Cause::kHomeLost;
    bury(service, key, gone, version);
  }
  forget_tombstone(service, key);
}

bool Catalog::lacks_bodies() {
  for (const auto& service : services_) {
    if (service == nullptr) continue;
    bool lacks = false;
    service->for_each_tombstone_after({}, [&](const std::string&, const Tombstone& tombstone) {
      lacks = tombstone.kind == RegistrationKind::kForgotten &&
              holder_state(tombstone.holder, tombstone.liveness) == HolderState::kAlive;
      return !lacks;
    });
    if (lacks) return true;
  }
  return false;
}

void Catalog::settle_part(Service& service, std::string_view id) {
  if (!setting_.clustered) return;
  const KeyState state = state_of(service, id);
  InstanceRecord record;
  record.kind = state.kind;
  record.stamp = state.stamp;
  record.liveness = state.liveness;
  record.sections = state.sections;
  const uint64_t key_hash = key_hash_of(service.key(), id);
  const uint64_t part = replica_part(key_hash, record);
  if (state.body != nullptr) {
    digest_.replace(key_hash, state.body->replica_part, part);
    state.body->replica_part = part;
  } else if (Tombstone* tombstone = service.mutable_tombstone(id)) {
    digest_.replace(key_hash, tombstone->replica_part, part);
    tombstone->replica_part = part;
  }
}

void Catalog::note_heard(Service& service, std::string_view id, uint8_t round) {
  if (const Instance* body = service.find_body(id)) {
    body->round = round;
  } else if (Tombstone* tombstone = service.mutable_tombstone(id)) {
    tombstone->round = round;
  }
}

uint8_t Catalog::round_of(ServiceKeyView service, std::string_view id) const {
  const Service* known = find(service);
  if (known == nullptr) return 0;
  if (const Instance* body = known->find_body(id)) return body->round;
  const Tombstone* tombstone = known->find_tombstone(id);
  return tombstone == nullptr ? 0 : tombstone->round;
}

void Catalog::forget_tombstone(Service& service, std::string_view id) {
  const std::string key(id);
  if (const Tombstone* tombstone = service.find_tombstone(key)) {
    --tombstone_count_;
    if (setting_.clustered) {
      digest_.replace(key_hash_of(service.key(), key), tombstone->replica_part, 0);
    }
  }
  service.drop_tombstone(key);
  if (!sections_.empty()) sections_.erase({service.index(), key});
  service.drop_status(key);
  forget_if_vacant(service);
}

Catalog::Aged Catalog::take_oldest() {
  std::pop_heap(ages_.begin(), ages_.end(), Younger());
  Aged oldest = std::move(ages_.back());
  ages_.pop_back();
  return oldest;
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
  // Cursors of another service of this name, which there may be one day, are none of its own.
  forgotten_through_ = std::max(forgotten_through_, service.version());
  --service_count_;
  if (recording_ && service.changed()) {
    // Whoever watches it must be told that its list is empty before it is gone.
    parting_.push_back({index, service.publish()});
  } else {
    forgotten_.push_back(index);
  }
  services_[index].reset();
}

Publication Catalog::publish() {
  Publication publication;
  for (uint32_t index : forgotten_) {
    publication.push_back({index, nullptr});
    free_services_.push_back(index);
  }
  forgotten_.clear();
  for (ServicePublished& last : parting_) {
    forgotten_.push_back(last.index);
    publication.push_back(std::move(last));
  }
  parting_.clear();
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
