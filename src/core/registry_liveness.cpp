// What becomes of those that are not heard of: suspicion, probes, removal, and the way back.

#include <algorithm>

#include <fmt/format.h>

#include "base/address.h"
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
/// How long after its time-out the result of a probe is waited for: what a second node found out is
/// on its way (node/probing.h).
constexpr int64_t kResultGraceMs = 250;
/// Smaller services are no mass: there an instance's own lapse rule holds exactly.
constexpr uint32_t kLeastMass = 3;
/// How often those are looked at again that nobody reaches: the breaker may begin to hold, or end.
constexpr int64_t kLookAgainMs = 1'000;

}  // namespace

LeaseOwner Registry::owner_of(const Session& session) const {
  return {LeaseKind::kSession, sessions_.slot_of(session)};
}

/// Only of an instance that hangs on something (HolderKind).
LeaseOwner Registry::owner_of(const Instance& instance) {
  const bool of_session = instance.holder_kind() == HolderKind::kSession;
  return {of_session ? LeaseKind::kSession : LeaseKind::kInstance, instance.holder_slot};
}

const Liveness& Registry::liveness_of(LeaseOwner owner) {
  return owner.kind == LeaseKind::kSession ? sessions_.at(owner.slot).liveness
                                           : catalog_.ttl_liveness(owner.slot);
}

/// The number of the suspicion that it is under; 0 for none.
uint64_t& Registry::suspicion_of(LeaseOwner owner) {
  return owner.kind == LeaseKind::kSession ? sessions_.at(owner.slot).suspect
                                           : catalog_.ttl_suspect(owner.slot);
}

const ServiceTiming& Registry::timing_of(const Service& service) const {
  if (options_.service_timing.empty()) return options_.timing;
  const auto own = options_.service_timing.find(ServiceKey(service.key()));
  return own == options_.service_timing.end() ? options_.timing : own->second;
}

/// What holds for all of its instances: the most patient of each.
ServiceTiming Registry::timing_of(LeaseOwner owner) {
  const ServiceTiming& usual = options_.timing;
  ServiceTiming most = usual;
  if (options_.service_timing.empty()) return most;
  bool first = true;
  const auto raise = [](auto& held, auto other) { held = std::max(held, other); };
  for_each_instance(owner, kMostLookedAt, [&](const Instance& instance) {
    const ServiceTiming& one = timing_of(*catalog_.at(instance.service));
    if (std::exchange(first, false)) {
      most = one;
      return;
    }
    raise(most.probe_rounds, one.probe_rounds);
    raise(most.probe_interval_ms, one.probe_interval_ms);
    raise(most.probe_longest_ms, one.probe_longest_ms);
    raise(most.probe_timeout_ms, one.probe_timeout_ms);
    raise(most.refused_removal_ms, one.refused_removal_ms);
    raise(most.silent_removal_ms, one.silent_removal_ms);
    raise(most.unattended_ms, one.unattended_ms);
  });
  return most;
}

/// Whether the owner is still the one that was suspected, lives, and has its home here.
bool Registry::stands(uint64_t number, LeaseOwner owner) {
  const bool lives = owner.kind == LeaseKind::kSession
                         ? sessions_.at(owner.slot).state == Session::State::kOpen
                         : catalog_.ttl_instance_or_null(owner.slot) != nullptr;
  return lives && suspicion_of(owner) == number && is_home(liveness_of(owner));
}

void Registry::set_health(LeaseOwner owner, Health health, Cause cause, Now now, Outputs& out) {
  if (liveness_of(owner).health == health) return;
  if (owner.kind == LeaseKind::kSession) {
    set_health(sessions_.at(owner.slot), health, cause, now, out);
  } else {
    set_health(catalog_.ttl_instance(owner.slot), health, cause, now, out);
  }
}

