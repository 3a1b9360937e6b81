#include "sim/return_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

using core::RegistrationKind;

constexpr int64_t kCaughtUpMs = 20'000;
/// What an owner said just before its end may still be on its way.
constexpr int64_t kOnItsWayMs = 5'000;

}  // namespace

void ReturnChecker::on_record(const RecordChange& change) {
  if (change.session != kNobody) return check_session(change);
  check_key(change);
  check_maker(change);
}

void ReturnChecker::check_key(const RecordChange& change) {
  const KeyFacts& before = change.key_before;
  const KeyFacts& after = change.key_after;
  if (before.known && !after.known && before.kind != RegistrationKind::kBody) {
    evidence_.count(Rule::kTombstoneAged);
  }
  if (!before.known || !after.known) return;
  if (after.stamp < before.stamp) {
    fail(change.node, evidence_.focus_on(change.key),
         fmt::format("what is known of {} fell back from stamp {} to {}",
                     evidence_.text_of(change.key), evidence_.text_of(before.stamp),
                     evidence_.text_of(after.stamp)));
  }
  if (outdoes(before.liveness, after.liveness)) {
    fail(change.node, evidence_.focus_on(change.key),
         fmt::format("the TTL of {} fell back from epoch {} (stamp {}) to {} (stamp {})",
                     evidence_.text_of(change.key), before.liveness.epoch,
                     evidence_.text_of(before.liveness.stamp), after.liveness.epoch,
                     evidence_.text_of(after.liveness.stamp)));
  }
}

void ReturnChecker::check_maker(const RecordChange& change) {
  const KeyFacts& facts = change.key_after;
  if (!facts.known || facts.kind == RegistrationKind::kNone) return;
  if (change.key_before.known && change.key_before.stamp == facts.stamp) return;
  Truth& truth = evidence_.truth;
  const size_t node = evidence_.conditions.node_of(facts.stamp.node);
  const bool removed = facts.kind == RegistrationKind::kRemoved;
  const auto kind = removed ? Operation::Kind::kDeregister : Operation::Kind::kRegister;
  const SessionIndex session = removed ? kNobody : facts.session;
  if (truth.maker_of(change.key, kind, facts.rev, facts.stamp, node, session) != kNobody) return;
  if (!removed && facts.session != kNobody &&
      truth.reasserted(change.key, facts.session, facts.stamp, node) != kNobody) {
    return evidence_.count(Rule::kReasserted);
  }
  if (!removed && facts.rev &&
      evidence_.registration(change.key, facts.rev, facts.stamp, facts.session) != kNobody) {
    return;
  }
  fail(change.node, evidence_.focus_on(change.key),
       fmt::format("holds a {} of {} with stamp {}{}, which no call has made",
                   removed ? "deregistration" : "registration", evidence_.text_of(change.key),
                   evidence_.text_of(facts.stamp),
                   facts.rev ? fmt::format(" and rev {}", *facts.rev) : ""));
}

void ReturnChecker::check_session(const RecordChange& change) {
  const SessionFacts& before = change.session_before;
  const SessionFacts& after = change.session_after;
  if (!before.known || !after.known || !outdoes(before.liveness, after.liveness)) return;
  fail(change.node, evidence_.focus_on_session(change.session),
       fmt::format("session #{} fell back from epoch {} (stamp {}) to epoch {} (stamp {})",
                   change.session, before.liveness.epoch, evidence_.text_of(before.liveness.stamp),
                   after.liveness.epoch, evidence_.text_of(after.liveness.stamp)));
}

void ReturnChecker::on_list_change(const ListChange& change) {
  if (burials_.size() <= change.key) burials_.resize(evidence_.truth.key_count());
  if (!change.after) return left(change);
  const OperationIndex maker =
      evidence_.registration(change.key, change.after->rev, change.after->stamp);
  if (maker == kNobody) {
    return fail(change.node, evidence_.focus_on(change.key),
                fmt::format("lists {} rev {} with stamp {}, which no call has made",
                            evidence_.text_of(change.key), change.after->rev,
                            evidence_.text_of(change.after->stamp)));
  }
  if (change.before && change.after->stamp < change.before->stamp) {
    return fail(change.node, evidence_.focus_on(change.key),
                fmt::format("the list went back from rev {} (stamp {}) of {} to rev {} (stamp {})",
                            change.before->rev, evidence_.text_of(change.before->stamp),
                            evidence_.text_of(change.key), change.after->rev,
                            evidence_.text_of(change.after->stamp)));
  }
  if (!change.before) came(change);
}

