// How the registry comes out of its store and goes back into it: merging records, and dumping them.

#include <algorithm>

#include "base/check.h"
#include "core/registry.h"

namespace callbook::core {

using base::Now;
using base::Result;

Result<Reply> Registry::apply(const MergeRecord& input, Now now, Outputs& out) {
  CALLBOOK_CHECK(phase_ == Phase::kLoading);
  auto decoded = decode_record(input.key, input.value);
  if (!decoded.ok()) return decoded.error();
  if (const auto* session = std::get_if<SessionRecord>(&*decoded)) {
    if (!input.value.empty()) {
      merge_session(*session, now, out);
    } else if (Session* known = sessions_.find(session->id);
               known != nullptr && known->instances.empty()) {
      forget_session(sessions_.slot_of(*known));
    }
  } else if (const auto* mark = std::get_if<MarkRecord>(&*decoded)) {
    if (options_.clustered) {
      positions_ = mark->positions;
      in_touch_wall_ms_ = mark->in_touch_wall_ms;
    }
  } else if (const auto* owed = std::get_if<OwedRecord>(&*decoded)) {
    load_owed(*owed, input.version, now);
  } else if (const auto* said = std::get_if<OverrideRecord>(&*decoded)) {
    load_override(*said, input);
  } else if (const auto* breaker = std::get_if<BreakerRecord>(&*decoded)) {
    load_breaker(*breaker, now);
  } else if (const auto& instance = std::get<InstanceRecord>(*decoded); input.value.empty()) {
    erase_merged(instance);
  } else {
    clock_.observe(instance.stamp.hlc);
    clock_.observe(instance.liveness.stamp.hlc);
    catalog_.merge(instance, input.version, now);
  }
  return Reply(Done{});
}

void Registry::load_owed(const OwedRecord& record, uint64_t version, Now now) {
  if (!options_.clustered) return;
  if (record.since_wall_ms != 0) {
    outbox_.owe(record.stream, record.key, Outbox::Reason::kChange, version, now.mono_ms,
                record.since_wall_ms);
  } else if (const auto* entry = outbox_.find(record.stream, record.key)) {
    outbox_.drop(*entry);
  }
}

void Registry::load_override(const OverrideRecord& record, const MergeRecord& input) {
  clock_.observe(record.stamp.hlc);
  if (!input.value.empty()) {
    catalog_.merge(record, input.version);
  } else if (Service* service = catalog_.find(record.service)) {
    catalog_.erase_override(*service, record.id, input.version);
  }
}

void Registry::erase_merged(const InstanceRecord& record) {
  Service* service = catalog_.find(record.service);
  if (service == nullptr) return;
  // What was erased while it stood in the list was swept, not departed.
  catalog_.erase(*service, record.id, version_);
}

Result<Reply> Registry::apply(const FinishLoading& input, Now now, Outputs& out) {
  CALLBOOK_CHECK(phase_ == Phase::kLoading);
  version_ = std::max(version_, input.last_version);
  clock_.restart(now, options_.timing.lost_stamps_ms, options_.boot);
  end_operator_drains(now, out);
  if (options_.clustered) {
    phase_ = Phase::kJoining;
    join_.since_ms = now.mono_ms;
    return Reply(Done{});
  }
  for (uint32_t slot = 0; slot < sessions_.slot_count(); ++slot) {
    Session& session = sessions_.at(slot);
    const bool unknown = session.state == Session::State::kUnknown;
    // Its record has aged out or was lost; nobody can renew it.
    if (sessions_.occupied(slot) && unknown) end_unknown_session(session, now);
  }
  begin_service(Phase::kServing, now);
  return Reply(Done{});
}

std::string_view Registry::key_of(const SessionId& session) {
  key_.clear();
  encode_key(session, key_);
  return key_;
}

std::string_view Registry::key_of(ServiceKeyView service, std::string_view id) {
  key_.clear();
  encode_key(options_.datacenter, service, id, key_);
  return key_;
}

std::string_view Registry::key_of_override(ServiceKeyView service, std::string_view id) {
  key_.clear();
  encode_override_key(options_.datacenter, service, id, key_);
  return key_;
}

void Registry::write_erased(std::string_view key, RecordBatch& batch) {
  batch.begin(++version_);
  batch.bytes().append(key);
  batch.end_key();
  batch.end();
}

void Registry::write(const Session& session, uint64_t version, RecordBatch& batch) const {
  const SessionRecord record{session.id,
                             session.ttl_ms,
                             session.client,
                             session.opened,
                             session.liveness,
                             session.ended_wall_ms,
                             session.superseded_instance,
                             session.sections};
  batch.begin(version);
  encode_key(session.id, batch.bytes());
  batch.end_key();
  encode_value(record, batch.bytes());
  batch.end();
}

void Registry::write(const Service& service, std::string_view id, const KeyState& state,
                     uint64_t version, RecordBatch& batch) const {
  InstanceRecord record;
  record.service = service.key();
  record.id = id;
  record.kind = state.kind;
  record.stamp = state.stamp;
  record.cause = state.cause;
  record.removed_wall_ms = state.removed_wall_ms;
  record.liveness = state.liveness;
  record.sections = state.sections;
  std::string ports;
  std::string metadata;
  if (state.body != nullptr) {
    record.body = registration_of(*state.body, catalog_.interner(), ports, metadata);
  }
  record.body.holder = state.holder;
  batch.begin(version);
  encode_key(options_.datacenter, record.service, record.id, batch.bytes());
  batch.end_key();
  encode_value(record, batch.bytes());
  batch.end();
}

void Registry::dump(DumpCursor& cursor, size_t most, RecordBatch& out) const {
  const size_t end = out.size() + most;
  using Part = DumpCursor::Part;
  if (cursor.part == Part::kSessions) dump_sessions(cursor, end, out);
  if (cursor.part == Part::kInstances) dump_instances(cursor, end, out);
  if (cursor.part == Part::kWaiting) dump_waiting(cursor, end, out);
  if (cursor.part == Part::kTombstones) dump_tombstones(cursor, end, out);
  if (cursor.part == Part::kOverrides) dump_overrides(cursor, end, out);
  if (cursor.part == Part::kBreakers) dump_breakers(cursor, end, out);
  if (cursor.part == Part::kOwed) dump_owed(cursor, end, out);
}

void Registry::dump_sessions(DumpCursor& cursor, size_t end, RecordBatch& out) const {
  for (; cursor.slot < sessions_.slot_count(); ++cursor.slot) {
    if (out.size() >= end) return;
    const Session& session = sessions_.at(cursor.slot);
    // Without an epoch nothing is known of it, whatever has been concluded from that.
    if (sessions_.occupied(cursor.slot) && session.liveness.epoch != 0) {
      write(session, version_, out);
    }
  }
  cursor = {DumpCursor::Part::kInstances, 0, {}};
}

void Registry::dump_instances(DumpCursor& cursor, size_t end, RecordBatch& out) const {
  for (; cursor.slot < catalog_.service_slots(); ++cursor.slot, cursor.after.clear()) {
    const Service* service = catalog_.at(cursor.slot);
    if (service == nullptr) continue;
    const bool whole = service->list().visit_after(cursor.after, [&](const ListEntry& entry) {
      if (out.size() >= end) return false;
      const Instance& instance = entry.instance();
      write(*service, instance.id(), catalog_.state_of_body(*service, instance), instance.version,
            out);
      cursor.after = instance.id();
      return true;
    });
    if (!whole) return;
  }
  cursor = {DumpCursor::Part::kWaiting, 0, {}};
}

void Registry::dump_waiting(DumpCursor& cursor, size_t end, RecordBatch& out) const {
  for (; cursor.slot < catalog_.service_slots(); ++cursor.slot, cursor.after.clear()) {
    const Service* service = catalog_.at(cursor.slot);
    if (service == nullptr) continue;
    bool whole = true;
    service->for_each_waiting_after(cursor.after, [&](const Instance& instance) {
      whole = out.size() < end;
      if (!whole) return false;
      write(*service, instance.id(), catalog_.state_of_body(*service, instance), instance.version,
            out);
      cursor.after = instance.id();
      return true;
    });
    if (!whole) return;
  }
  cursor = {DumpCursor::Part::kTombstones, 0, {}};
}

void Registry::dump_tombstones(DumpCursor& cursor, size_t end, RecordBatch& out) const {
  for (; cursor.slot < catalog_.service_slots(); ++cursor.slot, cursor.after.clear()) {
    const Service* service = catalog_.at(cursor.slot);
    if (service == nullptr) continue;
    bool whole = true;
    service->for_each_tombstone_after(cursor.after, [&](const std::string& id, const Tombstone&) {
      whole = out.size() < end;
      if (!whole) return false;
      write(*service, id, catalog_.state_of(*service, id), version_, out);
      cursor.after = id;
      return true;
    });
    if (!whole) return;
  }
  cursor = {DumpCursor::Part::kOverrides, 0, {}};
}

/// The node's own: the mark, and what it owes the bus.
void Registry::dump_owed(DumpCursor& cursor, size_t end, RecordBatch& out) const {
  if (cursor.slot == 0 && in_touch_wall_ms_ != 0) {
    out.begin(std::max<uint64_t>(version_, 1));
    encode_mark_key(out.bytes());
    out.end_key();
    encode_value(MarkRecord{in_touch_wall_ms_, positions_}, out.bytes());
    out.end();
  }
  cursor.slot = 1;
  bool whole = true;
  outbox_.for_each_change_after(
      cursor.after, [&](const std::string& place, const Outbox::Entry& entry) {
        whole = out.size() < end;
        if (!whole) return false;
        const OwedRecord record{entry.stream, entry.key, entry.since_wall_ms};
        out.begin(std::max<uint64_t>(entry.version, 1));
        encode_key(record, out.bytes());
        out.end_key();
        encode_value(record, out.bytes());
        out.end();
        cursor.after = place;
        return true;
      });
  if (whole) cursor.part = DumpCursor::Part::kDone;
}

}  // namespace callbook::core
