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

/// Replaces a body by one that differs from it in nothing but its effective weight.
void Catalog::reweigh(Service& service, const Instance& body, Cause cause, uint64_t version) {
  std::string ports;
  std::string metadata;
  RegistrationView view = registration_of(body, interner_, ports, metadata);
  view.holder = holder_of(body);
  Instance::Ptr made = make_instance(service, body.id(), view, body.stamp, version);
  made->holder_slot = body.holder_slot;
  made->holder_position = body.holder_position;
  made->replica_part = body.replica_part;
  made->round = body.round;
  made->health = body.health;
  if (view.holder.kind == HolderKind::kSession) {
    sessions_.replace_instance(made->holder_slot, *made);
  } else if (view.holder.kind == HolderKind::kTtl) {
    ttl_slots_[made->holder_slot].instance = made.get();
  }
  if (service.find_live(body.id()) == &body) {
    service.put_live(std::move(made), cause, version);
  } else {
    service.put_waiting(std::move(made), version);
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
