// Living with the other nodes: beats, joining, comparing digests, announcing.

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "core/registry.h"

namespace callbook::core {

using base::Now;
using base::Result;

namespace {

/// Records looked at per AdvanceTime while announcing.
constexpr size_t kAnnouncedPerTick = 2'000;
constexpr int64_t kAskSnapshotAgainMs = 2'000;
/// Digests that differ so many beats in a row at equal positions differ for good.
constexpr uint32_t kDifferingBeats = 3;
constexpr int64_t kShowBucketsMs = 10'000;
constexpr int64_t kFirstRepairWaitMs = 4'000;
constexpr int64_t kLongestRepairWaitMs = 10 * 60'000;
/// About 285,000 years from 1970: what is later is no clock's.
constexpr int64_t kLastWallMs = int64_t{1} << 53;
/// While everything is announced anew, other authors are given this long per record known.
constexpr int64_t kRecordsAnnouncedPerMs = 10;

}  // namespace

bool Registry::isolated(Now now) const {
  return options_.clustered && !bus_connected_ && !peers_.hears_majority(now.mono_ms);
}

Result<Reply> Registry::apply(const HearBeat& input, Now now, Outputs&) {
  if (!options_.clustered) return Reply(Done{});
  const auto heard = decode_beat(input.bytes);
  if (!heard.ok()) {
    ++counters_.not_understood;
    return heard.error();
  }
  if (heard->wall_ms < 0 || heard->wall_ms > kLastWallMs) {
    ++counters_.not_understood;
    return base::Error{base::ErrorCode::kCorrupt, "beat", "tells an impossible time", std::nullopt};
  }
  const NodeId sender = node_id_of(heard->node);
  if (sender == node_) {
    const bool own = heard->node == options_.node && heard->boot == options_.boot;
    if (!own) ++counters_.name_conflicts;
    return Reply(Done{});
  }
  PeerTable::Peer& peer = peers_.hear(sender, now.mono_ms);
  if (!peer.name.empty() && peer.name != heard->node) ++counters_.name_conflicts;
  if (peer.boot != heard->boot) PeerTable::begin_anew(peer, heard->boot);
  peer.name = heard->node;
  peer.serving = heard->serving;
  readers_.hear(sender, heard->reads, heard->all_read, now.mono_ms);
  peer.clock_ahead_ms = heard->wall_ms - now.wall_ms;
  counters_.largest_clock_gap_ms =
      std::max<int64_t>(counters_.largest_clock_gap_ms, std::abs(peer.clock_ahead_ms));
  if (heard->serving && phase_ == Phase::kServing) compare_digests(peer, *heard, now);
  return Reply(Done{});
}

Result<Reply> Registry::apply(const ClaimName& input, Now now, Outputs& out) {
  if (!options_.asks_for_name || phase_ != Phase::kJoining) return Reply(Done{});
  const ClaimName::Stage before = std::exchange(claim_, input.stage);
  if (before == ClaimName::Stage::kListening && claim_ != before) {
    beaten_ms_ = now.mono_ms - options_.timing.beat_ms;  // the first beat is due at once
    beat(now, out);
  }
  advance_join(now, out);
  return Reply(Done{});
}

void Registry::compare_digests(PeerTable::Peer& peer, const NodeBeat& beat, Now now) {
  const bool settled = outbox_.size() == 0 && !announcing_.active && !join_.as_new;
  // At different positions, or with changes still on their way, digests may differ.
  if (!settled || !beat.settled || beat.positions != positions_) return;
  if (beat.root == digest_.root()) {
    if (peer.differing_beats >= kDifferingBeats) repair_wait_ms_ = 0;
    peer.differing_beats = 0;
    return;
  }
  if (++peer.differing_beats < kDifferingBeats) return;
  show_buckets_until_ms_ = now.mono_ms + kShowBucketsMs;
  if (!beat.buckets || now.mono_ms < repair_not_before_ms_) return;
  ++counters_.repairs;
  announce(digest_.differing(*beat.buckets), now);
  repair_wait_ms_ = std::clamp(repair_wait_ms_ * 2, kFirstRepairWaitMs, kLongestRepairWaitMs);
  repair_not_before_ms_ = now.mono_ms + repair_wait_ms_;
}

void Registry::beat(Now now, Outputs& out) {
  if (claim_ == ClaimName::Stage::kListening) return;
  if (now.mono_ms - beaten_ms_ < options_.timing.beat_ms) return;
  beaten_ms_ = now.mono_ms;
  NodeBeat beat;
  beat.node = options_.node;
  beat.boot = options_.boot;
  beat.wall_ms = now.wall_ms;
  beat.serving = phase_ == Phase::kServing && !join_.as_new;
  beat.settled = outbox_.size() == 0 && !announcing_.active;
  beat.positions = positions_;
  beat.root = digest_.root();
  if (now.mono_ms < show_buckets_until_ms_) beat.buckets = digest_.buckets();
  beat.reads = kReadFeatures;
  beat.all_read = features_read_by_all(now);
  out.beat = encode_beat(beat);
}

void Registry::advance_cluster(Now now, Outputs& out) {
  const Timing& timing = options_.timing;
  peers_.forget_silent(now.mono_ms - timing.record_age_ms);
  if (isolated(now)) {
    contact_since_ms_ = 0;
  } else {
    readers_.listen(now.mono_ms);
    if (contact_since_ms_ == 0) contact_since_ms_ = std::max<int64_t>(now.mono_ms, 1);
  }
  outbox_.fail_older(now.mono_ms - timing.publish_timeout_ms, now.mono_ms);
  advance_join(now, out);
  if (sweep_due_ms_ != 0 && now.mono_ms >= sweep_due_ms_ && bus_connected_) sweep(now, out);
  advance_announcing(now, out);
  bool level = bus_connected_ && phase_ == Phase::kServing && !join_.as_new;
  for (Stream stream : {Stream::kTied, Stream::kLasting}) {
    const size_t s = index_of(stream);
    const bool behind = positions_[s].generation == streams_[s].head.generation &&
                        positions_[s].version < streams_[s].head.version;
    level &= !behind;
    if (behind && streams_[s].fetched_ms != 0) fetch(stream, now, out);  // again, when overdue
  }
  advance_direct(now, out);
  if (level) in_touch_wall_ms_ = now.wall_ms;
  if (level && now.mono_ms - marked_ms_ >= timing.mark_ms) write_mark(now, out);
  beat(now, out);
}

/// The stream was made anew, or has lost its end: it says nothing of what this node holds. Applied
/// from its beginning, and answered by announcing.
void Registry::reset_stream(Stream stream) {
  ++counters_.streams_reset;
  const size_t s = index_of(stream);
  join_.streams_same = false;
  join_.announce_all = true;
  streams_[s].fetched_ms = 0;
  positions_[s] = {streams_[s].head.generation, 0};
  if (phase_ != Phase::kServing || join_.as_new) {
    // Not from its beginning if there is somebody who knows better.
    positions_[s].generation = 0;
    join_.snapshot_done = false;
    join_.replaying = false;
  }
}

bool Registry::positions_fit() const {
  for (size_t s = 0; s < kStreamCount; ++s) {
    if (positions_[s].generation != streams_[s].head.generation) return false;
  }
  return true;
}

bool Registry::caught_up() const {
  for (size_t s = 0; s < kStreamCount; ++s) {
    if (positions_[s].generation != join_.target[s].generation ||
        positions_[s].version < join_.target[s].version) {
      return false;
    }
  }
  return true;
}

void Registry::advance_join(Now now, Outputs& out) {
  const bool announces = join_.announce_all && phase_ == Phase::kServing && !join_.as_new;
  if (announces) {
    join_.announce_all = false;
    announce(BucketSet().set(), now);
  }
  if (phase_ == Phase::kLoading || (phase_ == Phase::kServing && !join_.as_new)) return;
  if (stalled_ms_ != 0 && join_.since_ms == stalled_ms_ && stood_still(now)) {
    join_.target = {streams_[0].head, streams_[1].head};
    return;
  }
  if (!bus_connected_) {
    if (join_.snapshot_done) return finish_join(now, out);
    const bool seeks = peers_.any_serving(now.mono_ms) && !gave_up_snapshots(now);
    if (seeks) return seek_snapshot(now, out);
    const bool waited = now.mono_ms - join_.since_ms >= options_.timing.join_timeout_ms;
    // Who has never known anything has nothing to serve.
    const bool has_name = claim_ == ClaimName::Stage::kOwned;
    if (phase_ == Phase::kJoining && waited && has_name && in_touch_wall_ms_ != 0) {
      ++counters_.served_stale;
      begin_service(Phase::kStale, now);
    }
    return;
  }
  if (!std::exchange(join_.judged, true)) {
    join_.target = {streams_[0].head, streams_[1].head};
    const int64_t apart_ms = now.wall_ms - in_touch_wall_ms_;
    if (in_touch_wall_ms_ == 0) join_.announce_all = true;
    if (in_touch_wall_ms_ != 0 && apart_ms > options_.timing.rejoin_ms) begin_as_new(now);
  }
  const bool unfit = !positions_fit() || (join_.as_new && !join_.replaying);
  if (unfit && !join_.snapshot_done) return seek_snapshot(now, out);
  if (unfit && !positions_fit()) return begin_replay();
  if (caught_up()) {
    const bool may_ask = !join_.snapshot_done && !join_.replaying;
    if (may_ask && catalog_.lacks_bodies()) return seek_snapshot(now, out);
    return finish_join(now, out);
  }
  fetch(Stream::kTied, now, out);
  fetch(Stream::kLasting, now, out);
}

/// They say that they serve, and none has given what it has.
bool Registry::gave_up_snapshots(Now now) const {
  const int64_t asked_ms = join_.snapshot_asked_ms;
  const bool progresses = join_.snapshot_running && now.mono_ms - join_.snapshot_progress_ms <
                                                        options_.timing.snapshot_timeout_ms;
  return asked_ms != 0 && !progresses &&
         now.mono_ms - asked_ms > 3 * options_.timing.snapshot_timeout_ms;
}

/// Asks for a snapshot while some other node can give one; else takes the streams from their
/// beginnings.
void Registry::seek_snapshot(Now now, Outputs& out) {
  const Timing& timing = options_.timing;
  const int64_t progress_ms = join_.snapshot_progress_ms;
  if (join_.snapshot_running && now.mono_ms - progress_ms < timing.snapshot_timeout_ms) return;
  join_.snapshot_running = false;
  const int64_t asked_ms = join_.snapshot_asked_ms;
  if (peers_.any_serving(now.mono_ms) && !gave_up_snapshots(now)) {
    if (asked_ms != 0 && now.mono_ms - progress_ms < kAskSnapshotAgainMs) return;
    if (asked_ms == 0) join_.snapshot_asked_ms = std::max<int64_t>(now.mono_ms, 1);
    join_.snapshot_progress_ms = now.mono_ms;
    out.wants_snapshot = true;
    return;
  }
  const int64_t waited_ms = now.mono_ms - std::max(join_.since_ms, bus_since_ms_);
  if (bus_connected_ && waited_ms >= timing.peer_wait_ms) begin_replay();
}

void Registry::begin_replay() {
  ++counters_.replays;
  join_.replaying = true;
  for (size_t s = 0; s < kStreamCount; ++s) {
    if (positions_[s].generation != streams_[s].head.generation || join_.as_new) {
      positions_[s] = {streams_[s].head.generation, 0};
    }
    join_.target[s] = streams_[s].head;
    streams_[s].fetched_ms = 0;
  }
}

Result<Reply> Registry::apply(const ApplySnapshot& input, Now now, Outputs& out) {
  const bool wanted = phase_ == Phase::kJoining || phase_ == Phase::kStale || join_.as_new;
  if (!options_.clustered || phase_ == Phase::kLoading || !wanted || join_.snapshot_done ||
      join_.replaying) {
    return Reply(Done{});
  }
  if (input.first) {
    join_.snapshot_running = true;
    join_.snapshot_positions = input.positions;
  }
  if (!join_.snapshot_running) return Reply(Done{});  // the rest of one given up
  join_.snapshot_progress_ms = now.mono_ms;
  for (const BusMessage& record : input.records) {
    apply_message(std::nullopt, record, now, out);
  }
  if (!input.last) return Reply(Done{});
  ++counters_.snapshots;
  join_.snapshot_running = false;
  join_.snapshot_done = true;
  positions_ = join_.snapshot_positions;
  for (size_t s = 0; s < kStreamCount; ++s) {
    streams_[s].fetched_ms = 0;
    join_.target[s] = streams_[s].head;
  }
  advance_join(now, out);
  return Reply(Done{});
}

Result<Reply> Registry::apply(const ReadRecords& input, Now, Outputs&) {
  if (phase_ != Phase::kServing || join_.as_new) {
    return base::Error{base::ErrorCode::kNotReady, "", "this node is still joining the others",
                       std::nullopt};
  }
  auto part = std::make_shared<RecordsRead::Part>();
  part->positions = positions_;
  part->next = input.cursor;
  dump(part->next, input.most, part->records);
  return Reply(RecordsRead{std::move(part)});
}

Result<Reply> Registry::apply(const ReadStamp& input, Now, Outputs&) {
  const Service* service = catalog_.find(input.key.service);
  if (service == nullptr) return Reply(StampRead{});
  const Override* said = service->find_override(input.key.id);
  if (input.of_override) {
    return Reply(StampRead{said == nullptr ? Stamp{} : said->stamp, service->version()});
  }
  Stamp stamp = catalog_.state_of(*service, input.key.id).stamp;
  // What an operator took out left by the override, not by a registration.
  if (said != nullptr && said->exclusion) stamp = std::max(stamp, said->stamp);
  return Reply(StampRead{stamp, service->version()});
}

void Registry::begin_as_new(Now now) {
  ++counters_.rejoined_as_new;
  ++round_;
  join_.as_new = true;
  join_.judged = true;
  join_.since_ms = now.mono_ms;
  join_.snapshot_asked_ms = 0;
  join_.snapshot_running = false;
  join_.snapshot_done = false;
  join_.replaying = false;
  join_.target = {streams_[0].head, streams_[1].head};
  // What was owed for longer is as old as the rest; what was accepted since is news.
  outbox_.drop_if([&](const Outbox::Entry& entry) {
    if (entry.reason == Outbox::Reason::kRepeat) return true;
    const bool drops = is_owed_for_too_long(entry, now);
    if (drops && entry.stream == Stream::kLasting) dropped_lasting_.push_back(entry.key);
    return drops;
  });
  outbox_.for_each_change_after({}, [&](const std::string&, const Outbox::Entry& entry) {
    const auto name = decode_record(entry.key, {});
    if (const auto* session = std::get_if<SessionRecord>(&*name)) {
      if (Session* known = sessions_.find(session->id)) known->round = round_;
    } else if (const auto* said = std::get_if<OverrideRecord>(&*name)) {
      const Service* service = catalog_.find(said->service);
      const Override* known = service == nullptr ? nullptr : service->find_override(said->id);
      if (known != nullptr) known->round = round_;
    } else if (const auto* instance = std::get_if<InstanceRecord>(&*name)) {
      Service* service = catalog_.find(instance->service);
      if (service != nullptr) catalog_.note_heard(*service, instance->id, round_);
    }
    return true;
  });
}

/// Whether a change that is owed is as old as what a node drops that rejoins as new. One that was
/// owed early may have been followed by others since.
bool Registry::is_owed_for_too_long(const Outbox::Entry& entry, Now now) {
  const int64_t before_wall_ms = now.wall_ms - options_.timing.rejoin_ms;
  return entry.since_wall_ms < before_wall_ms && said_wall_ms(entry.key) < before_wall_ms;
}

/// When what this node holds of a record was last changed, as its stamps tell; 0: it holds nothing.
int64_t Registry::said_wall_ms(std::string_view key) {
  const auto name = decode_record(key, {});
  CALLBOOK_CHECK(name.ok());
  Stamp stamp;
  if (const auto* session = std::get_if<SessionRecord>(&*name)) {
    const Session* known = sessions_.find(session->id);
    if (known != nullptr) stamp = known->liveness.stamp;
  } else if (const auto* instance = std::get_if<InstanceRecord>(&*name)) {
    const Service* service = catalog_.find(instance->service);
    if (service != nullptr) {
      const KeyState state = catalog_.state_of(*service, instance->id);
      stamp = std::max(state.stamp, state.liveness.stamp);
    }
  } else if (const auto* said = std::get_if<OverrideRecord>(&*name)) {
    const Service* service = catalog_.find(said->service);
    const Override* known = service == nullptr ? nullptr : service->find_override(said->id);
    if (known != nullptr) stamp = known->stamp;
  }
  return stamp.wall_ms();
}

/// Drops what neither another node nor a client here has spoken of since the node was out of touch
/// for too long: it may have ended, and the word of its end may have aged out everywhere.
void Registry::sweep(Now now, Outputs& out) {
  sweep_due_ms_ = 0;
  sweep_sessions(now, out);
  sweep_instances(now, out);
  sweep_overrides(out);
  // What others had been told directly they hold, and owe to nobody: the bus has never had it.
  for (const std::string& key : std::exchange(dropped_lasting_, {})) {
    if (said_wall_ms(key) == 0) continue;
    owe(Stream::kLasting, key, Outbox::Reason::kRepeat, now.mono_ms, now, out);
  }
}

/// Tells the others of all whose signs of life come here.
void Registry::announce_own(Now now, Outputs& out) {
  for (uint32_t slot = 0; slot < sessions_.slot_count(); ++slot) {
    if (!sessions_.occupied(slot)) continue;
    const Session& session = sessions_.at(slot);
    const bool open = session.state == Session::State::kOpen;
    if (open && is_home(session.liveness) && has_evidence(session, now)) {
      announce_session(session, now, out);
    }
  }
}

void Registry::sweep_sessions(Now now, Outputs& out) {
  for (uint32_t slot = 0; slot < sessions_.slot_count(); ++slot) {
    if (!sessions_.occupied(slot)) continue;
    Session& session = sessions_.at(slot);
    if (session.round == round_ || has_evidence(session, now)) continue;
    ++counters_.swept;
    erase_session(session, out);
  }
}

void Registry::sweep_instances(Now now, Outputs& out) {
  std::vector<std::pair<uint32_t, std::string>> unheard;
  for (uint32_t index = 0; index < catalog_.service_slots(); ++index) {
    const Service* service = catalog_.at(index);
    if (service == nullptr) continue;
    const auto visit = [&](const Instance& instance) {
      if (instance.round == round_) return true;
      if (is_vouched(instance, now)) return true;
      const bool held = instance.holder_kind() == HolderKind::kSession;
      unheard.emplace_back(index, instance.id());
      // Its client says which of its instances it still wants.
      if (held) sessions_.at(instance.holder_slot).lacks_registrations = true;
      return true;
    };
    service->list().visit_after({},
                                [&](const ListEntry& entry) { return visit(entry.instance()); });
    service->for_each_waiting_after({}, visit);
    service->for_each_tombstone_after({}, [&](const std::string& id, const Tombstone& tombstone) {
      if (tombstone.round != round_) unheard.emplace_back(index, id);
      return true;
    });
  }
  for (const auto& [index, id] : unheard) {
    ++counters_.swept;
    erase_instance(*catalog_.at(index), id, out);
  }
}

/// What was registered before this node began to serve takes nobody's address: who was heard of
/// after it, and who was not, is not known here.
void Registry::excuse_claims() {
  for (uint32_t slot = 0; slot < sessions_.slot_count(); ++slot) {
    sessions_.at(slot).heard_version = version_;
  }
  catalog_.excuse_ttls(version_);
}

void Registry::begin_service(Phase phase, Now now) {
  if (loading()) {
    leases_.renew_all(now.mono_ms);
    catalog_.skip_missed_checks(now.mono_ms);
    excuse_claims();
    catalog_.start_recording(version_);
  }
  phase_ = phase;
}

void Registry::finish_join(Now now, Outputs& out) {
  if (claim_ != ClaimName::Stage::kOwned) return;  // what it has caught up with waits
  // A bus that was made anew knows nothing: only another node, or the streams that this node was
  // once in touch with, can show that something is gone.
  const bool knows = join_.snapshot_done || (join_.replaying && join_.streams_same);
  if (join_.as_new && !knows) join_.announce_all = true;
  if (join_.as_new && knows) {
    // Who has been served all along is given the time to be spoken of: all nodes may have been out
    // of touch together, each with providers of its own.
    sweep_due_ms_ = std::max<int64_t>(now.mono_ms, 1);
    if (phase_ == Phase::kJoining) {
      sweep(now, out);
    } else {
      sweep_due_ms_ += options_.timing.unknown_session_ms;
      announce_own(now, out);
    }
  }
  const Timing& timing = options_.timing;
  if (phase_ != Phase::kServing) clock_.restart(now, timing.lost_stamps_ms, options_.boot);
  begin_service(Phase::kServing, now);
  const bool announce_all = join_.announce_all;
  join_ = Joining();
  join_.judged = true;
  if (announce_all) announce(BucketSet().set(), now);
  if (bus_connected_) in_touch_wall_ms_ = now.wall_ms;
  write_mark(now, out);
}

void Registry::announce(const BucketSet& buckets, Now now) {
  const bool all = buckets.all();
  const int64_t records = int64_t{catalog_.instance_count()} + sessions_.open_count();
  const int64_t patience_ms = all ? records / kRecordsAnnouncedPerMs : 0;
  announcing_.buckets = announcing_.active ? announcing_.buckets | buckets : buckets;
  announcing_.active = true;
  announcing_.cursor = {};
  announcing_.others_due_ms = now.mono_ms + patience_ms;
}

void Registry::advance_announcing(Now now, Outputs& out) {
  if (!announcing_.active || outbox_.size() > options_.limits.max_outbox / 2) return;
  announced_.clear();
  dump(announcing_.cursor, kAnnouncedPerTick, announced_);
  for (size_t i = 0; i < announced_.size(); ++i) announce_item(announced_[i], now, out);
  announcing_.active = !announcing_.cursor.done();
}

void Registry::announce_item(const RecordBatch::Item& item, Now now, Outputs& out) {
  if (is_private_key(item.key)) return;
  const auto decoded = decode_record(item.key, item.value);
  CALLBOOK_CHECK(decoded.ok());
  Stream stream = Stream::kTied;
  bool is_author = false;
  if (const auto* session = std::get_if<SessionRecord>(&*decoded)) {
    if (!announcing_.buckets[ReplicaDigest::bucket_of(key_hash_of(session->id))]) return;
    if (is_ghost(session->liveness, now)) return;
    if (is_doubtful(sessions_.find(session->id)->round)) return;
    const int64_t forgotten_wall_ms = now.wall_ms - options_.timing.tombstone_ms;
    if (session->liveness.ended && session->ended_wall_ms < forgotten_wall_ms) return;
    is_author = session->liveness.stamp.node == node_;
  } else if (const auto* said = std::get_if<OverrideRecord>(&*decoded)) {
    const uint64_t key_hash = override_hash_of(said->service, said->id);
    if (!announcing_.buckets[ReplicaDigest::bucket_of(key_hash)]) return;
    if (is_doubtful(catalog_.find(said->service)->find_override(said->id)->round)) return;
    const int64_t forgotten_wall_ms = now.wall_ms - options_.timing.tombstone_ms;
    if (!said->set && said->said_wall_ms < forgotten_wall_ms) return;
    stream = Stream::kLasting;
    is_author = said->stamp.node == node_;
  } else {
    const auto& instance = std::get<InstanceRecord>(*decoded);
    const uint64_t key_hash = key_hash_of(instance.service, instance.id);
    if (!announcing_.buckets[ReplicaDigest::bucket_of(key_hash)]) return;
    if (!is_worth_announcing(instance, now, is_author)) return;
    stream = stream_of(instance.kind, instance.body.holder.kind);
  }
  const int64_t due_ms =
      is_author ? now.mono_ms
                : std::max(delayed_ms(item.key, now),
                           announcing_.others_due_ms + delayed_ms(item.key, now) - now.mono_ms);
  owe(stream, item.key, Outbox::Reason::kRepeat, due_ms, now, out);
}

/// What hangs on a session or lease that nobody has vouched for within the record age is a rumour;
/// to pass it on would keep it going round for ever.
bool Registry::is_worth_announcing(const InstanceRecord& record, Now now, bool& is_author) {
  is_author = record.stamp.node == node_ || record.liveness.stamp.node == node_;
  if (sweep_due_ms_ != 0 && is_doubtful(catalog_.round_of(record.service, record.id))) return false;
  if (record.kind != RegistrationKind::kBody) {
    return record.removed_wall_ms >= now.wall_ms - options_.timing.tombstone_ms;
  }
  if (record.body.holder.kind == HolderKind::kTtl) {
    is_author |= is_home(record.liveness);
    return !is_ghost(record.liveness, record.stamp, now);
  }
  if (record.body.holder.kind == HolderKind::kPersistent) return true;
  const Session* session = sessions_.find(record.body.holder.session);
  if (session == nullptr || session->state != Session::State::kOpen) return false;
  is_author |= is_home(session->liveness);
  return !is_ghost(session->liveness, now);
}

}  // namespace callbook::core
