// What operators say of instances, here and at other nodes.

#include <algorithm>

#include <fmt/format.h>

#include "core/registry.h"
#include "core/sections.h"
#include "core/validate.h"

namespace callbook::core {

using base::Error;
using base::ErrorCode;
using base::Now;
using base::Result;
using base::Status;

namespace {

constexpr size_t kNamesShown = 5;

/// "known are a, b and 7 more", or that there are none.
std::string known_names(const std::vector<std::string>& first, size_t count) {
  if (count == 0) return "none is known";
  std::string text = "known " + std::string(count == 1 ? "is " : "are ");
  for (size_t i = 0; i < first.size(); ++i) text += (i == 0 ? "" : ", ") + first[i];
  if (count > first.size()) text += fmt::format(" and {} more", count - first.size());
  return text;
}

OverrideRecord record_of(ServiceKeyView service, std::string_view id, const Override& said) {
  return {service,           id,      said.stamp,  said.set,     said.weight, said.out_of_service,
          said.said_wall_ms, said.by, said.reason, said.sections};
}

}  // namespace

/// That the instance is known, if only as departed: a name that was misspelt must not be taken in
/// silence for one that is yet to come.
Status Registry::check_target(const InstanceKey& key) const {
  const Service* service = catalog_.find(key.service);
  std::vector<std::string> names;
  if (service == nullptr) {
    for (uint32_t slot = 0; slot < catalog_.service_slots() && names.size() < kNamesShown; ++slot) {
      const Service* other = catalog_.at(slot);
      if (other != nullptr && other->key().space == key.service.space) {
        names.push_back(other->key().name);
      }
    }
    const std::string known = names.empty()
                                  ? "no service is known in its namespace"
                                  : "known are " + fmt::format("{}", fmt::join(names, ", "));
    return Error{ErrorCode::kNotFound, "service",
                 fmt::format("'{}' is not known; {}", key.service.name, known), std::nullopt};
  }
  const bool known = service->find_body(key.id) != nullptr ||
                     service->find_tombstone(key.id) != nullptr ||
                     service->find_override(key.id) != nullptr;
  if (known) return {};
  service->list().visit_after({}, [&](const ListEntry& entry) {
    if (names.size() == kNamesShown) return false;
    names.emplace_back(entry.id());
    return true;
  });
  return Error{ErrorCode::kNotFound, "id",
               fmt::format("'{}' is not an instance of service '{}'; {}", key.id, key.service.name,
                           known_names(names, service->list().size())),
               std::nullopt};
}

Result<Reply> Registry::apply(const SetOverride& input, Now now, Outputs& out) {
  if (auto status = validate(input, options_.limits); !status.ok()) return status.error();
  if (auto status = check_target(input.key); !status.ok()) return status.error();
  if (auto status = check_override_room(input.key); !status.ok()) return status.error();
  OverrideRecord record;
  record.set = true;
  record.weight = input.weight;
  record.out_of_service = input.out_of_service;
  record.by = input.by;
  record.reason = input.reason;
  return say(input.key, record, input.after, now, out);
}

Result<Reply> Registry::apply(const RemoveOverride& input, Now now, Outputs& out) {
  if (auto status = validate(input, options_.limits); !status.ok()) return status.error();
  if (auto status = check_target(input.key); !status.ok()) return status.error();
  const Override* said = catalog_.find(input.key.service)->find_override(input.key.id);
  const bool set = said != nullptr && said->set;
  const bool told_of_more = said == nullptr ? input.after > Stamp{} : input.after > said->stamp;
  if (!set && !told_of_more) {
    return Error{
        ErrorCode::kNotFound, "id",
        fmt::format("'{}' of service '{}' has no override", input.key.id, input.key.service.name),
        std::nullopt};
  }
  OverrideRecord record;
  record.by = input.by;
  record.reason = input.reason;
  return say(input.key, record, input.after, now, out);
}

Status Registry::check_override_room(const InstanceKey& key) const {
  const uint32_t limit = options_.limits.max_overrides;
  const bool adds = catalog_.find(key.service)->find_override(key.id) == nullptr;
  if (!adds || catalog_.override_count() < limit) return {};
  return base::over_limit(
      "id", fmt::format("{} overrides are remembered, which is the limit", limit), limit);
}

/// An operator takes an instance out. Its provider goes on to hold its registration, and is told;
/// so nothing that it does (a new connection, another node, a registry's restart) undoes it, and to
/// restore it needs nothing of it. What no process holds is deregistered as well.
Result<Reply> Registry::take_out(const DeregisterInstance& input, Now now, Outputs& out) {
  if (auto status = check_target(input.key); !status.ok()) return status.error();
  if (auto status = check_override_room(input.key); !status.ok()) return status.error();
  Service& service = *catalog_.find(input.key.service);
  const KeyState present = catalog_.state_of(service, input.key.id);
  Exclusion exclusion;
  exclusion.action =
      input.drain_ms > 0 ? Exclusion::Action::kDrain : Exclusion::Action::kDeregister;
  if (input.drain_ms > 0) exclusion.until_wall_ms = now.wall_ms + input.drain_ms;
  exclusion.process = process_meant(present);
  OverrideRecord record;
  record.set = true;
  record.out_of_service = true;  // what release 0.1 makes of it
  if (const Override* said = service.find_override(input.key.id); said != nullptr && said->set) {
    record.weight = said->weight;
  }
  record.by = input.by;
  record.reason = input.reason;
  const bool held_by_none =
      present.body != nullptr &&
      (present.holder.kind == HolderKind::kPersistent || is_checked(*present.body));
  auto said = say(input.key, record, input.after, now, out, &exclusion);
  if (!said.ok()) return said.error();
  const auto& changed = std::get<OverrideChanged>(*said);
  if (held_by_none && input.drain_ms == 0) {
    remove(service, input.key.id, catalog_.state_of(service, input.key.id), present.holder,
           Cause::kDeregistered, now, out);
  }
  return Reply(InstanceDeregistered{changed.version, changed.stamp, changed.owed_version});
}

/// Which process an operator means: that which holds the id, or held it until its session ended, as
/// this node knows:
///   A takes node B for lost, and the session of process one, which is there, for ended; an
///   operator drains one's instance at A; process two registers the id at B.
std::string Registry::process_meant(const KeyState& present) const {
  if (present.body == nullptr && present.kind != RegistrationKind::kForgotten) return {};
  if (present.holder.kind != HolderKind::kSession) return {};
  const Session* holder = sessions_.find(present.holder.session);
  return holder == nullptr ? std::string() : holder->facts.process;
}

/// Takes out of the lists what has been drained for long enough, on every node by its own clock.
void Registry::end_operator_drains(Now now, Outputs& out) {
  const auto& drains = catalog_.operator_drains();
  while (!drains.empty() && drains.begin()->until_wall_ms <= now.wall_ms) {
    const Catalog::Drain due = *drains.begin();
    const Service& service = *catalog_.at(due.service);
    const Instance* drained = service.find_live(due.id);
    const bool told_here =
        !options_.clustered || service.find_override(due.id)->stamp.node == node_;
    if (drained != nullptr && drained->excluded && told_here) {
      note_removed(*drained, Cause::kDrained, out);
    }
    const uint64_t version = ++version_;
    catalog_.end_operator_drain(due, version);
    write_override(*catalog_.at(due.service), due.id, version, out.records);
  }
}

/// Whether an exclusion has nothing to keep out any more: its id has been gone for long.
bool Registry::is_over(const Service& service, std::string_view id, Now now) const {
  if (service.find_body(id) != nullptr) return false;
  const Override& said = *service.find_override(id);
  const Tombstone* tombstone = service.find_tombstone(id);
  const int64_t gone_wall_ms =
      std::max(said.said_wall_ms, tombstone == nullptr ? int64_t{0} : tombstone->removed_wall_ms);
  const Timing& timing = options_.timing;
  // A process that gave an id is known when it comes back, however late.
  const int64_t kept_ms =
      said.exclusion->process.empty() ? timing.exclusion_ms : timing.tombstone_ms;
  return now.wall_ms - gone_wall_ms > kept_ms;
}

/// Ends exclusions that are over, some at a time: at the node that was told, or, if that is gone,
/// at any other.
void Registry::tend_exclusions(Now now, Outputs& out) {
  constexpr int kAtOnce = 100;
  const Catalog::ExcludedIds& all = catalog_.exclusions();
  auto next = all.lower_bound(tended_exclusion_);
  std::vector<std::pair<uint32_t, std::string>> over;
  for (int left = kAtOnce; left > 0 && next != all.end(); --left, ++next) {
    const Service& service = *catalog_.at(next->first);
    const Override& said = *service.find_override(next->second);
    const bool ours = !options_.clustered || said.stamp.node == node_ ||
                      !peers_.is_alive(said.stamp.node, now.mono_ms);
    if (ours && is_over(service, next->second, now)) over.push_back(*next);
  }
  tended_exclusion_ = next == all.end() ? std::pair<uint32_t, std::string>() : *next;
  for (const auto& [index, id] : over) {
    OverrideRecord record;
    record.by = "callbook";
    record.reason = "its id was gone for long";
    // Just behind what ends: what an operator has said elsewhere since, unheard here, stands.
    const Override& ended = *catalog_.at(index)->find_override(id);
    record.stamp = {ended.stamp.hlc + 1, node_};
    note_word_ended(*catalog_.at(index), id, out);
    static_cast<void>(say({catalog_.at(index)->key(), id}, record, {}, now, out));
  }
}

/// Gives what an operator says its stamp, if it has none, and applies it.
Result<Reply> Registry::say(const InstanceKey& key, OverrideRecord record, Stamp after, Now now,
                            Outputs& out, const Exclusion* exclusion) {
  if (options_.clustered) {
    auto status = check_outbox(Stream::kLasting, key_of_override(key.service, key.id));
    if (!status.ok()) return status.error();
  }
  clock_.observe(after.hlc);
  record.service = key.service;
  record.id = key.id;
  if (record.stamp == Stamp{}) record.stamp = clock_.next(now);
  clock_.observe(record.stamp.hlc);
  record.said_wall_ms = now.wall_ms;
  std::string sections;
  if (exclusion != nullptr) {
    sections = with_section({}, kExclusionSection, record.stamp, encode(*exclusion));
    record.sections = sections;
  }
  catalog_.merge(record, version_ + 1);
  const uint64_t version = ++version_;
  const Service& service = *catalog_.find(key.service);
  write_override(service, key.id, version, out.records);
  if (options_.clustered) {
    service.find_override(key.id)->round = round_;
    owe(Stream::kLasting, key_of_override(key.service, key.id), Outbox::Reason::kChange,
        now.mono_ms, now, out);
  }
  return Reply(OverrideChanged{version, record.stamp, options_.clustered ? version : 0});
}

/// What is registered goes on, but is about to leave.
InstanceDeregistered Registry::begin_drain(Service& service, const KeyState& present,
                                           int64_t until_wall_ms, Now now, Outputs& out) {
  const std::string id(present.body->id());
  std::string ports;
  std::string metadata;
  InstanceRecord record;
  record.service = service.key();
  record.id = id;
  record.kind = RegistrationKind::kBody;
  record.stamp = clock_.next(now);
  record.cause = Cause::kDrained;
  record.removed_wall_ms = until_wall_ms;
  record.body = registration_of(*present.body, catalog_.interner(), ports, metadata);
  record.body.holder = present.holder;
  record.liveness = present.liveness;
  std::string sections;
  if (!record.body.extras.empty()) {
    sections = with_section({}, kExtrasSection, record.stamp, record.body.extras);
    record.sections = sections;
  }
  return restamped(service, present, record, now, out);
}

/// Removes those whose time to drain is over: at the node that was told, or, if that is gone, a
/// little later at any other.
void Registry::end_drains(Now now, Outputs& out) {
  constexpr int64_t kForAnotherMs = 5'000;
  const auto& drains = catalog_.drains();
  for (auto it = drains.begin(); it != drains.end() && it->until_wall_ms <= now.wall_ms;) {
    const Catalog::Drain due = *it++;  // merging takes it out
    Service& service = *catalog_.at(due.service);
    const KeyState present = catalog_.state_of(service, due.id);
    const bool own = !options_.clustered || present.stamp.node == node_;
    const bool left_to_us = due.until_wall_ms + kForAnotherMs <= now.wall_ms &&
                            !peers_.is_alive(present.stamp.node, now.mono_ms);
    if (!own && !left_to_us) continue;
    if (present.body != nullptr) note_removed(*present.body, Cause::kDrained, out);
    remove(service, due.id, present, present.holder, Cause::kDrained, now, out);
  }
}

void Registry::write_override(const Service& service, std::string_view id, uint64_t version,
                              RecordBatch& batch) const {
  batch.begin(version);
  encode_override_key(options_.datacenter, service.key(), id, batch.bytes());
  batch.end_key();
  encode_value(record_of(service.key(), id, *service.find_override(id)), batch.bytes());
  batch.end();
}

void Registry::apply_record(Source source, const BusMessage& message, const OverrideRecord& record,
                            Now now, Outputs& out) {
  clock_.observe(record.stamp.hlc);
  const Service* known = catalog_.find(record.service);
  const bool unheard_of = known == nullptr || known->find_override(record.id) == nullptr;
  const bool old_news =
      !record.set && record.said_wall_ms < now.wall_ms - options_.timing.tombstone_ms;
  if (unheard_of && old_news) return;
  if (catalog_.merge(record, version_ + 1)) {
    write_override(*catalog_.find(record.service), record.id, ++version_, out.records);
  }
  const Override& said = *catalog_.find(record.service)->find_override(record.id);
  said.round = round_;
  const bool more = said.stamp > record.stamp || sections_hold_more(said.sections, record.sections);
  compare(source, message.key, more, said.stamp.node == node_, now, out);
}

/// Drops what neither another node nor an operator here has said since the node rejoined as new.
void Registry::sweep_overrides(Outputs& out) {
  std::vector<std::pair<uint32_t, std::string>> unheard;
  for (uint32_t index = 0; index < catalog_.service_slots(); ++index) {
    const Service* service = catalog_.at(index);
    if (service == nullptr) continue;
    service->for_each_override_after({}, [&](const std::string& id, const Override& said) {
      if (said.round != round_) unheard.emplace_back(index, id);
      return true;
    });
  }
  for (const auto& [index, id] : unheard) {
    ++counters_.swept;
    Service& service = *catalog_.at(index);
    const std::string_view key = key_of_override(service.key(), id);
    catalog_.erase_override(service, id, ++version_);
    write_erased(key, out.records);
  }
}

void Registry::dump_overrides(DumpCursor& cursor, size_t end, RecordBatch& out) const {
  for (; cursor.slot < catalog_.service_slots(); ++cursor.slot, cursor.after.clear()) {
    const Service* service = catalog_.at(cursor.slot);
    if (service == nullptr) continue;
    bool whole = true;
    service->for_each_override_after(cursor.after, [&](const std::string& id, const Override&) {
      whole = out.size() < end;
      if (!whole) return false;
      write_override(*service, id, version_, out);
      cursor.after = id;
      return true;
    });
    if (!whole) return;
  }
  cursor = {DumpCursor::Part::kBreakers, 0, {}};
}

}  // namespace callbook::core
