// What goes to the bus, and what is believed of what comes from it.

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "core/registry.h"
#include "core/sections.h"

namespace callbook::core {

using base::Now;
using base::Result;

namespace {

bool holds_more(const KeyState& mine, const InstanceRecord& record) {
  if (mine.stamp > record.stamp || mine.liveness.newer_than(record.liveness)) return true;
  if (mine.stamp == record.stamp && mine.kind == RegistrationKind::kBody &&
      record.kind == RegistrationKind::kForgotten) {
    return true;
  }
  return sections_hold_more(mine.sections, record.sections);
}

bool holds_more(const Session& mine, const SessionRecord& record) {
  const bool superseded =
      !mine.superseded_instance.empty() &&
      (record.superseded.empty() || mine.superseded_instance < record.superseded);
  return mine.liveness.newer_than(record.liveness) || superseded ||
         sections_hold_more(mine.sections, record.sections);
}

InstanceRecord named(const InstanceRecord& record) {
  InstanceRecord name;
  name.service = record.service;
  name.id = record.id;
  return name;
}

}  // namespace

Result<Reply> Registry::apply(const ReportBus& input, Now now, Outputs& out) {
  if (!options_.clustered || phase_ == Phase::kLoading) return Reply(Done{});
  const bool fresh = !bus_connected_;
  bus_connected_ = true;
  if (fresh) bus_since_ms_ = now.mono_ms;
  const bool long_apart =
      in_touch_wall_ms_ != 0 && now.wall_ms - in_touch_wall_ms_ > options_.timing.rejoin_ms;
  if (fresh && long_apart && phase_ == Phase::kServing && !join_.as_new) begin_as_new(now);
  for (Stream stream : {Stream::kTied, Stream::kLasting}) {
    const size_t s = index_of(stream);
    const StreamPosition head = input.heads[s];
    const StreamPosition before = std::exchange(streams_[s].head, head);
    // Who joins does not wait for what the stream has lost, which may never come again: those who
    // would publish may all be waiting (seed 9000832).
    StreamPosition& target = join_.target[s];
    if (target.generation == head.generation) {
      target.version = std::min(target.version, head.version);
    }
    const StreamPosition at = positions_[s];
    if (at.generation == 0) continue;
    if (at.generation != head.generation || head.version < at.version) {
      reset_stream(stream);
    } else if (!fresh && at.version < before.version) {
      fetch(stream, now, out);  // push has had its time
    } else if (fresh && at.version < head.version) {
      fetch(stream, now, out);
    }
  }
  advance_join(now, out);
  return Reply(Done{});
}

Result<Reply> Registry::apply(const ReportBusLost&, Now now, Outputs&) {
  bus_connected_ = false;
  for (StreamState& stream : streams_) stream.fetched_ms = 0;
  outbox_.fail_all(now.mono_ms);
  return Reply(Done{});
}

void Registry::fetch(Stream stream, Now now, Outputs& out) {
  StreamState& state = streams_[index_of(stream)];
  const bool asked =
      state.fetched_ms != 0 && now.mono_ms - state.fetched_ms < options_.timing.fetch_timeout_ms;
  if (asked || !bus_connected_) return;
  state.fetched_ms = std::max<int64_t>(now.mono_ms, 1);
  const StreamPosition at = positions_[index_of(stream)];
  out.fetches.push_back({stream, at.generation, at.version});
}

Result<Reply> Registry::apply(const ApplyBatch& input, Now now, Outputs& out) {
  if (!options_.clustered || phase_ == Phase::kLoading) return Reply(Done{});
  StreamPosition& at = positions_[index_of(input.stream)];
  if (input.generation != at.generation || input.through <= at.version) return Reply(Done{});
  if (input.after > at.version) {
    ++counters_.gaps;
    fetch(input.stream, now, out);
    return Reply(Done{});
  }
  // Sessions first: who may hold an instance is judged by what is known of its session, and a
  // stream keeps a session's latest record only, behind the instances that it has registered.
  for (const bool of_sessions : {true, false}) {
    for (const BusMessage& message : input.messages) {
      if (message.version <= at.version || is_session_key(message.key) != of_sessions) continue;
      apply_message(input.stream, message, now, out);
    }
  }
  at.version = input.through;
  streams_[index_of(input.stream)].fetched_ms = 0;
  if (at.version < streams_[index_of(input.stream)].head.version) fetch(input.stream, now, out);
  write_mark(now, out);
  advance_join(now, out);
  return Reply(Done{});
}

/// `stream`: nothing of a record of a snapshot.
void Registry::apply_message(std::optional<Stream> stream, const BusMessage& message, Now now,
                             Outputs& out) {
  if (message.value.empty() || is_private_key(message.key)) return;
  auto decoded = decode_record(message.key, message.value);
  if (!decoded.ok()) {
    ++counters_.not_understood;
    return;
  }
  // What is to be corrected of a snapshot goes to the stream on which such a record travels.
  const auto source = [&](Stream usual) {
    return Source{stream.value_or(usual), stream.has_value()};
  };
  if (const auto* session = std::get_if<SessionRecord>(&*decoded)) {
    apply_record(source(Stream::kTied), message, *session, now, out);
  } else if (const auto* instance = std::get_if<InstanceRecord>(&*decoded)) {
    const Stream usual = stream_of(instance->kind, instance->body.holder.kind);
    apply_record(source(usual), message, *instance, now, out);
  } else if (const auto* said = std::get_if<OverrideRecord>(&*decoded)) {
    apply_record(source(Stream::kLasting), message, *said, now, out);
  }
}

void Registry::apply_record(Source source, const BusMessage& message, const SessionRecord& record,
                            Now now, Outputs& out) {
  Session* known = sessions_.find(record.id);
  const bool unheard_of = known == nullptr || known->state == Session::State::kUnknown;
  if (unheard_of) {
    const int64_t forgotten_wall_ms = now.wall_ms - options_.timing.tombstone_ms;
    if (is_ghost(record.liveness, now)) return;
    if (record.liveness.ended && record.ended_wall_ms < forgotten_wall_ms) return;
  } else if (record.liveness.newer_than(known->liveness) &&
             must_refute(*known, record.liveness, now)) {
    return refute(*known, record, now, out);
  }
  // Whoever believed in that end has forgotten the bodies.
  const bool wrong_end = record.liveness.ended && known != nullptr &&
                         known->state == Session::State::kOpen && is_home(known->liveness) &&
                         known->liveness.newer_than(record.liveness);
  if (wrong_end) announce_session(*known, now, out);
  if (merge_session(record, now, out)) {
    write(sessions_.at(sessions_.slot_for(record.id)), ++version_, out.records);
  }
  const Session& merged = sessions_.at(sessions_.slot_for(record.id));
  compare(source, message.key, holds_more(merged, record), merged.liveness.stamp.node == node_, now,
          out);
}

/// Word of something that has long been over, of which nothing else is known.
bool Registry::is_old_news(const InstanceRecord& record, const KeyState& present, Now now) const {
  if (present.kind != RegistrationKind::kNone || present.liveness.epoch != 0) return false;
  if (!record.sections.empty()) return false;
  if (record.kind != RegistrationKind::kBody) {
    return record.removed_wall_ms < now.wall_ms - options_.timing.tombstone_ms;
  }
  return record.body.holder.kind == HolderKind::kTtl &&
         is_ghost(record.liveness, record.stamp, now);
}

void Registry::apply_record(Source source, const BusMessage& message, const InstanceRecord& record,
                            Now now, Outputs& out) {
  clock_.observe(record.stamp.hlc);
  clock_.observe(record.liveness.stamp.hlc);
  if (const Service* known = catalog_.find(record.service); is_old_news(
          record, known == nullptr ? KeyState{} : catalog_.state_of(*known, record.id), now)) {
    return;
  }
  Service& service = catalog_.find_or_add(record.service);
  const KeyState present = catalog_.state_of(service, record.id);
  if (reassert(service, present, record, now, out)) return;
  if (keep_held(service, present, record, now, out)) return;
  if (refute(service, present, record, now, out)) return;
  const bool outlived = is_outlived(present, record);
  if (merge_heard(service, present, record, outlived, now)) {
    store(*catalog_.find(record.service), record.id, out);
  }
  restate(record, now, out);
  Service* const merged = catalog_.find(record.service);
  if (merged == nullptr) return;  // it said nothing, of something unknown
  // Of the registration here that says nothing: where it was heard of, it may have been removed
  // before the other one came.
  if (!outlived) catalog_.note_heard(*merged, record.id, round_);
  catalog_.settle_part(*merged, record.id);
  const KeyState state = catalog_.state_of(*merged, record.id);
  const bool waits = state.body != nullptr && merged->find_live(record.id) == nullptr;
  if (waits && present.body == nullptr) ++counters_.waited_for_session;
  if (outlived && may_sweep()) return;
  const bool is_author = state.stamp.node == node_ || state.liveness.stamp.node == node_;
  const bool more = holds_more(state, record);
  if (more && state.holder.kind == HolderKind::kSession) repeat_own(state.holder.session, now, out);
  compare(source, message.key, more, is_author, now, out);
}

/// Who lacks a registration may lack the session that holds it as well, and would give it up
/// before the digests show that (seed 9001738). Its home says both.
void Registry::repeat_own(const SessionId& id, Now now, Outputs& out) {
  const Session* session = sessions_.find(id);
  if (session == nullptr || session->state != Session::State::kOpen) return;
  if (!is_home(session->liveness)) return;
  owe(Stream::kTied, key_of(id), Outbox::Reason::kRepeat, now.mono_ms, now, out);
}

/// Whether what is over was a later process's: the registration here had lost its id to it before.
bool Registry::had_been_taken(const KeyState& present, const InstanceRecord& record) {
  const Holder& later = record.body.holder;
  if (present.holder.kind != HolderKind::kSession || later.kind != HolderKind::kSession) {
    return false;
  }
  const Session* own = sessions_.find(present.holder.session);
  const Session* rival = sessions_.find(later.session);
  if (own == nullptr || rival == nullptr || rival->state == Session::State::kUnknown) return false;
  return rival->opened > own->opened;
}

/// Whether what `record` tells of is over, while the holder of what is registered here lives.
bool Registry::is_outlived(const KeyState& present, const InstanceRecord& record) {
  return catalog_.outlives(present, record) && !had_been_taken(present, record);
}

/// Merges what was heard, and of which is known whether it is_outlived(); returns whether anything
/// changed.
bool Registry::merge_heard(Service& service, const KeyState& present, InstanceRecord record,
                           bool outlived, Now now) {
  if (outlived) {
    record.kind = RegistrationKind::kNone;
    record.stamp = {};
    // With the registration goes what it said besides: later than what the one that is kept has
    // said, it would displace that (seed 7087341042780).
    record.sections = {};
  }
  return catalog_.merge(service, present, record, version_ + 1, now);
}

/// Two sessions claim one instance (or the other has claimed it, and has left it since), and the
/// record that wins by its stamp is the one of the session that was opened earlier: the later
/// process is told to go on, so its registration takes a later stamp. If the other was opened
/// later, the process here is told to stop. Only the home of the session does that, so that it is
/// done once; but the node that accepted the registration tells the process to stop, too: the home
/// may have heard of the other one first, and then never holds this one.
bool Registry::reassert(Service& service, const KeyState& present, const InstanceRecord& record,
                        Now now, Outputs& out) {
  if (present.body == nullptr || present.holder.kind != HolderKind::kSession) return false;
  if (record.kind == RegistrationKind::kNone || record.stamp <= present.stamp) return false;
  const bool removed = record.kind == RegistrationKind::kRemoved;
  const bool forgotten = record.kind == RegistrationKind::kForgotten;
  const Holder& claimant = record.body.holder;
  if (claimant.kind != HolderKind::kSession || claimant.session == present.holder.session) {
    return false;
  }
  if (claimant.session == SessionId{}) return false;  // an operator's word goes for whoever it was
  Session& own = *sessions_.find(present.holder.session);
  const bool is_at_home = is_home(own.liveness);
  const bool accepted_here = present.stamp.node == node_;
  if (own.state != Session::State::kOpen || (!is_at_home && !accepted_here)) return false;
  const Session* rival = sessions_.find(claimant.session);
  const bool known = rival != nullptr && rival->state != Session::State::kUnknown;
  // Which of the two is the later cannot be said yet. The record comes again once it can: until
  // then the nodes' digests differ. Of one that is over nothing more may come, once all has been
  // read that there is.
  const size_t tied = index_of(Stream::kTied);
  const bool behind = positions_[tied].version < streams_[tied].head.version;
  if (!known && is_at_home && !forgotten && (!removed || behind)) return true;
  if (known && rival->opened > own.opened) {
    note_taken_over(record.service, record.id, own, *rival, out);
    supersede(own, record.id, now, out);
    return false;
  }
  if (!is_at_home || forgotten) return false;  // what was forgotten, restate() answers
  ++counters_.reasserted;
  stamp_anew(service, *present.body, record.sections, now, out);
  return true;
}

/// A registration without a session was accepted at a node that does not know whether the holder of
/// the id lives. Its home does, and keeps what that node would have refused here.
bool Registry::keep_held(Service& service, const KeyState& present, const InstanceRecord& record,
                         Now now, Outputs& out) {
  if (present.body == nullptr || present.holder.kind != HolderKind::kSession) return false;
  if (record.kind != RegistrationKind::kBody || record.stamp <= present.stamp) return false;
  if (record.body.holder.kind == HolderKind::kSession) return false;
  const Session& holder = *sessions_.find(present.holder.session);
  if (holder.state != Session::State::kOpen) return false;
  const auto extras = decode_extras(record.body.extras);
  if (extras && extras->insists) return false;
  if (!is_held(holder, nullptr, *present.body, record.body, now)) return false;
  ++counters_.reasserted;
  stamp_anew(service, *present.body, record.sections, now, out);
  // Its lease and what else it says of the id stand, as with any other that is late.
  const KeyState kept = catalog_.state_of(service, record.id);
  if (merge_heard(service, kept, record, is_outlived(kept, record), now))
    change(service, record.id, now, out);
  if (options_.clustered && record.body.holder.kind == HolderKind::kPersistent) {
    // The stream of lasting records keeps the claim for ever, unless it is told.
    owe(Stream::kLasting, key_of(service.key(), record.id), Outbox::Reason::kChange, now.mono_ms,
        now, out);
  }
  return true;
}

/// Somebody believes that an instance with a TTL of its own is gone, whose heartbeats come here.
bool Registry::refute(Service& service, const KeyState& present, InstanceRecord record, Now now,
                      Outputs& out) {
  if (present.body == nullptr || !record.liveness.newer_than(present.liveness)) return false;
  if (!catalog_.has_evidence(*present.body, now.mono_ms)) return false;
  const bool doubted =
      record.liveness.cause == Cause::kHomeLost || record.liveness.health != Health::kUp;
  const bool taken = record.liveness.home != node_ && doubted;
  if (!record.liveness.ended && !taken) return false;
  const bool superseded =  // registered anew, or removed
      record.stamp > present.stamp && record.kind != RegistrationKind::kForgotten;
  if (superseded) return false;
  ++counters_.refuted;
  record.liveness = {
      record.liveness.epoch + 1, clock_.next(now), node_, false, Cause::kNone, now.wall_ms};
  merge_heard(service, present, record, is_outlived(present, record), now);
  if (const KeyState state = catalog_.state_of(service, record.id); state.body != nullptr) {
    catalog_.restart_ttl(state.body->holder_slot, now.mono_ms);  // a new home grants it a whole TTL
  }
  change(service, record.id, now, out);
  restate(record, now, out);
  return true;
}

/// Another node has forgotten a later registration of an instance whose holder lives here. What
/// this home holds takes a stamp later still, so that all hold one again. If it holds nothing, the
/// holder is asked; a lease of its own has nobody to ask, and ends.
///
/// A registers with a TTL, so that it is the home of the lease's epoch 3. B, cut off, knows only of
/// epoch 1. A deregisters; later B registers the same id, in its epoch 2, which lapses. Then the
/// two meet: the registration that B forgot has the later stamp, and epoch 3 outdoes the end of
/// epoch 2. C, which has not heard of the deregistration, is to keep what a living lease holds
/// (outlives) until the home says otherwise. A has nothing to say: the lease that it has left holds
/// up nothing.
void Registry::restate(const InstanceRecord& forgotten, Now now, Outputs& out) {
  if (forgotten.kind != RegistrationKind::kForgotten) return;
  Service* service = catalog_.find(forgotten.service);
  if (service == nullptr) return;
  const KeyState state = catalog_.state_of(*service, forgotten.id);
  const bool of_session = state.holder.kind == HolderKind::kSession;
  Session* session = of_session ? sessions_.find(state.holder.session) : nullptr;
  if (of_session && session == nullptr) return;
  const Liveness& liveness = of_session ? session->liveness : state.liveness;
  if (!is_home(liveness) || liveness.ended) return;
  if (state.body == nullptr) {
    if (of_session && state.stamp == forgotten.stamp) session->lacks_registrations = true;
    const bool idle =
        state.kind == RegistrationKind::kForgotten && state.holder.kind == HolderKind::kTtl;
    if (idle) end_lease(*service, forgotten.id, state.liveness, Cause::kDeregistered, now, out);
    return;
  }
  if (state.stamp >= forgotten.stamp) return;
  if (may_sweep() && !is_vouched(*state.body, now)) return;
  ++counters_.restated;
  stamp_anew(*service, *state.body, forgotten.sections, now, out);
}

/// What this node holds of an instance takes a later stamp than all that it has heard of, and what
/// its provider says of itself than the sections `heard` with what it is held against.
void Registry::stamp_anew(Service& service, const Instance& body, std::string_view heard, Now now,
                          Outputs& out) {
  const Stamp stamp = clock_.next(now);
  catalog_.restamp(service, body, stamp);
  catalog_.restamp_status(service, body, heard, stamp);
  catalog_.settle_part(service, body.id());
  change(service, body.id(), now, out);
}

/// Weighs an applied message against what this node holds now. Who holds more publishes the merge:
/// its author at once, others if the author does not.
void Registry::compare(Source source, std::string_view key, bool more, bool is_author, Now now,
                       Outputs& out) {
  if (more) {
    ++counters_.corrections;
    const int64_t due_ms = is_author ? now.mono_ms : delayed_ms(key, now);
    return owe(source.stream, key, Outbox::Reason::kRepeat, due_ms, now, out);
  }
  if (!source.is_bus) return;
  if (const Outbox::Entry* entry = outbox_.find(source.stream, key)) {
    if (entry->reason == Outbox::Reason::kRepeat) ++counters_.corrections_spared;
    settle(*entry, false, out);
  }
}

int64_t Registry::delayed_ms(std::string_view key, Now now) const {
  const auto delay_ms = static_cast<uint64_t>(options_.timing.correction_ms);
  const uint64_t jitter_ms = base::mix64(base::xxh64(key) ^ base::mix64(node_)) % delay_ms;
  return now.mono_ms + static_cast<int64_t>(delay_ms + jitter_ms);
}

void Registry::owe(Stream stream, std::string_view key, Outbox::Reason reason, int64_t due_ms,
                   Now now, Outputs& out) {
  if (!options_.clustered) return;
  if (direct_.active() && reason == Outbox::Reason::kChange) direct_.note(stream, key);
  if (!outbox_.owe(stream, key, reason, version_, due_ms, now.wall_ms)) return;
  const OwedRecord record{stream, key, now.wall_ms};
  out.records.begin(++version_);
  encode_key(record, out.records.bytes());
  out.records.end_key();
  encode_value(record, out.records.bytes());
  out.records.end();
}

/// The bus holds what this node holds of the entry's record.
void Registry::settle(const Outbox::Entry& entry, bool acknowledged, Outputs& out) {
  const std::string key = entry.key;
  const Stream stream = entry.stream;
  const Outbox::Settled settled = acknowledged ? outbox_.acknowledged(entry) : outbox_.heard(entry);
  if (settled.reason != Outbox::Reason::kChange) return;
  const Stream other = stream == Stream::kTied ? Stream::kLasting : Stream::kTied;
  const Outbox::Entry* elsewhere = outbox_.find(other, key);
  const bool everywhere = elsewhere == nullptr || elsewhere->reason != Outbox::Reason::kChange;
  if (everywhere) out.settled.push_back({key, settled.version});
  if (!settled.left) return;
  std::string owed;
  encode_key(OwedRecord{stream, key, 0}, owed);
  write_erased(owed, out.records);
}

Result<Reply> Registry::apply(const SettlePublication& input, Now now, Outputs& out) {
  const Outbox::Entry* entry = outbox_.in_flight(input.ticket);
  if (entry == nullptr) return Reply(Done{});
  if (input.acknowledged) {
    settle(*entry, true, out);
  } else {
    outbox_.failed(*entry, now.mono_ms + options_.timing.publish_retry_ms);
  }
  return Reply(Done{});
}

void Registry::change(const Session& session, Now now, Outputs& out) {
  write(session, ++version_, out.records);
  if (!options_.clustered) return;
  owe(Stream::kTied, key_of(session.id), Outbox::Reason::kChange, now.mono_ms, now, out);
}

uint64_t Registry::change(const Service& service, std::string_view id, Now now, Outputs& out) {
  const KeyState state = catalog_.state_of(service, id);
  const uint64_t version = ++version_;
  write(service, id, state, version, out.records);
  if (!options_.clustered) return version;
  owe(stream_of(state.kind, state.holder.kind), key_of(service.key(), id), Outbox::Reason::kChange,
      now.mono_ms, now, out);
  return version;
}

void Registry::store(const Service& service, std::string_view id, Outputs& out) {
  write(service, id, catalog_.state_of(service, id), ++version_, out.records);
}

void Registry::publish_due(Now now, Publications& out) {
  if (!options_.clustered || !bus_connected_) return;
  if (phase_ != Phase::kServing || join_.as_new) return;
  while (outbox_.flying() < options_.limits.max_publications) {
    const Outbox::Entry* entry = outbox_.next_due(now.mono_ms);
    if (entry == nullptr) return;
    const std::string key = entry->key;
    RecordBatch& batch = out[index_of(entry->stream)];
    const uint64_t ticket = outbox_.sent(*entry, now.mono_ms);
    // Nothing is known of it any more: it was dropped for its age.
    if (!write_current(key, ticket, now, true, batch)) outbox_.drop(*entry);
  }
}

/// Writes what this node holds of a record now; false if that is nothing. `announces`: for the bus,
/// whose records age.
bool Registry::write_current(std::string_view key, uint64_t ticket, Now now, bool announces,
                             RecordBatch& batch) {
  const auto decoded = decode_record(key, {});
  CALLBOOK_CHECK(decoded.ok());
  if (const auto* name = std::get_if<SessionRecord>(&*decoded)) {
    Session* session = sessions_.find(name->id);
    if (session == nullptr || session->liveness.epoch == 0) return false;
    if (announces && is_home(session->liveness)) {
      session->liveness.announced_wall_ms = now.wall_ms;
    }
    write(*session, ticket, batch);
    return true;
  }
  if (const auto* name = std::get_if<OverrideRecord>(&*decoded)) {
    const Service* service = catalog_.find(name->service);
    if (service == nullptr || service->find_override(name->id) == nullptr) return false;
    write_override(*service, name->id, ticket, batch);
    return true;
  }
  const InstanceRecord name = named(std::get<InstanceRecord>(*decoded));
  Service* service = catalog_.find(name.service);
  if (service == nullptr) return false;
  KeyState state = catalog_.state_of(*service, name.id);
  const bool nothing = state.kind == RegistrationKind::kNone && state.liveness.epoch == 0;
  if (nothing && state.sections.empty()) return false;
  if (announces && state.body != nullptr && state.body->holder_kind() == HolderKind::kTtl &&
      is_home(state.liveness)) {
    catalog_.note_announced(*state.body, now.wall_ms);
    state.liveness.announced_wall_ms = now.wall_ms;
  }
  catalog_.settle_part(*service, name.id);
  write(*service, name.id, state, ticket, batch);
  return true;
}

/// Notes in the store how far the node is in touch with the others.
void Registry::write_mark(Now now, Outputs& out) {
  marked_ms_ = now.mono_ms;
  out.records.begin(++version_);
  encode_mark_key(out.records.bytes());
  out.records.end_key();
  encode_value(MarkRecord{in_touch_wall_ms_, positions_}, out.records.bytes());
  out.records.end();
}

}  // namespace callbook::core
