#include "sim/mute_checker.h"

#include <fmt/format.h>

namespace callbook::sim {

void MuteChecker::begin_step(size_t node, const Step& step) {
  if (!evidence_.settings.new_processes || !step.accepted) return;
  const core::SessionId* heard = speaker_of(step.input);
  const auto session = heard != nullptr ? evidence_.truth.find_session(*heard) : std::nullopt;
  if (session) lives_ms_[node][*session] = evidence_.now_ms();
}

void MuteChecker::end_step() {
  if (!evidence_.settings.new_processes || evidence_.now_ms() < due_ms_) return;
  constexpr int64_t kEveryMs = 500;
  due_ms_ = evidence_.now_ms() + kEveryMs;
  const Truth& truth = evidence_.truth;
  for (ProcessNumber number = 0; number < truth.process_count(); ++number) {
    const TrueProcess& process = truth.process(number);
    const bool is_stopped =
        process.end == TrueProcess::End::kNone && process.paused_until_ms > evidence_.now_ms();
    if (!is_stopped || !process.speaks) continue;
    for (const SessionIndex index : process.sessions) {
      const TrueSession& session = truth.session(index);
      const bool given_up = session.abandoned_ms != kNever || session.close_begun_ms != kNever;
      if (!given_up && !truth.contested(index)) judge(process, index);
    }
  }
}

void MuteChecker::judge(const TrueProcess& process, SessionIndex session) {
  constexpr int64_t kWellBeforeMs = 10'000;
  constexpr int64_t kOnItsWayMs = 500;
  constexpr int64_t kNoticedMs = 1'200;
  const int64_t now_ms = evidence_.now_ms();
  if (!evidence_.conditions.calm_for(now_ms - process.paused_since_ms + kWellBeforeMs)) return;
  size_t home = evidence_.node_count();
  for (size_t node = 0; node < evidence_.node_count(); ++node) {
    const SessionFacts& facts = evidence_.records.session(node, session);
    const bool is_home = facts.known && !facts.superseded && !facts.liveness.ended &&
                         facts.liveness.epoch > 0 &&
                         evidence_.conditions.node_of(facts.liveness.home) == node;
    if (!is_home) continue;
    if (home < evidence_.node_count()) return;
    home = node;
  }
  if (home == evidence_.node_count()) return;
  const auto life = lives_ms_[home].find(session);
  if (life == lives_ms_[home].end()) return;
  // What it had said just before came just after; more is of a call that was long on its way.
  if (life->second > process.paused_since_ms + kOnItsWayMs) return;
  const int64_t ttl_ms = evidence_.truth.session(session).ttl_ms;
  if (ttl_ms == 0) return;  // its client was not told which
  const int64_t due_ms = life->second + ttl_ms * 9 / 8 + kNoticedMs;  // leases come in turn
  if (now_ms <= due_ms) return;
  const core::Health health = evidence_.records.session(home, session).liveness.health;
  if (health != core::Health::kUp) return evidence_.count(Rule::kMuteNoticed);
  Finding finding;
  finding.checker = "mute";
  finding.node = home;
  finding.focus = evidence_.focus_on_session(session);
  finding.text = fmt::format(
      "session #{} of process {}, which promised to speak and has been stopped for {} ms, should "
      "have been suspected {} ms ago, and is believed to be up",
      session, process.number, now_ms - process.paused_since_ms, now_ms - due_ms);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
