// Instances that the registry checks itself: when, and what it makes of the results.

#include "core/registry.h"

namespace callbook::core {

using base::Now;
using base::Result;

namespace {

// A check's ticket is marked by its highest bit, which no suspicion reaches. Below it are the slot
// of the instance and the number of the check, so that what is late is recognized.
constexpr uint64_t kCheckBit = uint64_t{1} << 63;
constexpr uint32_t kSerialBits = 24;
constexpr uint32_t kSerialMask = (uint32_t{1} << kSerialBits) - 1;

uint64_t ticket_of(uint32_t slot, uint32_t serial) {
  return kCheckBit | uint64_t{slot} << kSerialBits | (serial & kSerialMask);
}

}  // namespace

bool Registry::is_check(uint64_t ticket) {
  return (ticket & kCheckBit) != 0;
}

/// What is to be believed of a registration whose check has not been made yet.
void Registry::await_check(const KeyState& present, const RegistrationView& body,
                           Liveness& liveness) const {
  const Instance* before = present.body;
  const bool same_target = before != nullptr && before->holder_kind() == HolderKind::kTtl &&
                           before->address() == body.address && before->port() == body.port &&
                           PackedBody(before->packed(), catalog_.interner()).check() == body.check;
  liveness.health = same_target ? present.liveness.health : Health::kSuspect;
  liveness.cause = same_target ? present.liveness.cause : Cause::kRegistered;
}

/// Has it probed, if it is checked, and from here.
void Registry::begin_check(uint32_t slot, Outputs& out) {
  CheckRun* run = catalog_.check_run(slot);
  if (run == nullptr || !is_home(catalog_.ttl_liveness(slot))) return;
  // One that has not come back within the interval is this node's own fault, and late by now.
  ++run->serial;
  run->under_way = true;
  const Instance& instance = catalog_.ttl_instance(slot);
  const CheckRule& rule = run->rule;
  Probe probe;
  probe.ticket = ticket_of(slot, run->serial);
  probe.address = instance.address();
  probe.port = rule.port != 0 ? rule.port : instance.port();
  probe.timeout_ms = rule.timeout_ms;
  if (rule.kind != CheckRule::Kind::kTcp) probe.rule = std::make_shared<const CheckRule>(rule);
  out.probes.push_back(std::move(probe));
  ++counters_.checks;
}

Result<Reply> Registry::apply_check(const ProbeResult& input, Now now, Outputs& out) {
  const auto slot = static_cast<uint32_t>((input.ticket & ~kCheckBit) >> kSerialBits);
  CheckRun* run = catalog_.check_run(slot);
  const bool late = run == nullptr || !run->under_way ||
                    (run->serial & kSerialMask) != (input.ticket & kSerialMask);
  if (late) return Reply(Done{});
  run->under_way = false;
  if (!is_home(catalog_.ttl_liveness(slot))) return Reply(Done{});
  using Outcome = ProbeResult::Outcome;
  switch (input.outcome) {
    case Outcome::kAnswered:
      pass_check(*run, slot, now, out);
      break;
    case Outcome::kRefused:
      fail_check(*run, slot, Cause::kProbeRefused, now, out);
      break;
    case Outcome::kFailed:
      fail_check(*run, slot, Cause::kCheckFailed, now, out);
      break;
    case Outcome::kSilent:
      if (!stood_still(now)) fail_check(*run, slot, Cause::kProbeTimedOut, now, out);
      break;
    case Outcome::kUntested:
      break;
  }
  return Reply(Done{});
}

void Registry::pass_check(CheckRun& run, uint32_t slot, Now now, Outputs& out) {
  run.failures = 0;
  run.failing_since_ms = 0;
  ++run.successes;
  catalog_.note_evidence(slot, now.mono_ms);
  const Liveness& present = catalog_.ttl_liveness(slot);
  // One that had failed less often than it may is up again at once; one that is new is not.
  const bool doubted = present.health == Health::kSuspect && present.cause != Cause::kRegistered;
  if (!doubted && run.successes < run.rule.successes) return;
  set_health({LeaseKind::kInstance, slot}, Health::kUp, Cause::kProbeAnswered, now, out);
}

void Registry::fail_check(CheckRun& run, uint32_t slot, Cause cause, Now now, Outputs& out) {
  ++counters_.checks_failed;
  run.successes = 0;
  ++run.failures;
  if (run.failing_since_ms == 0) run.failing_since_ms = std::max<int64_t>(now.mono_ms, 1);
  const LeaseOwner owner{LeaseKind::kInstance, slot};
  const Health before = liveness_of(owner).health;
  const bool refused = cause == Cause::kProbeRefused;
  if (refused) {
    set_health(owner, Health::kRefused, cause, now, out);
  } else if (run.failures < run.rule.failures) {
    if (before == Health::kUp) set_health(owner, Health::kSuspect, cause, now, out);
  } else {
    if (!is_unreachable(before)) set_health(owner, Health::kDown, cause, now, out);
    follow_breaker(owner, cause, now, out);
  }
  if (run.rule.remove_after_ms == 0 || phase_ != Phase::kServing) return;
  if (now.mono_ms - run.failing_since_ms < run.rule.remove_after_ms) return;
  if (!refused && !is_unreachable(liveness_of(owner).health)) return;
  if (!refused && (in_doubt(now) || !breakers_allow(owner, now))) return;
  expire_instance(slot, cause, now, out);
}

}  // namespace callbook::core
