#include "sim/removal_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

constexpr int64_t kSpreadMs = 5'000;
/// From a node's knowing of an end to its publishing the list.
constexpr int64_t kToldWithinMs = 100;
/// Contacts as fresh or as old as this, beside the TTL, may have crossed the word of the end.
constexpr int64_t kCloseMs = 500;

}  // namespace

void RemovalChecker::on_record(const RecordChange& change) {
  if (change.key != kNobody && change.key_after.session != change.key_before.session) {
    auto& since_ms = held_since_ms_[change.node];
    if (since_ms.size() <= change.key) since_ms.resize(change.key + 1, kLongAgo);
    since_ms[change.key] = evidence_.now_ms();
  }
  const bool of_session = change.session != kNobody;
  if (of_session ? !change.session_after.liveness.ended : !change.key_after.liveness.ended) return;
  auto& ended_ms = (of_session ? sessions_ended_ms_ : keys_ended_ms_)[change.node];
  const uint32_t index = of_session ? change.session : change.key;
  if (ended_ms.size() <= index) ended_ms.resize(index + 1, kLongAgo);
  ended_ms[index] = evidence_.now_ms();
}

bool RemovalChecker::just_now(const std::vector<int64_t>& ended_ms, uint32_t index) const {
  return index < ended_ms.size() && ended_ms[index] >= evidence_.now_ms() - kToldWithinMs;
}

void RemovalChecker::on_list_change(const ListChange& change) {
  if (!change.before || change.after) return;
  const OperationIndex maker =
      evidence_.registration(change.key, change.before->rev, change.before->stamp);
  if (maker == kNobody) return;  // ReturnChecker has said so when it came
  if (may_sweep(change.node)) return;
  const Operation registration = evidence_.truth.operation(maker);
  const std::string objected = objection(change, registration);
  if (objected.empty()) return;
  Finding finding;
  finding.checker = "removal";
  finding.node = change.node;
  finding.focus = evidence_.focus_on(change.key);
  finding.text =
      fmt::format("{} rev {} (stamp {}) left the list with cause {}, but {}",
                  evidence_.text_of(change.key), change.before->rev,
                  evidence_.text_of(change.before->stamp), core::name_of(change.cause), objected);
  evidence_.fail(std::move(finding));
}

/// Whether the node may be dropping what nobody has spoken of since it rejoined as new.
bool RemovalChecker::may_sweep(size_t node) const {
  const int64_t swept_ms = evidence_.settings.timing.unknown_session_ms + kSpreadMs;
  return evidence_.now_ms() - evidence_.conditions.rejoined_ms(node) <= swept_ms;
}

std::string RemovalChecker::objection(const ListChange& change, const Operation& registration) {
  Truth& truth = evidence_.truth;
  if (evidence_.taken_out.keeps_out(change.node, change.key, registration.owner)) return {};
  const KeyFacts& facts = evidence_.records.key(change.node, change.key);
  if (facts.known && facts.kind == core::RegistrationKind::kRemoved) {
    if (facts.stamp < change.before->stamp) {
      return fmt::format("the deregistration that its record shows is older: stamp {}",
                         evidence_.text_of(facts.stamp));
    }
    const size_t node = evidence_.conditions.node_of(facts.stamp.node);
    const auto maker =
        truth.maker_of(change.key, Operation::Kind::kDeregister, std::nullopt, facts.stamp, node);
    if (maker != kNobody) return {};
    return fmt::format("nobody asked for the deregistration of stamp {}",
                       evidence_.text_of(facts.stamp));
  }
  if (truth.holder_over(registration) || truth.deregistered(registration)) return {};
  switch (registration.holder) {
    case core::HolderKind::kPersistent:
      if (facts.known && facts.kind == core::RegistrationKind::kBody &&
          facts.stamp > change.before->stamp) {
        return {};
      }
      // What nobody was promised, a node that was apart for too long may drop.
      if (registration.in_doubt()) return {};
      return "it is persistent and nobody has deregistered it";
    case core::HolderKind::kTtl:
      if (facts.known && facts.liveness.ended) return {};
      if (just_now(keys_ended_ms_[change.node], change.key)) return {};
      if (!facts.known && may_not_have_heard(change.node, endings_.latest_of_key(change.key))) {
        return {};
      }
      return "its process lives and no end of its TTL is known here";
    case core::HolderKind::kSession:
      break;
  }
  return session_objection(change, registration);
}

