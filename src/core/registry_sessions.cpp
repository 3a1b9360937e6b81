// What becomes of sessions: whose home is where, and what of another node's word is believed.

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "core/registry.h"
#include "core/sections.h"

namespace callbook::core {

using base::Error;
using base::ErrorCode;
using base::Now;
using base::Result;

namespace {

/// How far the epoch that a client brings may be above the one that is known here. A client that
/// resumes a hundred times a second for a day stays below it.
constexpr uint32_t kMaxEpochLead = 10'000'000;

Error moved_elsewhere() {
  return {ErrorCode::kConflict, "session", "has gone on at another node; resume it to come back",
          std::nullopt};
}

}  // namespace

Error Registry::must_resume() {
  return {ErrorCode::kConflict, "session",
          "lacks a registration that was made; resume it and register again", std::nullopt};
}

int64_t Registry::asked_heartbeat_ms(int64_t ttl_ms) const {
  const int64_t spread_ms =
      int64_t{sessions_.open_count()} * 1000 / options_.timing.max_heartbeats_per_s;
  return std::max(ttl_ms / options_.timing.missed_heartbeats, spread_ms);
}

SessionOpened Registry::opened(const Session& session) const {
  return {session.id,
          session.ttl_ms,
          asked_heartbeat_ms(session.ttl_ms),
          session.liveness.epoch,
          session.opened,
          session.facts.speaks};
}

Result<Session*> Registry::open_session(const SessionId& id) {
  Session* session = sessions_.find(id);
  if (session == nullptr || session->state != Session::State::kOpen) {
    return Error{ErrorCode::kNotFound, "session", "is not known; open a new one and register again",
                 std::nullopt};
  }
  if (!session->superseded_instance.empty()) {
    return Error{
        ErrorCode::kSuperseded, "id",
        fmt::format("'{}' was taken over by a later session; stop", session->superseded_instance),
        std::nullopt};
  }
  return session;
}

bool Registry::has_evidence(const Session& session, Now now) const {
  if (session.moved_away || stood_still(now)) return false;
  // Its process was told to stop. What a connection that it still has would vouch for has been
  // taken, and perhaps removed and forgotten since.
  if (!session.superseded_instance.empty()) return false;
  if (is_mute(session)) return true;
  return session.evidence_ms != 0 && now.mono_ms - session.evidence_ms <= session.ttl_ms;
}

/// Whether the client's being here shows that the instance is still wanted: what a session had
/// before it came here its client may have removed elsewhere, unheard.
bool Registry::is_vouched(const Session& session, const Instance& instance, Now now) const {
  return has_evidence(session, now) && instance.stamp >= session.home_since;
}

bool Registry::is_vouched(const Instance& instance, Now now) const {
  return instance.holder_kind() == HolderKind::kSession
             ? is_vouched(sessions_.at(instance.holder_slot), instance, now)
             : catalog_.has_evidence(instance, now.mono_ms);
}

/// Whether this node has been away until just now: what it hears may be as old as its absence, and
/// the connections that it still holds may be of clients that have died meanwhile.
bool Registry::stood_still(Now now) const {
  const int64_t stall_ms = options_.timing.stall_ms;
  if (advanced_ms_ != 0 && now.mono_ms - advanced_ms_ > stall_ms) return true;
  return stalled_ms_ != 0 && now.mono_ms - stalled_ms_ <= 2 * stall_ms;
}

void Registry::note_life(Session& session, Now now) const {
  session.evidence_ms = stood_still(now) ? 0 : std::max<int64_t>(now.mono_ms, 1);
  session.heard_version = version_;
  session.moved_away = false;
  session.round = round_;
}

/// What the session's client says of its process, as of `stamp`.
void Registry::note_facts(Session& session, const ProcessFacts& facts, Stamp stamp) {
  session.facts = facts;
  session.sections = with_section(session.sections, kProcessSection, stamp, encode(facts));
}

/// From now on the process speaks, although it did not say so when it opened the session.
void Registry::take_speech(Session& session, bool speaks, Now now, Outputs& out) {
  if (!speaks || session.facts.speaks) return;
  ProcessFacts facts = session.facts;
  facts.speaks = true;
  note_facts(session, facts, clock_.next(now));
  settle_part(session);
  change(session, now, out);
}

base::Status Registry::check_epoch(const Session& session, uint32_t epoch) {
  if (epoch <= session.liveness.epoch + kMaxEpochLead) return {};
  return base::invalid("epoch", "is not one that this session can have had");
}

/// Whether a client that was told of `epoch` has been elsewhere. A node that was apart may still
/// take itself for the home that the client has left since.
bool Registry::comes_home(const Session& session, uint32_t epoch) const {
  return !is_home(session.liveness) || epoch > session.liveness.epoch;
}

/// At its client's wish.
void Registry::call_home(Session& session, uint32_t epoch, Now now, Outputs& out) {
  take_session(session, epoch, Cause::kNone, now, out);
  session.home_since = session.liveness.stamp;
  ++counters_.sessions_moved;
}

/// The client's word that it lives came here, so this is where it will be missed from now on.
base::Status Registry::bring_home(Session& session, uint32_t epoch, Now now, Outputs& out) {
  if (auto status = check_epoch(session, epoch); !status.ok()) return status;
  if (!comes_home(session, epoch)) return {};
  const bool unasked = session.liveness.cause == Cause::kHomeLost;
  if (epoch != 0 && epoch < session.liveness.epoch && !unasked) {
    return moved_elsewhere();
  }
  call_home(session, epoch, now, out);
  return {};
}

Result<Reply> Registry::apply(const CheckTie& input, Now, Outputs&) {
  auto session = open_session(input.id);
  if (!session.ok()) return session.error();
  if ((*session)->moved_away) return moved_elsewhere();
  if ((*session)->lacks_registrations) return must_resume();
  return Reply(TieChecked{(*session)->ttl_ms, asked_heartbeat_ms((*session)->ttl_ms),
                          taken_out_of(**session)});
}

/// The instances of a session that operators have taken out.
std::vector<TakenOut> Registry::taken_out_of(const Session& session) const {
  std::vector<TakenOut> taken;
  if (session.excluded == 0) return taken;
  for (const Instance* instance : session.instances) {
    if (!instance->excluded) continue;
    const Service& service = *catalog_.at(instance->service);
    const Override& said = *service.find_override(instance->id());
    taken.push_back({{service.key(), std::string(instance->id())},
                     said.exclusion->action,
                     said.by,
                     said.reason});
  }
  std::sort(taken.begin(), taken.end(),
            [](const TakenOut& a, const TakenOut& b) { return a.instance < b.instance; });
  return taken;
}

/// While the node rejoins as new: what is said here now need not be heard from others.
void Registry::note_local(Service& service, std::string_view id) {
  if (may_sweep()) catalog_.note_heard(service, id, round_);
}

void Registry::supersede(Session& rival, std::string_view instance, Now now, Outputs& out) {
  if (!rival.superseded_instance.empty()) return;
  rival.superseded_instance = instance;
  settle_part(rival);
  change(rival, now, out);
  ++counters_.sessions_superseded;
  // From now on it is not renewed, attached or not, and lapses unless its owner closes it before.
  if (rival.lease != kNoSlot) leases_.renew(rival.lease, now.mono_ms);
}

/// Begins the session's next epoch with this node as its home.
void Registry::take_session(Session& session, uint32_t above_epoch, Cause cause, Now now,
                            Outputs& out) {
  const uint32_t epoch = std::max(session.liveness.epoch, above_epoch) + 1;
  const bool was_up = session.liveness.health == Health::kUp;
  suspects_.erase(std::exchange(session.suspect, 0));
  // Whoever moves by itself lives; of one taken over unasked nothing new is known.
  const Health health = cause == Cause::kHomeLost ? session.liveness.health : Health::kUp;
  session.liveness = {epoch, clock_.next(now), node_, false, cause, now.wall_ms, health};
  session.heard_version = version_;
  if (session.lease == kNoSlot) {
    const LeaseOwner owner{LeaseKind::kSession, sessions_.slot_of(session)};
    session.lease = leases_.add(owner, session.ttl_ms, now.mono_ms);
  } else {
    leases_.renew(session.lease, now.mono_ms);
  }
  if (is_mute(session)) leases_.suspend(session.lease);
  session.moved_away = false;
  settle_part(session);
  change(session, now, out);
  if (!was_up) version_ = catalog_.follow_session(sessions_.slot_of(session), version_);
}

SessionEnded Registry::end_session(Session& session, Cause cause, Now now, Outputs& out) {
  if (cause != Cause::kSessionClosed) note_ended(session, cause, out);
  const SessionEnded ended{session.id, cause, static_cast<uint32_t>(session.instances.size())};
  // Within an epoch only the home writes; whoever else ends a session begins the next one.
  const uint32_t epoch = session.liveness.epoch + (is_home(session.liveness) ? 0 : 1);
  session.liveness = {epoch, clock_.next(now), node_, true, cause, now.wall_ms};
  session.ended_wall_ms = now.wall_ms;
  settle_part(session);
  change(session, now, out);
  follow_liveness(session, now, out);
  return ended;
}

struct Registry::Younger {
  bool operator()(const AgedSession& a, const AgedSession& b) const {
    return a.ended_wall_ms != b.ended_wall_ms ? a.ended_wall_ms > b.ended_wall_ms : a.id > b.id;
  }
};

/// Brings lease, state and instances in line with the session's liveness.
void Registry::follow_liveness(Session& session, Now now, Outputs&) {
  const uint32_t slot = sessions_.slot_of(session);
  const bool runs_here = !session.liveness.ended && is_home(session.liveness);
  if (runs_here && session.lease == kNoSlot) {
    session.lease = leases_.add({LeaseKind::kSession, slot}, session.ttl_ms, now.mono_ms);
    if (is_mute(session) && !session.moved_away) leases_.suspend(session.lease);
  } else if (!runs_here && session.lease != kNoSlot) {
    leases_.remove(session.lease);
    session.lease = kNoSlot;
  }
  if (session.liveness.ended) {
    sessions_.set_state(session, Session::State::kEnded);
    ended_sessions_.push_back({session.ended_wall_ms, slot, session.id});
    std::push_heap(ended_sessions_.begin(), ended_sessions_.end(), Younger());
  } else {
    sessions_.set_state(session, Session::State::kOpen);
  }
  version_ = catalog_.follow_session(slot, version_);
}

void Registry::drop_aged(Now now, Outputs& out) {
  // So many per AdvanceTime that an old mass departure does not stall a batch.
  constexpr size_t kMost = 2'000;
  const int64_t before_wall_ms = now.wall_ms - options_.timing.tombstone_ms;
  const auto erase = [&](std::string_view key) {
    write_erased(key, out.records);
    ++counters_.tombstones_aged;
  };
  catalog_.drop_aged(before_wall_ms, kMost,
                     [&](const ServiceKey& key, std::string_view id, bool of_override) {
                       erase(of_override ? key_of_override(key, id) : key_of(key, id));
                     });
  for (size_t i = 0; i < kMost && !ended_sessions_.empty(); ++i) {
    const AgedSession aged = ended_sessions_.front();
    if (aged.ended_wall_ms >= before_wall_ms) break;
    std::pop_heap(ended_sessions_.begin(), ended_sessions_.end(), Younger());
    ended_sessions_.pop_back();
    const Session& session = sessions_.at(aged.slot);
    if (session.id != aged.id || session.state != Session::State::kEnded ||
        session.ended_wall_ms != aged.ended_wall_ms) {
      continue;
    }
    erase(key_of(aged.id));
    forget_session(aged.slot);
  }
}

void Registry::forget_session(uint32_t slot) {
  Session& session = sessions_.at(slot);
  if (session.lease != kNoSlot) leases_.remove(session.lease);
  session.lease = kNoSlot;
  digest_.replace(key_hash_of(session.id), session.replica_part, 0);
  sessions_.forget(slot);
}

void Registry::settle_part(Session& session) {
  if (!options_.clustered) return;
  const uint64_t key_hash = key_hash_of(session.id);
  const uint64_t part =
      session.liveness.epoch == 0
          ? 0
          : replica_part(key_hash, session.liveness, session.superseded_instance, session.sections);
  digest_.replace(key_hash, session.replica_part, part);
  session.replica_part = part;
}

/// Whether `claim`, which is newer than what this node holds, is wrong, as it can see itself. That
/// its client is missed at another node to which it has gone is not: what was heard here is older.
bool Registry::must_refute(const Session& session, const Liveness& claim, Now now) const {
  if (session.state != Session::State::kOpen || !has_evidence(session, now)) return false;
  if (claim.ended) return claim.cause != Cause::kSessionClosed;
  return claim.home != node_ && claim.cause == Cause::kHomeLost;
}

void Registry::refute(Session& session, const SessionRecord& record, Now now, Outputs& out) {
  ++counters_.refuted;
  take_session(session, record.liveness.epoch, Cause::kNone, now, out);
  // Those who believed the claim have dropped the bodies of its instances.
  announce_session(session, now, out);
}

bool Registry::merge_session(const SessionRecord& record, Now now, Outputs& out) {
  clock_.observe(record.opened.hlc);
  clock_.observe(record.liveness.stamp.hlc);
  Session& session = sessions_.at(sessions_.slot_for(record.id));
  session.round = round_;
  const bool more_sections = sections_hold_more(record.sections, session.sections);
  if (more_sections) {
    session.sections = merge_sections(session.sections, record.sections);
    const auto section = find_section(session.sections, kProcessSection);
    if (const auto facts = section ? decode_process(section->bytes) : std::nullopt) {
      session.facts = *facts;
    }
  }
  const bool superseded =
      !record.superseded.empty() &&
      (session.superseded_instance.empty() || record.superseded < session.superseded_instance);
  if (superseded) session.superseded_instance = record.superseded;
  if (!record.liveness.newer_than(session.liveness)) {
    session.liveness = merge_liveness(session.liveness, record.liveness);
    if (!more_sections && !superseded) return false;
    settle_part(session);
    if (more_sections) version_ = catalog_.follow_session(sessions_.slot_of(session), version_);
    return true;
  }
  const bool moved = is_home(session.liveness) && !is_home(record.liveness);
  const bool ends = record.liveness.ended && session.state == Session::State::kOpen;
  if (moved && !record.liveness.ended) session.moved_away = true;
  session.ttl_ms = record.ttl_ms;
  session.client = record.client;
  session.opened = record.opened;
  session.liveness = record.liveness;
  session.ended_wall_ms = record.ended_wall_ms;
  settle_part(session);
  if (ends && !loading()) {
    out.sessions_ended.push_back(
        {session.id, session.liveness.cause, static_cast<uint32_t>(session.instances.size())});
  }
  follow_liveness(session, now, out);
  return true;
}

/// No record of it has come, and will not any more: it has aged out, or was lost.
void Registry::end_unknown_session(Session& session, Now now) {
  ++counters_.unknown_sessions_ended;
  const uint32_t slot = sessions_.slot_of(session);
  session.liveness = {0, Stamp{}, node_, true, Cause::kHomeLost, 0};
  session.ended_wall_ms = now.wall_ms;
  sessions_.set_state(session, Session::State::kEnded);
  ended_sessions_.push_back({now.wall_ms, slot, session.id});
  std::push_heap(ended_sessions_.begin(), ended_sessions_.end(), Younger());
  version_ = catalog_.follow_session(slot, version_);
}

}  // namespace callbook::core
