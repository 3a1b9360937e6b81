// How the registry comes out of its store and goes back into it: merging records, and dumping them.

#include <algorithm>

#include "base/check.h"
#include "core/registry.h"

namespace callbook::core {

using base::Now;
using base::Result;

Result<Reply> Registry::apply(const MergeRecord& input, Now now, Outputs&) {
  auto decoded = decode_record(input.key, input.value);
  if (!decoded.ok()) return decoded.error();
  if (const auto* session = std::get_if<SessionRecord>(&*decoded)) {
    if (!input.value.empty()) {
      merge_session(*session, now);
    } else if (Session* known = sessions_.find(session->id);
               known != nullptr && known->instances.empty() && known->lease == kNoSlot) {
      sessions_.forget(sessions_.slot_of(*known));
    }
    return Reply(Done{});
  }
  const auto& instance = std::get<InstanceRecord>(*decoded);
  if (input.value.empty()) {
    erase_merged(instance, input.version);
    return Reply(Done{});
  }
  clock_.observe(instance.stamp.hlc);
  clock_.observe(instance.liveness.stamp.hlc);
  catalog_.merge(instance, input.version, now);
  return Reply(Done{});
}

void Registry::merge_session(const SessionRecord& record, Now now) {
  clock_.observe(record.opened.hlc);
  clock_.observe(record.liveness.stamp.hlc);
  const uint32_t slot = sessions_.slot_for(record.id);
  Session& session = sessions_.at(slot);
  if (!record.liveness.newer_than(session.liveness)) return;
  session.ttl_ms = record.ttl_ms;
  session.client = record.client;
  session.opened = record.opened;
  session.liveness = record.liveness;
  session.ended_wall_ms = record.ended_wall_ms;
  if (record.liveness.ended) {
    if (session.lease != kNoSlot) leases_.remove(session.lease);
    session.lease = kNoSlot;
    sessions_.set_state(session, Session::State::kEnded);
    ended_sessions_.push_back({record.ended_wall_ms, slot, session.id});
  } else {
    if (session.lease == kNoSlot) {
      session.lease = leases_.add({static_cast<uint8_t>(LeaseKind::kSession), slot}, session.ttl_ms,
                                  now.mono_ms);
    }
    sessions_.set_state(session, Session::State::kOpen);
  }
  version_ = catalog_.follow_session(slot, version_);
}

void Registry::erase_merged(const InstanceRecord& record, uint64_t) {
  Service* service = catalog_.find(record.service);
  if (service == nullptr || service->find_tombstone(record.id) == nullptr) return;
  catalog_.forget_tombstone(*service, record.id);
}

Result<Reply> Registry::apply(const FinishLoading& input, Now now, Outputs&) {
  CALLBOOK_CHECK(loading_);
  loading_ = false;
  version_ = std::max(version_, input.last_version);
  end_unknown_sessions(now);
  leases_.renew_all(now.mono_ms);
  catalog_.sort_ages();
  std::sort(ended_sessions_.begin(), ended_sessions_.end(),
            [](const AgedSession& a, const AgedSession& b) {
              return a.ended_wall_ms != b.ended_wall_ms ? a.ended_wall_ms < b.ended_wall_ms
                                                        : a.id < b.id;
            });
  catalog_.start_recording(version_);
  return Reply(Done{});
}

void Registry::end_unknown_sessions(Now now) {
  for (uint32_t slot = 0; slot < sessions_.slot_count(); ++slot) {
    Session& session = sessions_.at(slot);
    if (!sessions_.occupied(slot) || session.state != Session::State::kUnknown) continue;
    // Its record has aged out or was lost; nobody can renew it.
    session.liveness = {0, Stamp{}, node_, true, Cause::kHomeLost};
    session.ended_wall_ms = now.wall_ms;
    sessions_.set_state(session, Session::State::kEnded);
    ended_sessions_.push_back({now.wall_ms, slot, session.id});
    version_ = catalog_.follow_session(slot, version_);
  }
}

void Registry::write_session(const Session& session, uint64_t version, RecordBatch& batch) const {
  const SessionRecord record{session.id,     session.ttl_ms,   session.client,
                             session.opened, session.liveness, session.ended_wall_ms};
  batch.begin(version);
  encode_key(record, batch.bytes());
  batch.end_key();
  encode_value(record, batch.bytes());
  batch.end();
}

void Registry::write_instance(const Service& service, std::string_view id, const KeyState& state,
                              uint64_t version, RecordBatch& batch) const {
  InstanceRecord record;
  record.service = service.key();
  record.id = id;
  record.kind = state.kind;
  record.stamp = state.stamp;
  record.cause = state.body != nullptr ? Cause::kRegistered : state.cause;
  record.removed_wall_ms = state.removed_wall_ms;
  record.liveness = state.liveness;
  std::string ports;
  std::string metadata;
  if (state.body != nullptr) {
    const PackedBody body(state.body->packed(), catalog_.interner());
    body.for_each_port([&](std::string_view name, uint16_t port) {
      base::put_string(ports, name);
      base::put_varint(ports, port);
    });
    body.for_each_metadata([&](std::string_view name, std::string_view value) {
      base::put_string(metadata, name);
      base::put_string(metadata, value);
    });
    record.body = {state.body->address(),
                   state.body->port(),
                   body.zone(),
                   state.body->weight(),
                   ports,
                   metadata,
                   {}};
  }
  record.body.holder = state.holder;
  batch.begin(version);
  encode_key(options_.datacenter, record, batch.bytes());
  batch.end_key();
  encode_value(record, batch.bytes());
  batch.end();
}

void Registry::dump(DumpCursor& cursor, size_t most, RecordBatch& out) const {
  const size_t end = out.size() + most;
  using Phase = DumpCursor::Phase;
  if (cursor.phase == Phase::kSessions) dump_sessions(cursor, end, out);
  if (cursor.phase == Phase::kInstances) dump_instances(cursor, end, out);
  if (cursor.phase == Phase::kTombstones) dump_tombstones(cursor, end, out);
}

void Registry::dump_sessions(DumpCursor& cursor, size_t end, RecordBatch& out) const {
  for (; cursor.slot < sessions_.slot_count(); ++cursor.slot) {
    if (out.size() >= end) return;
    const Session& session = sessions_.at(cursor.slot);
    if (sessions_.occupied(cursor.slot) && session.state != Session::State::kUnknown) {
      write_session(session, version_, out);
    }
  }
  cursor = {DumpCursor::Phase::kInstances, 0, {}};
}

void Registry::dump_instances(DumpCursor& cursor, size_t end, RecordBatch& out) const {
  for (; cursor.slot < catalog_.service_slots(); ++cursor.slot, cursor.after.clear()) {
    const Service* service = catalog_.at(cursor.slot);
    if (service == nullptr) continue;
    const bool whole = service->list().visit_after(cursor.after, [&](const ListEntry& entry) {
      if (out.size() >= end) return false;
      const Instance& instance = entry.instance();
      write_instance(*service, instance.id(), catalog_.state_of_body(*service, instance),
                     instance.version, out);
      cursor.after = instance.id();
      return true;
    });
    if (!whole) return;
  }
  cursor = {DumpCursor::Phase::kTombstones, 0, {}};
}

void Registry::dump_tombstones(DumpCursor& cursor, size_t end, RecordBatch& out) const {
  for (; cursor.slot < catalog_.service_slots(); ++cursor.slot, cursor.after.clear()) {
    const Service* service = catalog_.at(cursor.slot);
    if (service == nullptr) continue;
    bool whole = true;
    service->for_each_tombstone_after(cursor.after, [&](const std::string& id, const Tombstone&) {
      whole = out.size() < end;
      if (!whole) return false;
      write_instance(*service, id, catalog_.state_of(*service, id), version_, out);
      cursor.after = id;
      return true;
    });
    if (!whole) return;
  }
  cursor.phase = DumpCursor::Phase::kDone;
}

}  // namespace callbook::core
