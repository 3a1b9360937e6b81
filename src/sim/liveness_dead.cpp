// What a home has to make of those that have really died.

#include <algorithm>

#include <fmt/format.h>

#include "core/instance.h"
#include "sim/liveness_checker.h"

namespace callbook::sim {

using core::Health;

void LivenessChecker::judge_detection() {
  if (evidence_.settings.probes_untested > 0) return;
  const Truth& truth = evidence_.truth;
  deaths_.for_each([&](const TrueProcess& process) {
    for (const SessionIndex session : process.sessions) {
      const TrueSession& opened = truth.session(session);
      const bool given_up = opened.abandoned_ms != kNever || opened.close_begun_ms != kNever;
      if (!given_up && !truth.contested(session)) judge_dead(process, {session, kNobody});
    }
    for (const KeyIndex key : process.keys) {
      const Owner owner{kNobody, key};
      if (!has_lapse(owner) && truth.wanted(key, process.number)) judge_dead(process, owner);
    }
  });
}

void LivenessChecker::judge_dead(const TrueProcess& process, Owner owner) {
  const auto only = deaths_.only_home([&](size_t node) { return is_open_at(node, owner); });
  if (!only || superseded(*only, owner) || !holds_anything(*only, owner)) return;
  const size_t home = *only;
  const Case& known = case_of(home, owner);
  const int64_t since_ms = process.ended_ms - kWellBeforeMs;
  if (shares_address(home, owner) || known.shared || known.reported) return;
  if (known.first_report_ms <= process.ended_ms) return;
  if (std::max(known.changed_ms, known.life_ms) > process.ended_ms + kOnItsWayMs) return;
  // An own TTL comes anew with each registration.
  if (known.epoch_ms > (owner.session != kNobody ? since_ms : process.ended_ms)) return;
  const bool lost = process.end == TrueProcess::End::kMachineDied;
  int64_t silent_ms = ttl_ms(owner) * 9 / 8;  // leases are looked at in turn
  bool tied = false;
  if (owner.session != kNobody) {
    constexpr int64_t kTiedLatelyMs = 2'500;
    const Contacts& contacts = evidence_.truth.session(owner.session).contacts;
    tied = contacts.alive_ms(home) > process.ended_ms - kTiedLatelyMs;
    // Tied just now, or a little while ago: not known here.
    if (!tied && contacts.alive_ms(home) > since_ms) return;
  }
  if (tied) silent_ms = lost ? kLossNoticedMs : 0;
  if (!tied && !Deaths::was_heard(process, known.life_ms, ttl_ms(owner))) return;
  constexpr int64_t kNoticedMs = 1'200;
  const int64_t suspect_by_ms = process.ended_ms + silent_ms + kNoticedMs;
  if (lost) {
    judge_loss(home, owner, suspect_by_ms);
  } else {
    judge_crash(home, owner, suspect_by_ms);
  }
}

bool LivenessChecker::shares_address(size_t home, Owner owner) const {
  const std::vector<KeyIndex> own = keys_of(owner);
  return std::any_of(own.begin(), own.end(), [&](KeyIndex key) {
    const KeyFacts& facts = evidence_.records.key(home, key);
    return owner_of(facts, key) == owner && owners_at(home, facts.address, facts.port).size() > 1;
  });
}

void LivenessChecker::judge_crash(size_t home, Owner owner, int64_t suspect_by_ms) {
  constexpr int64_t kLateMs = 1'500;
  const int64_t now_ms = evidence_.now_ms();
  const Health health = liveness_of(home, owner).health;
  if (now_ms > suspect_by_ms && health != Health::kRefused) {
    return fail(
        home, owner,
        fmt::format("has died, which should have been known {} ago, and is believed to be "
                    "{}",
                    seconds(now_ms - suspect_by_ms), core::name_of(core::state_of(health))));
  }
  const int64_t removed_by_ms =
      suspect_by_ms + evidence_.settings.timing.refused_removal_ms + kLateMs;
  if (now_ms <= removed_by_ms) return;
  fail(home, owner,
       fmt::format("has died and is refused, and should have been removed {} ago",
                   seconds(now_ms - removed_by_ms)));
}

void LivenessChecker::judge_loss(size_t home, Owner owner, int64_t suspect_by_ms) {
  constexpr int64_t kLateMs = 62'500;  // whatever may be spent of the budget of a minute
  const core::Timing& timing = evidence_.settings.timing;
  const int64_t now_ms = evidence_.now_ms();
  const Health health = liveness_of(home, owner).health;
  if (now_ms > suspect_by_ms && health == Health::kUp) {
    return fail(home, owner,
                fmt::format("has lost its machine, which should have been noticed {} ago",
                            seconds(now_ms - suspect_by_ms)));
  }
  const int64_t down_by_ms =
      suspect_by_ms + timing.probe_rounds * timing.probe_interval_ms + timing.probe_timeout_ms;
  // Whose ports were closed before its machine went stays refused.
  if (now_ms > down_by_ms && !core::is_unreachable(health) && health != Health::kRefused) {
    return fail(home, owner,
                fmt::format("has lost its machine, which should have been known {} ago, and is "
                            "believed to be {}",
                            seconds(now_ms - down_by_ms), core::name_of(core::state_of(health))));
  }
  const int64_t doubted_ms = nodes_[home].doubted_ms;
  const int64_t removed_by_ms =
      std::max(down_by_ms + timing.silent_removal_ms, doubted_ms) + kLateMs;
  if (now_ms <= removed_by_ms || health == Health::kProtected) return;
  if (breakers_.may_be_spent(home, owner.session, owner.key)) return;
  fail(home, owner,
       fmt::format("has lost its machine and is down, and should have been removed {} ago",
                   seconds(now_ms - removed_by_ms)));
}

}  // namespace callbook::sim
