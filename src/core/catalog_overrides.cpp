// What operators say, and what comes of it in the lists.

#include "base/check.h"
#include "core/catalog.h"
#include "core/sections.h"

namespace callbook::core {

bool Catalog::merge(const OverrideRecord& record, uint64_t version) {
  Service& service = find_or_add(record.service);
  const Override* present = service.find_override(record.id);
  const bool take = present == nullptr || record.stamp > present->stamp;
  const std::string sections = present == nullptr ? std::string() : present->sections;
  if (!take && !sections_hold_more(record.sections, sections)) return false;
  Override merged;
  if (present != nullptr) merged = *present;
  merged.sections = merge_sections(sections, record.sections);
  if (take) {
    merged.stamp = record.stamp;
    merged.set = record.set;
    merged.weight = record.weight;
    merged.out_of_service = record.out_of_service;
    merged.by = record.by;
    merged.reason = record.reason;
    merged.said_wall_ms = record.said_wall_ms;
  }
  const auto section = find_section(merged.sections, kExclusionSection);
  // One at another stamp belongs to what was said before.
  const bool excludes = section && section->stamp == merged.stamp && merged.set;
  merged.exclusion = excludes ? decode_exclusion(section->bytes) : std::nullopt;
  take_exclusion(service, record.id, &merged);
  if (present == nullptr) ++override_count_;
  service.put_override(record.id, std::move(merged));
  settle_override_part(service, record.id);
  if (!take) return true;
  if (!record.set) remember_age(record.said_wall_ms, service, record.id, true);
  const Cause cause = record.set ? Cause::kOverride : Cause::kOverrideRemoved;
  follow_override(service, record.id, cause, version);
  return true;
}

void Catalog::erase_override(Service& service, std::string_view id, uint64_t version) {
  const Override* present = service.find_override(id);
  if (present == nullptr) return;
  const std::string key(id);
  const bool was_set = present->set;
  take_exclusion(service, key, nullptr);
  if (setting_.clustered) {
    digest_.replace(override_hash_of(service.key(), key), present->replica_part, 0);
  }
  --override_count_;
  service.drop_override(key);
  if (was_set) follow_override(service, key, Cause::kOverrideRemoved, version);
  forget_if_vacant(service);
}

/// Brings the instance of this id, if there is one, in line with what is said of it now.
void Catalog::follow_override(Service& service, std::string_view id, Cause cause,
                              uint64_t version) {
  const ListEntry* entry = service.list().find(id);
  const Instance* body = entry != nullptr ? &entry->instance() : service.find_waiting(id);
  if (body == nullptr) return;
  note_excluded(*body, is_excluded(service, id, holder_of(*body)));
  const bool withdrawn = is_withdrawn(service, *body);
  if (entry != nullptr && withdrawn) return withdraw(service, *body, version);
  const bool waits_for_session = holder_state(holder_of(*body), {}) == HolderState::kUnknown;
  if (entry == nullptr && !withdrawn && !waits_for_session) {
    const std::string key(id);
    if (service.weight_for(key, body->registered_weight()) != body->weight()) {
      reweigh(service, *body, cause, version);
    }
    service.admit_waiting(key, cause, version);
    ++instance_count_;
    return touch(service);
  }
  if (service.weight_for(id, body->registered_weight()) != body->weight()) {
    reweigh(service, *body, cause, version);
  } else if (entry != nullptr && service.state_for(*body) != entry->state()) {
    service.set_state(id, service.state_for(*body), cause, version);
  } else if (entry != nullptr) {
    service.show_overrides();  // by somebody else, or for another reason
  } else {
    return;
  }
  touch(service);
}

/// Notes what an operator says of an id now, if that takes it out.
void Catalog::take_exclusion(Service& service, std::string_view id, const Override* said) {
  const std::string key(id);
  const Override* before = service.find_override(id);
  if (before != nullptr && before->exclusion) {
    exclusions_.erase({service.index(), key});
    operator_drains_.erase({before->exclusion->until_wall_ms, service.index(), key});
  }
  if (said == nullptr || !said->exclusion) return;
  exclusions_.insert({service.index(), key});
  if (said->exclusion->until_wall_ms != 0) {
    operator_drains_.insert({said->exclusion->until_wall_ms, service.index(), key});
  }
}

bool Catalog::is_excluded(const Service& service, std::string_view id, const Holder& holder) const {
  const Override* said = service.find_override(id);
  if (said == nullptr || !said->exclusion) return false;
  if (holder.kind != HolderKind::kSession) return said->exclusion->is_about({});
  const Session* session = std::as_const(sessions_).find(holder.session);
  return said->exclusion->is_about(session == nullptr ? std::string_view()
                                                      : session->facts.process);
}

/// Whether it is not to be listed: taken out, and its time to drain is over.
bool Catalog::is_withdrawn(const Service& service, const Instance& instance) const {
  if (!instance.excluded) return false;
  const int64_t until_wall_ms = service.find_override(instance.id())->exclusion->until_wall_ms;
  return until_wall_ms == 0 ||
         operator_drains_.count({until_wall_ms, service.index(), std::string(instance.id())}) == 0;
}

void Catalog::note_excluded(const Instance& instance, bool excluded) {
  if (instance.excluded == excluded) return;
  instance.excluded = excluded;
  if (instance.holder_kind() != HolderKind::kSession) return;
  sessions_.at(instance.holder_slot).excluded += excluded ? 1 : -1;
}

/// Takes an instance out of the list, and keeps it.
void Catalog::withdraw(Service& service, const Instance& body, uint64_t version) {
  const Cause cause = cause_of(*service.find_override(body.id()));
  service.put_waiting(copy_of(service, body, version), cause, version);
  --instance_count_;
  touch(service);
}

void Catalog::end_operator_drain(const Drain& drain, uint64_t version) {
  const std::string id = drain.id;
  Service& service = *at(drain.service);
  operator_drains_.erase(operator_drains_.find(drain));
  const ListEntry* entry = service.list().find(id);
  if (entry != nullptr && is_withdrawn(service, entry->instance())) {
    withdraw(service, entry->instance(), version);
  }
}

/// A body that differs from `body` in nothing but its effective weight, and takes its place with
/// its holder.
Instance::Ptr Catalog::copy_of(const Service& service, const Instance& body, uint64_t version) {
  std::string ports;
  std::string metadata;
  RegistrationView view = registration_of(body, interner_, ports, metadata);
  view.holder = holder_of(body);
  Instance::Ptr made = make_instance(service, body.id(), view, body.stamp, version);
  made->holder_slot = body.holder_slot;
  made->holder_position = body.holder_position;
  made->claimed = body.claimed;
  made->replica_part = body.replica_part;
  made->round = body.round;
  made->health = body.health;
  made->answers = body.answers;
  made->excluded = body.excluded;
  addresses_.remove(body);
  addresses_.add(*made);
  if (view.holder.kind == HolderKind::kSession) {
    sessions_.replace_instance(made->holder_slot, *made);
  } else if (view.holder.kind == HolderKind::kTtl) {
    ttl_slots_[made->holder_slot].instance = made.get();
  }
  return made;
}

void Catalog::reweigh(Service& service, const Instance& body, Cause cause, uint64_t version) {
  Instance::Ptr made = copy_of(service, body, version);
  if (service.find_live(body.id()) == &body) {
    service.put_live(std::move(made), cause, version);
  } else {
    const bool withdrawn = is_withdrawn(service, *made);
    const Cause out = withdrawn ? cause_of(*service.find_override(made->id())) : Cause::kNone;
    service.put_waiting(std::move(made), out, version);
  }
}

void Catalog::settle_override_part(Service& service, std::string_view id) {
  if (!setting_.clustered) return;
  const Override& said = *service.find_override(id);
  const uint64_t key_hash = override_hash_of(service.key(), id);
  const uint64_t part = replica_part(key_hash, said);
  digest_.replace(key_hash, said.replica_part, part);
  said.replica_part = part;
}

}  // namespace callbook::core
