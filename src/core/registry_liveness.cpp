// What becomes of those that are not heard of: suspicion, probes, removal, and the way back.

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "base/hash.h"
#include "core/registry.h"
#include "core/validate.h"

namespace callbook::core {

using base::Now;
using base::Result;

namespace {

/// How many addresses of one process are probed at once.
constexpr size_t kMostTargets = 3;
/// So many of its instances are looked at for them.
constexpr size_t kMostLookedAt = 32;
/// How often those are looked at again that nobody reaches: the breaker may begin to hold, or end.
constexpr int64_t kLookAgainMs = 1'000;

bool is_unreachable(Health health) {
  return health == Health::kDown || health == Health::kProtected;
}

}  // namespace

/// The session, if it is its owner and lives here.
Session* Registry::suspected_session(uint64_t number, const Suspect& suspect) {
  if (suspect.owner.kind != static_cast<uint8_t>(LeaseKind::kSession)) return nullptr;
  Session& session = sessions_.at(suspect.owner.slot);
  const bool stands = session.suspect == number && session.state == Session::State::kOpen;
  return stands && is_home(session.liveness) ? &session : nullptr;
}

/// The instance with an own TTL, if it is its owner and lives here.
const Instance* Registry::suspected_instance(uint64_t number, const Suspect& suspect) {
  if (suspect.owner.kind != static_cast<uint8_t>(LeaseKind::kInstance)) return nullptr;
  const uint32_t slot = suspect.owner.slot;
  const Instance* instance = catalog_.ttl_instance_or_null(slot);
  if (instance == nullptr || catalog_.ttl_suspect(slot) != number) return nullptr;
  return is_home(catalog_.ttl_liveness(slot)) ? instance : nullptr;
}

Health Registry::health_of(const Suspect& suspect) {
  const bool is_session = suspect.owner.kind == static_cast<uint8_t>(LeaseKind::kSession);
  return is_session ? sessions_.at(suspect.owner.slot).liveness.health
                    : catalog_.ttl_liveness(suspect.owner.slot).health;
}

void Registry::set_health(const Suspect& suspect, Health health, Cause cause, Now now,
                          Outputs& out) {
  if (suspect.owner.kind == static_cast<uint8_t>(LeaseKind::kSession)) {
    set_health(sessions_.at(suspect.owner.slot), health, cause, now, out);
  } else {
    set_health(catalog_.ttl_instance(suspect.owner.slot), health, cause, now, out);
  }
}

void Registry::set_health(Session& session, Health health, Cause cause, Now now, Outputs& out) {
  if (session.liveness.health == health) return;
  session.liveness.stamp = clock_.next(now);
  session.liveness.health = health;
  if (session.liveness.cause != Cause::kHomeLost) session.liveness.cause = cause;
  settle_part(session);
  change(session, now, out);
  version_ = catalog_.follow_session(sessions_.slot_of(session), version_);
}

void Registry::set_health(const Instance& instance, Health health, Cause cause, Now now,
                          Outputs& out) {
  const Liveness present = catalog_.ttl_liveness(instance.holder_slot);
  if (present.health == health) return;
  const Service& service = *catalog_.at(instance.service);
  const std::string id(instance.id());
  InstanceRecord record;
  record.service = service.key();
  record.id = id;
  record.liveness = present;
  record.liveness.stamp = clock_.next(now);
  record.liveness.health = health;
  if (present.cause != Cause::kHomeLost) record.liveness.cause = cause;
  catalog_.merge(record, version_ + 1, now);
  change(service, id, now, out);
}

/// Begins to find out about a session that is not heard of; from now on its lease has no say.
void Registry::suspect(Session& session, Cause cause, Now now, Outputs& out) {
  if (session.lease != kNoSlot) leases_.suspend(session.lease);
  if (session.suspect != 0) {
    if (!confirm(session.suspect, session.liveness.health, now)) return;
    if (session.liveness.health == Health::kUp) {
      set_health(session, Health::kSuspect, cause, now, out);
    }
    return;
  }
  const LeaseOwner owner{static_cast<uint8_t>(LeaseKind::kSession), sessions_.slot_of(session)};
  session.suspect = begin_suspicion(owner, false, now);
  const Health health = session.liveness.health;
  if (health != Health::kUp && health != Health::kUnattended) return;
  set_health(session, Health::kSuspect, cause, now, out);
}

void Registry::suspect(uint32_t ttl_slot, Cause cause, Now now, Outputs& out) {
  if (const uint64_t number = catalog_.ttl_suspect(ttl_slot); number != 0) {
    if (!confirm(number, catalog_.ttl_liveness(ttl_slot).health, now)) return;
    if (catalog_.ttl_liveness(ttl_slot).health == Health::kUp) {
      set_health(catalog_.ttl_instance(ttl_slot), Health::kSuspect, cause, now, out);
    }
    return;
  }
  const LeaseOwner owner{static_cast<uint8_t>(LeaseKind::kInstance), ttl_slot};
  catalog_.ttl_suspect(ttl_slot) = begin_suspicion(owner, false, now);
  const Health health = catalog_.ttl_liveness(ttl_slot).health;
  if (health != Health::kUp && health != Health::kUnattended) return;
  set_health(catalog_.ttl_instance(ttl_slot), Health::kSuspect, cause, now, out);
}

uint64_t Registry::begin_suspicion(LeaseOwner owner, bool reported, Now now) {
  ++(reported ? counters_.reported : counters_.suspected);
  Suspect suspect;
  suspect.owner = owner;
  suspect.reported = reported;
  suspect.next_round_ms = now.mono_ms;
  return suspects_.add(suspect, now.mono_ms);
}

/// Whom only consumers had reported is not heard of either: from now on it may be removed. Returns
/// whether that is new.
bool Registry::confirm(uint64_t number, Health health, Now now) {
  Suspect* suspect = suspects_.find(number);
  if (suspect == nullptr || !suspect->reported) return false;
  ++counters_.suspected;
  suspect->reported = false;
  const Timing& timing = options_.timing;
  if (health == Health::kRefused) suspect->remove_ms = now.mono_ms + timing.refused_removal_ms;
  if (is_unreachable(health)) suspect->remove_ms = now.mono_ms + timing.silent_removal_ms;
  return true;
}

bool Registry::is_only_reported(uint64_t number) {
  const Suspect* suspect = suspects_.find(number);
  return suspect != nullptr && suspect->reported;
}

/// A sign of life of a session that lives here. Of one that consumers can't reach it says nothing
/// new.
void Registry::revive(Session& session, Now now, Outputs& out) {
  if (is_only_reported(session.suspect)) return;
  suspects_.erase(std::exchange(session.suspect, 0));
  if (!is_home(session.liveness)) return;
  set_health(session, Health::kUp, Cause::kHeard, now, out);
}

void Registry::revive(const Instance& instance, Now now, Outputs& out) {
  if (is_only_reported(catalog_.ttl_suspect(instance.holder_slot))) return;
  suspects_.erase(std::exchange(catalog_.ttl_suspect(instance.holder_slot), 0));
  set_health(instance, Health::kUp, Cause::kHeard, now, out);
}

// --- Time ---

void Registry::advance_suspects(Now now, Outputs& out) {
  while (const std::optional<uint64_t> number = suspects_.take_due(now.mono_ms)) {
    tend_suspect(*number, now, out);
  }
}

void Registry::tend_suspect(uint64_t number, Now now, Outputs& out) {
  Suspect& suspect = *suspects_.find(number);
  const bool stands = suspected_session(number, suspect) != nullptr ||
                      suspected_instance(number, suspect) != nullptr;
  if (!stands) return give_up_suspicion(number, suspect);
  const Session* session = suspected_session(number, suspect);
  if (session != nullptr && !suspect.reported && !session->superseded_instance.empty()) {
    // Its owner was to stop, and says nothing any more.
    return end_suspect(number, suspect, Cause::kSessionExpired, now, out);
  }
  if (suspect.remove_ms != 0 && now.mono_ms >= suspect.remove_ms) {
    if (remove_suspect(number, suspect, now, out)) return;
  }
  if (suspect.outstanding > 0 && now.mono_ms >= suspect.next_round_ms) {
    suspect.outstanding = 0;  // what has not come by now is our own fault
  }
  if (now.mono_ms >= suspect.next_round_ms) begin_round(number, suspect, now, out);
  if (suspects_.find(number) == nullptr) return;
  follow_breaker(suspect, now, out);
  int64_t due_ms = suspect.next_round_ms;
  if (suspect.remove_ms != 0) due_ms = std::min(due_ms, now.mono_ms + kLookAgainMs);
  suspects_.schedule(number, std::max(due_ms, now.mono_ms + 1));
}

/// It has ended, or moved: whoever took it over looks after it.
void Registry::give_up_suspicion(uint64_t number, const Suspect& suspect) {
  const uint32_t slot = suspect.owner.slot;
  if (suspect.owner.kind == static_cast<uint8_t>(LeaseKind::kSession)) {
    if (sessions_.at(slot).suspect == number) sessions_.at(slot).suspect = 0;
  } else if (slot < catalog_.ttl_slot_count() && catalog_.ttl_suspect(slot) == number) {
    catalog_.ttl_suspect(slot) = 0;
  }
  suspects_.erase(number);
}

/// Removes it if it may be; whether it has been.
bool Registry::remove_suspect(uint64_t number, const Suspect& suspect, Now now, Outputs& out) {
  const bool refused = health_of(suspect) == Health::kRefused;
  if (phase_ != Phase::kServing) return false;
  if (!refused && (in_doubt(now) || !breakers_allow(suspect, now))) return false;
  end_suspect(number, suspect, refused ? Cause::kProbeRefused : Cause::kProbeTimedOut, now, out);
  return true;
}

void Registry::end_suspect(uint64_t number, const Suspect& suspect, Cause cause, Now now,
                           Outputs& out) {
  Session* session = suspected_session(number, suspect);
  const uint32_t ttl_slot = suspect.owner.slot;
  suspects_.erase(number);
  if (session != nullptr) {
    out.sessions_ended.push_back(end_session(*session, cause, now, out));
  } else {
    expire_instance(ttl_slot, cause, now, out);
  }
}

/// Whether another process has the address by now: what answers there is not the suspect.
bool Registry::address_is_taken(const Suspect& suspect) {
  const auto taken = [&](const Instance& instance) {
    const Service& service = *catalog_.at(instance.service);
    bool found = false;
    service.list().visit_after({}, [&](const ListEntry& entry) {
      const Instance& other = entry.instance();
      const bool same_owner = other.holder_kind() == instance.holder_kind() &&
                              other.holder_slot == instance.holder_slot;
      found = !same_owner && other.port() == instance.port() &&
              other.holder_kind() != HolderKind::kPersistent &&
              other.health == static_cast<uint8_t>(Health::kUp) &&
              other.address() == instance.address();
      return !found;
    });
    return found;
  };
  if (suspect.owner.kind == static_cast<uint8_t>(LeaseKind::kInstance)) {
    return taken(catalog_.ttl_instance(suspect.owner.slot));
  }
  const auto& instances = sessions_.at(suspect.owner.slot).instances;
  const size_t looked_at = std::min(instances.size(), kMostLookedAt);
  return std::any_of(instances.begin(), instances.begin() + static_cast<ptrdiff_t>(looked_at),
                     [&](const Instance* instance) { return taken(*instance); });
}

/// Whether silence may be this node's own fault.
bool Registry::in_doubt(Now now) const {
  return stood_still(now) || doubt_.active(now.mono_ms);
}

/// This node stood still: what it has not heard says nothing.
void Registry::excuse_suspects(Now now) {
  doubt_.restart();
  std::vector<uint64_t> all;
  suspects_.for_each([&](uint64_t number, Suspect& suspect) {
    suspect.rounds = 0;
    suspect.silent_rounds = 0;
    suspect.outstanding = 0;
    suspect.next_round_ms = now.mono_ms;
    if (suspect.remove_ms != 0) {
      const bool refused = health_of(suspect) == Health::kRefused;
      const Timing& timing = options_.timing;
      suspect.remove_ms =
          now.mono_ms + (refused ? timing.refused_removal_ms : timing.silent_removal_ms);
    }
    all.push_back(number);
  });
  for (const uint64_t number : all) suspects_.schedule(number, now.mono_ms);
}

/// Once a window: how many heartbeats came, and how many are to come in the next.
void Registry::watch_own_hearing(Now now) {
  if (!doubt_.due(now.mono_ms)) return;
  // Whole periods of all of them: they may beat in step. Who beats very rarely is left out.
  constexpr int64_t kLongestPeriodMs = 30'000;
  int64_t longest_ms = options_.timing.heartbeat_ms;
  uint32_t sessions = 0;
  uint64_t beats_per_day = 0;
  for (uint32_t slot = 0; slot < sessions_.slot_count(); ++slot) {
    if (!sessions_.occupied(slot)) continue;
    const Session& session = sessions_.at(slot);
    if (session.state != Session::State::kOpen || !is_home(session.liveness)) continue;
    if (session.attachments > 0 || session.suspect != 0) continue;
    const int64_t period_ms = asked_heartbeat_ms(session.ttl_ms);
    if (period_ms > kLongestPeriodMs) continue;
    ++sessions;
    longest_ms = std::max(longest_ms, period_ms);
    beats_per_day += static_cast<uint64_t>(86'400'000 / period_ms);
  }
  const int64_t window_ms = 2 * longest_ms;
  const uint64_t beats = beats_per_day * static_cast<uint64_t>(window_ms) / 86'400'000;
  doubt_.begin_window(now.mono_ms, window_ms, sessions, beats);
}

// --- Probing ---

std::vector<Probe> Registry::targets_of(const Suspect& suspect) {
  std::vector<Probe> targets;
  const auto add = [&](const Instance& instance) {
    if (instance.port() == 0 || targets.size() == kMostTargets) return;
    const bool known = std::any_of(targets.begin(), targets.end(), [&](const Probe& probe) {
      return probe.address == instance.address() && probe.port == instance.port();
    });
    if (known) return;
    targets.push_back(
        {0, std::string(instance.address()), instance.port(), options_.timing.probe_timeout_ms});
  };
  if (suspect.owner.kind == static_cast<uint8_t>(LeaseKind::kInstance)) {
    add(catalog_.ttl_instance(suspect.owner.slot));
    return targets;
  }
  const auto& instances = sessions_.at(suspect.owner.slot).instances;
  for (size_t i = 0; i < std::min(instances.size(), kMostLookedAt); ++i) add(*instances[i]);
  return targets;
}

void Registry::begin_round(uint64_t number, Suspect& suspect, Now now, Outputs& out) {
  const Timing& timing = options_.timing;
  ++suspect.rounds;
  const bool in_burst = suspect.rounds < timing.probe_rounds;
  suspect.interval_ms = in_burst
                            ? timing.probe_interval_ms
                            : std::min(std::max(suspect.interval_ms, timing.probe_interval_ms) * 2,
                                       timing.probe_longest_ms);
  suspect.next_round_ms = now.mono_ms + suspect.interval_ms;
  suspect.answered = suspect.refused = suspect.silent = 0;
  std::vector<Probe> targets = targets_of(suspect);
  suspect.outstanding = static_cast<uint32_t>(targets.size());
  for (Probe& probe : targets) {
    // Only the results of the round under way count.
    probe.ticket = number << 20 | (suspect.rounds & 0xFFFFF);
    out.probes.push_back(std::move(probe));
  }
  counters_.probes += suspect.outstanding;
  if (suspect.outstanding > 0) return;
  if (suspect.reported) return give_up_suspicion(number, suspect);
  suspect.silent = 1;  // nothing to ask: its silence is all there is
  conclude_round(number, suspect, now, out);
}

Result<Reply> Registry::apply(const ProbeResult& input, Now now, Outputs& out) {
  const uint64_t number = input.ticket >> 20;
  Suspect* suspect = suspects_.find(number);
  const bool late = suspect == nullptr || suspect->outstanding == 0 ||
                    (suspect->rounds & 0xFFFFF) != (input.ticket & 0xFFFFF);
  if (late) return Reply(Done{});
  if (suspected_session(number, *suspect) == nullptr &&
      suspected_instance(number, *suspect) == nullptr) {
    return Reply(Done{});
  }
  using Outcome = ProbeResult::Outcome;
  const bool own_fault = input.outcome == Outcome::kSilent && stood_still(now);
  --suspect->outstanding;
  if (input.outcome == Outcome::kAnswered) ++suspect->answered;
  if (input.outcome == Outcome::kRefused) ++suspect->refused;
  if (input.outcome == Outcome::kSilent && !own_fault) ++suspect->silent;
  if (suspect->outstanding > 0) return Reply(Done{});
  if (suspect->answered > 0 && address_is_taken(*suspect) && phase_ == Phase::kServing) {
    end_suspect(number, *suspect, Cause::kAddressTaken, now, out);
    return Reply(Done{});
  }
  conclude_round(number, *suspect, now, out);
  if (suspects_.find(number) == nullptr) return Reply(Done{});
  const int64_t due_ms = suspect->remove_ms == 0
                             ? suspect->next_round_ms
                             : std::min(suspect->next_round_ms, now.mono_ms + kLookAgainMs);
  suspects_.schedule(number, due_ms);
  return Reply(Done{});
}

void Registry::conclude_round(uint64_t number, Suspect& suspect, Now now, Outputs& out) {
  if (suspect.answered > 0) {
    ++counters_.probes_answered;
    suspect.silent_rounds = 0;
    suspect.remove_ms = 0;
    if (!suspect.reported) {
      return set_health(suspect, Health::kUnattended, Cause::kProbeAnswered, now, out);
    }
    set_health(suspect, Health::kUp, Cause::kProbeAnswered, now, out);
    return give_up_suspicion(number, suspect);
  }
  if (suspect.refused > 0 && suspect.silent == 0) {
    ++counters_.probes_refused;
    const bool known = health_of(suspect) == Health::kRefused && suspect.remove_ms != 0;
    if (!suspect.reported && !known) {
      suspect.remove_ms = now.mono_ms + options_.timing.refused_removal_ms;
    }
    return set_health(suspect, Health::kRefused, Cause::kProbeRefused, now, out);
  }
  if (suspect.silent == 0) return;  // this node's own fault
  ++counters_.probes_silent;
  conclude_silence(suspect, now, out);
}

void Registry::conclude_silence(Suspect& suspect, Now now, Outputs& out) {
  const Timing& timing = options_.timing;
  const Health before = health_of(suspect);
  ++suspect.silent_rounds;
  if (suspect.silent_rounds < timing.probe_rounds) {
    if (before == Health::kUnattended) {
      suspect.rounds = 1;  // a burst again
      suspect.next_round_ms = now.mono_ms + timing.probe_interval_ms;
      set_health(suspect, Health::kSuspect, Cause::kProbeTimedOut, now, out);
    }
    return;
  }
  if (!suspect.reported && suspect.remove_ms == 0) {
    suspect.remove_ms = now.mono_ms + timing.silent_removal_ms;
  }
  if (before == Health::kRefused || is_unreachable(before)) return;
  set_health(suspect, Health::kDown, Cause::kProbeTimedOut, now, out);
  follow_breaker(suspect, now, out);
}

// --- Consumers' reports ---

Result<Reply> Registry::apply(const ReportInstance& input, Now now, Outputs&) {
  if (auto status = validate(input, options_.limits); !status.ok()) return status.error();
  const Service* service = catalog_.find(input.key.service);
  const Instance* instance = service == nullptr ? nullptr : service->find_live(input.key.id);
  if (instance == nullptr) {
    return base::Error{base::ErrorCode::kNotFound, "id",
                       fmt::format("'{}' is not registered", input.key.id), std::nullopt};
  }
  const Timing& timing = options_.timing;
  const uint32_t reports = reports_.add(service->index(), input.key.id, base::xxh64(input.by),
                                        timing.reports_within_ms, now.mono_ms);
  if (probes() && timing.reports > 0 && reports >= timing.reports) {
    reports_.forget(service->index(), input.key.id);
    investigate(*instance, now);
  }
  return Reply(InstanceReported{reports});
}

/// Has it probed, if its owner lives here and is not in doubt already.
void Registry::investigate(const Instance& instance, Now now) {
  const uint32_t slot = instance.holder_slot;
  if (instance.holder_kind() == HolderKind::kSession) {
    Session& session = sessions_.at(slot);
    if (session.suspect != 0 || !is_home(session.liveness)) return;
    const LeaseOwner owner{static_cast<uint8_t>(LeaseKind::kSession), slot};
    session.suspect = begin_suspicion(owner, true, now);
  } else if (instance.holder_kind() == HolderKind::kTtl) {
    if (catalog_.ttl_suspect(slot) != 0 || !is_home(catalog_.ttl_liveness(slot))) return;
    const LeaseOwner owner{static_cast<uint8_t>(LeaseKind::kInstance), slot};
    catalog_.ttl_suspect(slot) = begin_suspicion(owner, true, now);
  }
}

}  // namespace callbook::core