void Registry::set_health(Session& session, Health health, Cause cause, Now now, Outputs& out) {
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
  const Service& service = *catalog_.at(instance.service);
  const std::string id(instance.id());
  InstanceRecord record;
  record.service = service.key();
  record.id = id;
  record.liveness = present;
  record.liveness.stamp = clock_.next(now);
  record.liveness.health = health;
  // A check says why by itself, whoever has made those before.
  const bool says_why = present.cause != Cause::kHomeLost || is_checked(instance);
  if (says_why) record.liveness.cause = cause;
  catalog_.merge(record, version_ + 1, now);
  change(service, id, now, out);
}

/// Begins to find out about one that is not heard of.
void Registry::suspect(LeaseOwner owner, Cause cause, Now now, Outputs& out) {
  const Health before = liveness_of(owner).health;
  const uint64_t number = suspicion_of(owner);
  if (number == 0) {
    begin_suspicion(owner, false, now);
  } else if (!confirm(number, now)) {
    return;
  }
  if (before != Health::kUp && (number != 0 || before != Health::kUnattended)) return;
  set_health(owner, Health::kSuspect, cause, now, out);
}

void Registry::begin_suspicion(LeaseOwner owner, bool reported, Now now) {
  ++(reported ? counters_.reported : counters_.suspected);
  Suspect suspect;
  suspect.owner = owner;
  suspect.reported = reported;
  suspect.was_low = reported && liveness_of(owner).health != Health::kUp;
  suspect.began_ms = now.mono_ms;
  suspect.next_round_ms = now.mono_ms;
  if (!reported) note_lapse(suspect, now);
  suspicion_of(owner) = suspects_.add(suspect, now.mono_ms);
}

/// What its registration says besides what release 0.1 knew.
RegistrationExtras Registry::extras_of(const Instance& instance) const {
  const std::string_view bytes = PackedBody(instance.packed(), catalog_.interner()).extras();
  if (bytes.empty()) return {};
  return decode_extras(bytes).value_or(RegistrationExtras());
}

/// Reads the rule that an instance with a TTL of its own may have brought for its silence, which
/// began a TTL ago.
void Registry::note_lapse(Suspect& suspect, Now now) {
  if (suspect.owner.kind != LeaseKind::kInstance) return;
  const Instance& instance = catalog_.ttl_instance(suspect.owner.slot);
  suspect.lapse = extras_of(instance).lapse;
  suspect.silent_since_ms = now.mono_ms - catalog_.ttl_ms(instance);
}

/// Whom only consumers had reported is not heard of either: from now on it may be removed, by what
/// probes say from now on. Returns whether that is new.
bool Registry::confirm(uint64_t number, Now now) {
  Suspect* suspect = suspects_.find(number);
  if (suspect == nullptr || !suspect->reported) return false;
  ++counters_.suspected;
  suspect->reported = false;
  suspect->interval_ms = 0;
  suspect->burst_rounds = 0;
  suspect->silent_rounds = 0;
  suspect->outstanding = 0;
  suspect->remove_ms = 0;
  suspect->next_round_ms = now.mono_ms;
  note_lapse(*suspect, now);
  suspects_.schedule(number, now.mono_ms);
  return true;
}

/// A sign of life of one that lives here. Of one that consumers can't reach it says nothing new.
void Registry::revive(LeaseOwner owner, Now now, Outputs& out) {
  uint64_t& number = suspicion_of(owner);
  if (number != 0) {
    Suspect* suspect = suspects_.find(number);
    if (suspect != nullptr && suspect->reported) {
      // Only what consumers had reported before lowered it, or a silence that is over: it has
      // spoken since.
      const bool was_low = std::exchange(suspect->was_low, false);
      const bool lowered =
          is_home(liveness_of(owner)) && (was_low || liveness_of(owner).health == Health::kSuspect);
      if (!lowered) return;
      // Silence of before it spoke lowers it no more (seed 9000008).
      suspect->burst_rounds = suspect->silent_rounds = 0;
      return set_health(owner, Health::kUp, Cause::kHeard, now, out);
    }
    suspects_.erase(std::exchange(number, 0));
  }
  if (is_home(liveness_of(owner))) set_health(owner, Health::kUp, Cause::kHeard, now, out);
}