/// Whether the session is at a node that its client asked to have it, and was not answered: that
/// call may be carried out late.
bool ReturnChecker::was_asked_to(const TrueSession& session, const core::Liveness& word) const {
  if (session.told_epochs_ms.contains(word.epoch)) return false;
  const size_t home = evidence_.conditions.node_of(word.home);
  return std::any_of(session.asked.begin(), session.asked.end(),
                     [&](const TrueSession::Takeover& asked) { return asked.node == home; });
}

bool ReturnChecker::is_dead(size_t node, const Operation& registration) const {
  const Truth& truth = evidence_.truth;
  if (truth.deregistered(registration)) return true;
  if (!truth.holder_over(registration)) return false;
  if (registration.holder == core::HolderKind::kTtl) return !was_heard_late(node, registration);
  if (registration.holder != core::HolderKind::kSession) return true;
  const TrueSession& session = truth.session(registration.session);
  const SessionFacts& facts = evidence_.records.session(node, registration.session);
  if (!facts.known || facts.liveness.ended) return true;
  const int64_t over_ms = std::min(
      {truth.process(session.process).ended_ms, session.close_begun_ms, session.abandoned_ms});
  if (over_ms == kNever) return false;  // lost to a rival, which is another checker's matter
  if (was_asked_to(session, facts.liveness)) return false;
  return endings_.seen_ms(registration.session, facts.liveness) > over_ms + kOnItsWayMs;
}

/// Whether a heartbeat may have come late to the node that is its home by now, since that node, or
/// what connects it, was in trouble at its owner's end or later.
bool ReturnChecker::was_heard_late(size_t node, const Operation& registration) const {
  const KeyFacts& facts = evidence_.records.key(node, registration.key);
  if (!facts.known || facts.liveness.epoch == 0 || facts.liveness.ended) return false;
  const size_t home = evidence_.conditions.node_of(facts.liveness.home);
  const int64_t over_ms = evidence_.truth.process(registration.owner).ended_ms;
  return home < evidence_.node_count() && over_ms != kNever &&
         evidence_.conditions.untroubled_since_ms(home) > over_ms - kOnItsWayMs;
}

void ReturnChecker::came(const ListChange& change) {
  Burial& burial = burials_[change.key];
  if (burial.witnesses == 0) return;
  if (change.after->stamp > burial.stamp) {
    burial = Burial();
    return;
  }
  if (!evidence_.conditions.untroubled_for(change.node, kCaughtUpMs)) return;
  if (evidence_.now_ms() - burial.since_ms < kOnItsWayMs) return;
  const OperationIndex maker =
      evidence_.registration(change.key, change.after->rev, change.after->stamp);
  const Operation& registration = evidence_.truth.operation(maker);
  if (!is_dead(change.node, registration)) return;
  fail(change.node, evidence_.focus_on(change.key),
       fmt::format("{} rev {} (stamp {}) is listed again, although it had left every node and has "
                   "not been registered since",
                   evidence_.text_of(change.key), change.after->rev,
                   evidence_.text_of(change.after->stamp)));
}

void ReturnChecker::left(const ListChange& change) {
  // What an operator has taken out may be restored.
  if (evidence_.taken_out.keeps_out(change.node, change.key, change.before->owner)) return;
  // What a node out of touch has seen come and go, the others may yet see come and go.
  if (!evidence_.conditions.untroubled_for(change.node, kCaughtUpMs)) return;
  Burial fresh{change.before->stamp, 0, evidence_.now_ms()};
  for (size_t node = 0; node < evidence_.node_count(); ++node) {
    if (!evidence_.conditions.answering(node)) continue;
    if (evidence_.listings.find(node, change.key)) return;
    if (evidence_.conditions.serving(node)) fresh.witnesses |= uint64_t{1} << node;
  }
  Burial& burial = burials_[change.key];
  fresh.stamp = std::max(fresh.stamp, burial.stamp);
  burial = fresh;
}

void ReturnChecker::node_died(size_t node) {
  for (Burial& burial : burials_) burial.witnesses &= ~(uint64_t{1} << node);
}

std::optional<core::Stamp> ReturnChecker::buried(KeyIndex key) const {
  if (key >= burials_.size() || burials_[key].witnesses == 0) return std::nullopt;
  if (evidence_.now_ms() - burials_[key].since_ms < kOnItsWayMs) return std::nullopt;
  return burials_[key].stamp;
}

void ReturnChecker::fail(size_t node, Focus focus, std::string text) {
  Finding finding;
  finding.checker = "return";
  finding.node = node;
  finding.text = std::move(text);
  finding.focus = std::move(focus);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