std::string RemovalChecker::session_objection(const ListChange& change,
                                              const Operation& registration) {
  const KeyFacts& key = evidence_.records.key(change.node, change.key);
  const SessionFacts& session = evidence_.records.session(change.node, registration.session);
  if (session.known && session.liveness.ended) return {};
  if (just_now(sessions_ended_ms_[change.node], registration.session)) return {};
  const bool other_holder = key.known && key.holder == core::HolderKind::kSession &&
                            key.session != registration.session && key.stamp > change.before->stamp;
  if (other_holder && key.session != kNobody) {
    const SessionFacts& next = evidence_.records.session(change.node, key.session);
    const auto& since_ms = held_since_ms_[change.node];
    const int64_t held_ms = evidence_.now_ms() - since_ms[change.key];
    const bool given_up = held_ms >= evidence_.settings.timing.unknown_session_ms;
    if (next.known ? next.liveness.ended : given_up) return {};
    // An earlier process's call was late, and an operator has taken that one out: nothing is shown
    // here until the home of the later one objects.
    const ProcessNumber other = evidence_.truth.session(key.session).process;
    if (evidence_.taken_out.keeps_out(change.node, change.key, other)) return {};
    if (!next.known) {
      return fmt::format("word of session #{}, which has registered it anew, is only late",
                         key.session);
    }
  }
  if (word_may_have_been_lost(registration.session)) return {};
  // What no session holds was claimed where this one was not known of, and has lapsed since.
  const bool lapsed = key.known && key.session == kNobody && key.liveness.ended;
  if (lapsed && key.stamp > change.before->stamp) return {};
  if (session.known) {
    return fmt::format("its session #{} is open here (epoch {}) and its process lives",
                       registration.session, session.liveness.epoch);
  }
  const core::Liveness& latest = endings_.latest(registration.session);
  if (latest.ended || may_not_have_heard(change.node, latest)) return {};
  return fmt::format("its session #{} was never ended and its process lives", registration.session);
}

/// Whether the first word of the session, if the bus has lost it, need not have been said again
/// before a node gives up waiting for it. By default that takes six times as long, here it may not.
bool RemovalChecker::word_may_have_been_lost(SessionIndex session) const {
  const int64_t again_ms = evidence_.settings.timing.publish_timeout_ms + kSpreadMs;
  if (evidence_.settings.timing.unknown_session_ms >= again_ms) return false;
  return evidence_.now_ms() - evidence_.truth.session(session).open_begun_ms <= again_ms;
}

/// Whether the node was out of touch, or the home was, which then can't announce what lives there.
bool RemovalChecker::may_not_have_heard(size_t node, const core::Liveness& latest) const {
  if (may_be_ignorant(node)) return true;
  const size_t home = evidence_.conditions.node_of(latest.home);
  return home < evidence_.node_count() && may_be_ignorant(home);
}

bool RemovalChecker::may_be_ignorant(size_t node) const {
  return !evidence_.conditions.untroubled_for(
      node, evidence_.settings.timing.unknown_session_ms + kSpreadMs);
}

bool EmptyListChecker::departed(const Operation& registration) const {
  const Truth& truth = evidence_.truth;
  if (truth.holder_over(registration) || truth.deregistered(registration)) return true;
  if (registration.holder == core::HolderKind::kPersistent) return false;
  const bool of_session = registration.holder == core::HolderKind::kSession;
  const TrueKey& key = truth.key(registration.key);
  const Contacts& contacts =
      of_session ? truth.session(registration.session).contacts : key.contacts;
  const int64_t ttl_ms =
      of_session ? truth.session(registration.session).ttl_ms : registration.ttl_ms;
  const core::Timing& timing = evidence_.settings.timing;
  const int64_t steady_ms = timing.lost_after_ms + timing.takeover_grace_ms + ttl_ms + kSpreadMs;
  for (size_t node = 0; node < evidence_.node_count(); ++node) {
    if (!evidence_.conditions.untroubled_for(node, steady_ms)) continue;
    const int64_t heard_ms = std::max(contacts.answered_ms(node), contacts.alive_ms(node));
    const int64_t age_ms = evidence_.now_ms() - heard_ms;
    if (age_ms < ttl_ms - kCloseMs && age_ms > 2 * kCloseMs) return false;
  }
  return true;
}

void EmptyListChecker::on_emptied(size_t node, const std::vector<ListChange>& changes) {
  evidence_.count(Rule::kListEmptied);
  constexpr int64_t kSteadyMs = 30'000;
  if (!evidence_.conditions.untroubled_for(node, kSteadyMs)) return;
  for (const ListChange& change : changes) {
    if (!change.before || change.after) continue;
    const OperationIndex maker =
        evidence_.registration(change.key, change.before->rev, change.before->stamp);
    if (maker == kNobody) continue;
    const Operation& registration = evidence_.truth.operation(maker);
    if (departed(registration)) continue;
    if (evidence_.taken_out.keeps_out(node, change.key, registration.owner)) continue;
    Finding finding;
    finding.checker = "empty list";
    finding.node = node;
    finding.focus = evidence_.focus_on(change.key);
    finding.text = fmt::format(
        "the list became empty although {} has not departed: its owner is "
        "in touch with the registry",
        evidence_.text_of(change.key));
    return evidence_.fail(std::move(finding));
  }
}

}  // namespace callbook::sim