void Registry::revive(const Session& session, Now now, Outputs& out) {
  // Nearly every heartbeat ends here, without a look-up.
  if (session.suspect == 0 && session.liveness.health == Health::kUp) return;
  revive(owner_of(session), now, out);
}

// --- Time ---

void Registry::advance_suspects(Now now, Outputs& out) {
  while (const std::optional<uint64_t> number = suspects_.take_due(now.mono_ms)) {
    tend_suspect(*number, now, out);
  }
}

void Registry::tend_suspect(uint64_t number, Now now, Outputs& out) {
  Suspect& suspect = *suspects_.find(number);
  if (!stands(number, suspect.owner)) return give_up_suspicion(number, suspect);
  const bool is_session = suspect.owner.kind == LeaseKind::kSession;
  if (is_session && !suspect.reported && phase_ == Phase::kServing &&
      !sessions_.at(suspect.owner.slot).superseded_instance.empty()) {
    // Its owner was to stop, and says nothing any more.
    return end_suspect(number, suspect, Cause::kSessionExpired, now, out);
  }
  if (suspect.lapse) follow_lapse(suspect, now, out);
  if (suspect.remove_ms != 0 && now.mono_ms >= suspect.remove_ms) {
    if (remove_suspect(number, suspect, now, out)) return;
  }
  if (suspect.outstanding > 0 && now.mono_ms >= suspect.results_until_ms) {
    suspect.outstanding = 0;  // what has not come by now is our own fault
  }
  const bool asks = probes() && (!suspect.lapse || suspect.lapse->probe);
  if (asks && suspect.outstanding == 0 && now.mono_ms >= suspect.next_round_ms) {
    begin_round(number, suspect, now, out);
  }
  if (suspects_.find(number) == nullptr) return;
  if (!lapses_exactly(suspect)) follow_breaker(suspect.owner, Cause::kProbeTimedOut, now, out);
  suspects_.schedule(number, std::max(due_ms(suspect, now), now.mono_ms + 1));
}

/// When a suspect is to be looked at next.
int64_t Registry::due_ms(const Suspect& suspect, Now now) const {
  int64_t due_ms = suspect.outstanding > 0 ? suspect.results_until_ms : suspect.next_round_ms;
  if (suspect.lapse || suspect.remove_ms != 0)
    due_ms = std::min(due_ms, now.mono_ms + kLookAgainMs);
  return due_ms;
}

/// Whether an instance's own lapse rule holds without the breaker, since its service is no mass.
bool Registry::lapses_exactly(const Suspect& suspect) {
  if (!suspect.lapse) return false;
  const Instance& instance = catalog_.ttl_instance(suspect.owner.slot);
  return catalog_.at(instance.service)->standing().largest < kLeastMass;
}

/// What the silence of one that brought a rule for it has come to mean.
void Registry::follow_lapse(Suspect& suspect, Now now, Outputs& out) {
  const Health health = liveness_of(suspect.owner).health;
  if (health == Health::kUnattended) {
    suspect.remove_ms = 0;  // an answer overrules, where the rule lets it be asked
    return;
  }
  const int64_t ttl_ms = catalog_.ttl_ms(catalog_.ttl_instance(suspect.owner.slot));
  const int64_t down_ms = suspect.silent_since_ms + std::max(suspect.lapse->down_after_ms, ttl_ms);
  if (now.mono_ms >= down_ms && health == Health::kSuspect) {
    set_health(suspect.owner, Health::kDown, Cause::kHeartbeatsMissed, now, out);
  }
  const int64_t remove_after_ms = suspect.lapse->remove_after_ms;
  suspect.remove_ms = remove_after_ms == 0 ? 0 : suspect.silent_since_ms + remove_after_ms;
}

/// It has ended, or moved: whoever took it over looks after it.
void Registry::give_up_suspicion(uint64_t number, const Suspect& suspect) {
  uint64_t& present = suspicion_of(suspect.owner);
  if (present == number) present = 0;
  suspects_.erase(number);
}

