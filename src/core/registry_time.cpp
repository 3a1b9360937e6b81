// What happens because time passes: leases lapse, records age, lost nodes are succeeded.

#include <algorithm>

#include "core/registry.h"

namespace callbook::core {

using base::Now;
using base::Result;

namespace {

/// Sessions, and own TTLs, looked after per AdvanceTime: at least so many, and all within so many.
constexpr uint32_t kLeastTended = 1'000;
constexpr uint32_t kTicksPerRound = 50;

uint32_t tended_per_tick(uint32_t slots) {
  return std::max(kLeastTended, slots / kTicksPerRound);
}

}  // namespace

Result<Reply> Registry::apply(const AdvanceTime&, Now now, Outputs& out) {
  if (advanced_ms_ != 0 && now.mono_ms - advanced_ms_ > options_.timing.stall_ms) {
    excuse_silence(now);
    // If it was joining, what it knows of the others, and of how far the bus is, is of before:
    //   B begins, hears that nobody serves, and stands still for 20 s; A begins to serve meanwhile.
    if (now.mono_ms - advanced_ms_ > options_.timing.peer_wait_ms) join_.since_ms = stalled_ms_;
  }
  advanced_ms_ = now.mono_ms;
  if (phase_ == Phase::kLoading) return Reply(Done{});
  if (options_.mirror) {
    end_operator_drains(now, out);
    drop_aged(now, out);
    tend_sessions(now, out);  // those of which no record comes
    return Reply(Done{});
  }
  if (options_.clustered) advance_cluster(now, out);
  if (loading()) return Reply(Done{});
  end_lapsed(now, out);
  if (probes()) {
    watch_own_hearing(now);
    end_holds(out);
    tend_breakers(now);
  }
  if (suspects_.size() > 0) advance_suspects(now, out);
  end_operator_drains(now, out);
  if (phase_ != Phase::kStale) end_drains(now, out);
  if (phase_ == Phase::kServing) tend_exclusions(now, out);
  drop_aged(now, out);
  if (options_.clustered) {
    tend_sessions(now, out);
    tend_ttls(now, out);
  }
  return Reply(Done{});
}

/// This node stood still: it was not there to hear anybody.
void Registry::excuse_silence(Now now) {
  ++counters_.stalls;
  stalled_ms_ = std::max<int64_t>(now.mono_ms, 1);
  leases_.renew_all(now.mono_ms);
  catalog_.skip_missed_checks(now.mono_ms);
  excuse_suspects(now);
  peers_.excuse_all(now.mono_ms);
  contact_since_ms_ = 0;
}

void Registry::end_lapsed(Now now, Outputs& out) {
  lapsed_.clear();
  leases_.advance(now.mono_ms, lapsed_);
  for (const LeaseOwner& owner : lapsed_) {
    if (owner.kind == LeaseKind::kChecks) {
      begin_due_checks(owner.slot, now, out);
      continue;
    }
    const bool is_session = owner.kind == LeaseKind::kSession;
    if (phase_ == Phase::kStale) {
      // Those who miss this node may be known elsewhere: nobody is removed on such knowledge.
      if (is_session) leases_.renew(sessions_.at(owner.slot).lease, now.mono_ms);
      if (!is_session) catalog_.restart_ttl(owner.slot, now.mono_ms);
      continue;
    }
    if (!is_session) {
      const bool lost = catalog_.ttl_liveness(owner.slot).cause == Cause::kHomeLost;
      if (probes() || has_lapse(catalog_.ttl_instance(owner.slot))) {
        suspect(owner, Cause::kHeartbeatsMissed, now, out);
      } else {
        expire_instance(owner.slot, lost ? Cause::kHomeLost : Cause::kSessionExpired, now, out);
      }
      continue;
    }
    Session& session = sessions_.at(owner.slot);
    // Nobody is asked who holds nothing, or who has been told to stop.
    if (probes() && !session.instances.empty() && session.superseded_instance.empty()) {
      suspect(owner, Cause::kHeartbeatsMissed, now, out);
      continue;
    }
    const bool inherited = session.liveness.cause == Cause::kHomeLost && session.evidence_ms == 0;
    const Cause cause = inherited ? Cause::kHomeLost : Cause::kSessionExpired;
    out.sessions_ended.push_back(end_session(session, cause, now, out));
  }
}

void Registry::expire_instance(uint32_t ttl_slot, Cause cause, Now now, Outputs& out) {
  const Instance& instance = catalog_.ttl_instance(ttl_slot);
  const std::string id(instance.id());
  note_removed(instance, cause, out);
  ++out.instances_expired;
  end_lease(*catalog_.at(instance.service), id, catalog_.ttl_liveness(ttl_slot), cause, now, out);
}

/// Ends the own TTL of the id, whose home this is.
void Registry::end_lease(const Service& service, std::string_view id, const Liveness& present,
                         Cause cause, Now now, Outputs& out) {
  InstanceRecord record;
  record.service = service.key();
  record.id = id;
  record.stamp = Stamp{};  // says nothing of the registration
  record.liveness = {present.epoch, clock_.next(now), node_, true, cause, now.wall_ms};
  catalog_.merge(record, version_ + 1, now);
  change(service, id, now, out);
}

bool Registry::due_again(const Liveness& liveness, uint64_t key_hash, Now now) const {
  // Between half a period and a whole one, by the key, so that what was announced together is not
  // announced together again.
  const int64_t half_ms = options_.timing.announce_ms / 2;
  const auto share = static_cast<double>(key_hash >> 11) * 0x1p-53;
  const auto wait_ms = half_ms + static_cast<int64_t>(share * static_cast<double>(half_ms));
  return now.wall_ms - liveness.announced_wall_ms >= wait_ms;
}

bool Registry::is_heir(const Liveness& liveness, uint64_t key_hash, Now now) const {
  if (contact_since_ms_ == 0 || is_home(liveness)) return false;
  const int64_t heard_ms =
      std::max(peers_.heard_ms(liveness.home, contact_since_ms_), contact_since_ms_);
  const Timing& timing = options_.timing;
  if (now.mono_ms - heard_ms <= timing.lost_after_ms + timing.takeover_grace_ms) return false;
  return peers_.heir_of(key_hash, now.mono_ms) == node_;
}

bool Registry::is_ghost(const Liveness& liveness, Now now) const {
  if (liveness.ended || is_home(liveness) || liveness.epoch == 0) return false;
  return now.wall_ms - liveness.announced_wall_ms > options_.timing.record_age_ms;
}

/// An own TTL's registration may be new where the lease that this node remembers of one before it
/// is old: its home had forgotten that, and began to count its epochs anew.
bool Registry::is_ghost(const Liveness& ttl, const Stamp& registered, Now now) const {
  return is_ghost(ttl, now) && now.wall_ms - registered.wall_ms() > options_.timing.record_age_ms;
}

bool Registry::may_drop_ghosts(Now now) const {
  // Its home must have had the time to announce it once more while this node listened.
  if (contact_since_ms_ == 0 || !bus_connected_) return false;
  const int64_t listened_ms = now.mono_ms - std::max(contact_since_ms_, bus_since_ms_);
  return listened_ms > options_.timing.announce_ms * 5 / 4;
}

void Registry::announce_session(const Session& session, Now now, Outputs& out) {
  const auto repeat = [&](std::string_view key) {
    owe(Stream::kTied, key, Outbox::Reason::kRepeat, now.mono_ms, now, out);
  };
  repeat(key_of(session.id));
  for (const Instance* instance : session.instances) {
    if (is_doubtful(instance->round) && !is_vouched(session, *instance, now)) continue;
    repeat(key_of(catalog_.at(instance->service)->key(), instance->id()));
  }
}

void Registry::tend_sessions(Now now, Outputs& out) {
  if (phase_ != Phase::kServing || join_.as_new) return;
  const uint32_t slots = sessions_.slot_count();
  for (uint32_t left = std::min(tended_per_tick(slots), slots); left > 0; --left) {
    if (++tended_session_ >= slots) tended_session_ = 0;
    if (sessions_.occupied(tended_session_)) tend_session(sessions_.at(tended_session_), now, out);
  }
}

void Registry::tend_session(Session& session, Now now, Outputs& out) {
  if (session.state == Session::State::kUnknown) {
    if (session.unknown_since_ms == 0) session.unknown_since_ms = std::max<int64_t>(now.mono_ms, 1);
    const int64_t waited_ms = now.mono_ms - session.unknown_since_ms;
    if (waited_ms <= options_.timing.unknown_session_ms) return;
    note_ended(session, Cause::kHomeLost, out);
    end_unknown_session(session, now);
    return;
  }
  if (session.state != Session::State::kOpen) return;
  const uint64_t key_hash = key_hash_of(session.id);
  if (is_home(session.liveness)) {
    const bool doubtful = is_doubtful(session.round) && !has_evidence(session, now);
    if (bus_connected_ && !doubtful && due_again(session.liveness, key_hash, now)) {
      ++counters_.announced_again;
      announce_session(session, now, out);
    }
  } else if (is_ghost(session.liveness, now) && may_drop_ghosts(now)) {
    ++counters_.ghosts_dropped;
    erase_session(session, out);
  } else if (!is_doubtful(session.round) && is_heir(session.liveness, key_hash, now)) {
    ++counters_.taken_over;
    session.evidence_ms = 0;
    note_inherited(session, session.liveness.home, out);
    take_session(session, 0, Cause::kHomeLost, now, out);
    session.home_since = session.liveness.stamp;
  }
}

/// Takes a session and its instances out of memory and store, without a trace.
void Registry::erase_session(Session& session, Outputs& out) {
  while (!session.instances.empty()) {
    const Instance& instance = *session.instances.back();
    erase_instance(*catalog_.at(instance.service), instance.id(), out);
  }
  write_erased(key_of(session.id), out.records);
  forget_session(sessions_.slot_of(session));
}

void Registry::erase_instance(Service& service, std::string_view id, Outputs& out) {
  if (const Instance* live = service.find_live(id)) note_removed(*live, Cause::kHomeLost, out);
  const std::string_view key = key_of(service.key(), id);  // before both may be gone
  catalog_.erase(service, id, ++version_);
  write_erased(key, out.records);
}

void Registry::tend_ttls(Now now, Outputs& out) {
  if (phase_ != Phase::kServing || join_.as_new) return;
  const uint32_t slots = catalog_.ttl_slot_count();
  for (uint32_t left = std::min(tended_per_tick(slots), slots); left > 0; --left) {
    if (++tended_ttl_ >= slots) tended_ttl_ = 0;
    const Instance* instance = catalog_.ttl_instance_or_null(tended_ttl_);
    if (instance != nullptr) tend_ttl(*instance, catalog_.ttl_liveness(tended_ttl_), now, out);
  }
}

void Registry::tend_ttl(const Instance& instance, const Liveness& liveness, Now now, Outputs& out) {
  Service& service = *catalog_.at(instance.service);
  const std::string id(instance.id());
  const uint64_t key_hash = key_hash_of(service.key(), id);
  if (is_home(liveness)) {
    if (!bus_connected_ || !due_again(liveness, key_hash, now)) return;
    ++counters_.announced_again;
    owe(Stream::kTied, key_of(service.key(), id), Outbox::Reason::kRepeat, now.mono_ms, now, out);
  } else if (is_ghost(liveness, instance.stamp, now) && may_drop_ghosts(now)) {
    ++counters_.ghosts_dropped;
    erase_instance(service, id, out);
  } else if (!is_doubtful(instance.round) && is_heir(liveness, key_hash, now)) {
    ++counters_.taken_over;
    note_inherited(instance, liveness.home, out);
    move_ttl(service, id, liveness, Cause::kHomeLost, now, out);
  }
}

}  // namespace callbook::core