/// Removes it if it may be; whether it has been.
bool Registry::remove_suspect(uint64_t number, const Suspect& suspect, Now now, Outputs& out) {
  const bool refused = liveness_of(suspect.owner).health == Health::kRefused;
  if (phase_ != Phase::kServing) return false;
  const bool exactly = lapses_exactly(suspect);
  if (!refused && (in_doubt(now) || (!exactly && !breakers_allow(suspect.owner, now))))
    return false;
  const bool by_silence = suspect.lapse || suspect.unattended_since_ms != 0;
  // A cause that clients of release 0.1 take for one of a removal: by others they do not believe
  // that a list has become empty.
  const Cause unheard = by_silence ? Cause::kSessionExpired : Cause::kProbeTimedOut;
  end_suspect(number, suspect, refused ? Cause::kProbeRefused : unheard, now, out);
  return true;
}

void Registry::end_suspect(uint64_t number, const Suspect& suspect, Cause cause, Now now,
                           Outputs& out) {
  const LeaseOwner owner = suspect.owner;
  suspects_.erase(number);
  if (owner.kind == LeaseKind::kSession) {
    out.sessions_ended.push_back(end_session(sessions_.at(owner.slot), cause, now, out));
  } else {
    expire_instance(owner.slot, cause, now, out);
  }
}

/// Whether another process has the address by now: what answers there is not the suspect.
bool Registry::address_is_taken(const Suspect& suspect) {
  const uint64_t heard_version = suspect.owner.kind == LeaseKind::kSession
                                     ? sessions_.at(suspect.owner.slot).heard_version
                                     : catalog_.heard_version(suspect.owner.slot);
  bool taken = false;
  for_each_instance(suspect.owner, kMostLookedAt, [&](const Instance& instance) {
    catalog_.addresses().for_each(instance.address(), instance.port(), [&](const Instance& other) {
      taken |= other.claimed > heard_version && takes_address(other, instance);
      return !taken;
    });
  });
  return taken;
}

/// Whether `other`, which has registered the address and port of `instance` since that was heard of
/// last, shows that `instance` is gone. Prefork workers that share a port are heard of after each
/// other's registration, and so take nothing from each other, even after this node stood still:
///   A registers port 80, B registers port 80, both are heard; the node stops for 20 s; B comes
///   back first, A is suspect, and B answers at its port.
bool Registry::takes_address(const Instance& other, const Instance& instance) {
  const bool same_owner =
      other.holder_kind() == instance.holder_kind() && other.holder_slot == instance.holder_slot;
  const bool same_service = other.service == instance.service;
  if (same_owner || other.holder_kind() == HolderKind::kPersistent) return false;
  if (!same_service && other.holder_kind() != HolderKind::kSession) return false;
  if (other.health != Health::kUp) return false;
  if (extras_of(other).shares_port || extras_of(instance).shares_port) return false;
  const ProcessFacts theirs = facts_of(other);
  const ProcessFacts own = facts_of(instance);
  if (own.is_same_process(theirs)) return false;
  if (!base::is_loopback(instance.address())) return true;
  // The same loopback address is another place on each host.
  const bool unknown = own.host == 0 || theirs.host == 0;
  return unknown ? same_service : own.host == theirs.host;
}

ProcessFacts Registry::facts_of(const Instance& instance) const {
  if (instance.holder_kind() != HolderKind::kSession) return {};
  return sessions_.at(instance.holder_slot).facts;
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
    all.push_back(number);
    // Deregistered, or gone elsewhere, since it was looked at last: there is nothing to excuse.
    if (!stands(number, suspect.owner)) return;
    suspect.burst_rounds = 0;
    suspect.silent_rounds = 0;
    suspect.outstanding = 0;
    suspect.next_round_ms = now.mono_ms;
    if (suspect.remove_ms != 0) {
      const bool refused = liveness_of(suspect.owner).health == Health::kRefused;
      const ServiceTiming timing = timing_of(suspect.owner);
      suspect.remove_ms =
          now.mono_ms + (refused ? timing.refused_removal_ms : timing.silent_removal_ms);
    }
    if (suspect.lapse) note_lapse(suspect, now);
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
    if (is_mute(session) || session.suspect != 0) continue;
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

std::vector<Probe> Registry::targets_of(const Suspect& suspect, int64_t timeout_ms) {
  std::vector<Probe> targets;
  for_each_instance(suspect.owner, kMostLookedAt, [&](const Instance& instance) {
    if (instance.port() == 0 || targets.size() == kMostTargets) return;
    const bool known = std::any_of(targets.begin(), targets.end(), [&](const Probe& probe) {
      return probe.address == instance.address() && probe.port == instance.port();
    });
    if (known) return;
    targets.push_back(
        {0, std::string(instance.address()), instance.port(), timeout_ms, nullptr, true});
  });
  return targets;
}

void Registry::begin_round(uint64_t number, Suspect& suspect, Now now, Outputs& out) {
  const ServiceTiming timing = timing_of(suspect.owner);
  ++suspect.rounds;
  ++suspect.burst_rounds;
  const bool in_burst = suspect.burst_rounds < timing.probe_rounds;
  suspect.interval_ms = in_burst
                            ? timing.probe_interval_ms
                            : std::min(std::max(suspect.interval_ms, timing.probe_interval_ms) * 2,
                                       timing.probe_longest_ms);
  suspect.next_round_ms = now.mono_ms + suspect.interval_ms;
  suspect.results_until_ms = now.mono_ms + timing.probe_timeout_ms + kResultGraceMs;
  suspect.answered = suspect.refused = suspect.silent = 0;
  std::vector<Probe> targets = targets_of(suspect, timing.probe_timeout_ms);
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
  if (is_check(input.ticket)) return apply_check(input, now, out);
  const uint64_t number = input.ticket >> 20;
  Suspect* suspect = suspects_.find(number);
  const bool late = suspect == nullptr || suspect->outstanding == 0 ||
                    (suspect->rounds & 0xFFFFF) != (input.ticket & 0xFFFFF);
  if (late) return Reply(Done{});
  if (!stands(number, suspect->owner)) return Reply(Done{});
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
  suspects_.schedule(number, due_ms(*suspect, now));
  advance_suspects(now, out);  // the next round of a burst need not wait for a tick
  return Reply(Done{});
}

void Registry::conclude_round(uint64_t number, Suspect& suspect, Now now, Outputs& out) {
  if (suspect.answered > 0) {
    ++counters_.probes_answered;
    return suspect.reported ? answer_reports(number, suspect, now, out)
                            : note_answer(suspect, now, out);
  }
  suspect.unattended_since_ms = 0;
  if (suspect.refused > 0 && suspect.silent == 0) {
    ++counters_.probes_refused;
    const bool known =
        liveness_of(suspect.owner).health == Health::kRefused && suspect.remove_ms != 0;
    if (!suspect.reported && !known && !suspect.lapse) {
      suspect.remove_ms = now.mono_ms + timing_of(suspect.owner).refused_removal_ms;
    }
    return set_health(suspect.owner, Health::kRefused, Cause::kProbeRefused, now, out);
  }
  if (suspect.silent == 0) return;  // this node's own fault
  ++counters_.probes_silent;
  conclude_silence(suspect, Cause::kProbeTimedOut, now, out);
}

/// It answers, but does not speak. A socket that answers for an hour is no sign of life: from then
/// on its answers count as silence.
void Registry::note_answer(Suspect& suspect, Now now, Outputs& out) {
  if (suspect.unattended_since_ms == 0)
    suspect.unattended_since_ms = std::max<int64_t>(now.mono_ms, 1);
  const int64_t unattended_ms = now.mono_ms - suspect.unattended_since_ms;
  if (unattended_ms >= timing_of(suspect.owner).unattended_ms) {
    return conclude_silence(suspect, Cause::kHeartbeatsMissed, now, out);
  }
  suspect.silent_rounds = 0;
  suspect.remove_ms = 0;
  set_health(suspect.owner, Health::kUnattended, Cause::kProbeAnswered, now, out);
}

/// Consumers do not reach it, and its kernel accepts a connection. That proves a socket, not a
/// process: unless it has spoken since the reports came, it is suspect until it does. One that is
/// heard by its connection alone has no other way to speak (as of release 0.1).
void Registry::answer_reports(uint64_t number, const Suspect& suspect, Now now, Outputs& out) {
  const LeaseOwner owner = suspect.owner;
  const bool is_session = owner.kind == LeaseKind::kSession;
  const bool mute = is_session && is_mute(sessions_.at(owner.slot));
  const int64_t spoke_ms =
      is_session ? sessions_.at(owner.slot).evidence_ms : catalog_.evidence_ms(owner.slot);
  const bool lives = mute || spoke_ms > suspect.began_ms;
  set_health(owner, lives ? Health::kUp : Health::kSuspect, Cause::kProbeAnswered, now, out);
  give_up_suspicion(number, suspect);
}

void Registry::conclude_silence(Suspect& suspect, Cause cause, Now now, Outputs& out) {
  const ServiceTiming timing = timing_of(suspect.owner);
  const Health before = liveness_of(suspect.owner).health;
  ++suspect.silent_rounds;
  if (suspect.silent_rounds < timing.probe_rounds) {
    if (before == Health::kUnattended) {
      suspect.burst_rounds = 1;
      suspect.next_round_ms = now.mono_ms + timing.probe_interval_ms;
      set_health(suspect.owner, Health::kSuspect, cause, now, out);
    }
    return;
  }
  if (suspect.lapse) return;  // its own rule says when
  // Refused, unless that was before it was missed, or is all that consumers' reports have shown.
  const bool refused = before == Health::kRefused && suspect.remove_ms != 0;
  if (!suspect.reported && suspect.remove_ms == 0) {
    suspect.remove_ms = now.mono_ms + timing.silent_removal_ms;
  }
  if (refused || is_unreachable(before)) return;
  set_health(suspect.owner, Health::kDown, cause, now, out);
  follow_breaker(suspect.owner, cause, now, out);
}

// --- Consumers' reports ---

Result<Reply> Registry::apply(const ReportInstance& input, Now now, Outputs& out) {
  if (auto status = validate(input, options_.limits); !status.ok()) return status.error();
  const Service* service = catalog_.find(input.key.service);
  const Instance* instance = service == nullptr ? nullptr : service->find_live(input.key.id);
  if (instance == nullptr) {
    return base::Error{base::ErrorCode::kNotFound, "id",
                       fmt::format("'{}' is not registered", input.key.id), std::nullopt};
  }
  if (!input.passed_on && instance->holder_kind() != HolderKind::kPersistent) {
    // Only its home can have it probed, and counts what all nodes are told.
    const Liveness& liveness = liveness_of(owner_of(*instance));
    if (!is_home(liveness)) out.reports.push_back({liveness.home, input.key, input.by});
  }
  const ServiceTiming& timing = timing_of(*service);
  const uint32_t reports = reports_.add(service->index(), input.key.id, base::xxh64(input.by),
                                        timing.reports_within_ms, now.mono_ms);
  if (probes() && timing.reports > 0 && reports >= timing.reports) {
    reports_.forget(service->index(), input.key.id);
    investigate(*instance, now, out);
  }
  return Reply(InstanceReported{reports});
}

/// Has it probed, if its owner lives here and is not in doubt already.
void Registry::investigate(const Instance& instance, Now now, Outputs& out) {
  if (instance.holder_kind() == HolderKind::kPersistent) return;
  if (is_checked(instance)) return begin_checks(instance.holder_slot, out);
  const LeaseOwner owner = owner_of(instance);
  if (suspicion_of(owner) != 0 || !is_home(liveness_of(owner))) return;
  begin_suspicion(owner, true, now);
}

}  // namespace callbook::core
