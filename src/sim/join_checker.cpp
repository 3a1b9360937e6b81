#include "sim/join_checker.h"

#include <fmt/format.h>

namespace callbook::sim {
namespace {

/// How long the others must have listed an instance, and been well.
constexpr int64_t kLongStandingMs = 10'000;
constexpr int64_t kAfterBusFaultMs = 30'000;

}  // namespace

std::vector<size_t> JoinChecker::reliable_others(size_t node) const {
  std::vector<size_t> others;
  for (size_t other = 0; other < evidence_.node_count(); ++other) {
    if (other == node || !evidence_.conditions.serving(other)) continue;
    if (!evidence_.conditions.untroubled_for(other, kLongStandingMs)) return {};
    others.push_back(other);
  }
  return others;
}

void JoinChecker::judge(size_t node) {
  due_[node] = kNever;
  const int64_t in_touch_ms = std::min(evidence_.now_ms(), died_ms_[node]);
  const bool bus_well = in_touch_ms - evidence_.conditions.bus_fault_ms() > kAfterBusFaultMs;
  const std::vector<size_t> others = reliable_others(node);
  if (others.empty() || !bus_well) return;
  evidence_.count(Rule::kLateJoin);
  for (KeyIndex key = 0; key < evidence_.truth.key_count(); ++key) {
    judge_missing(node, key, others);
    judge_dead(node, key);
  }
}

bool JoinChecker::disputed(KeyIndex key, const Listing& own) const {
  const OperationIndex maker = evidence_.registration(key, own.rev, own.stamp);
  if (maker == kNobody) return false;
  const SessionIndex session = evidence_.truth.operation(maker).session;
  return session != kNobody && evidence_.truth.contested(session);
}

void JoinChecker::judge_missing(size_t node, KeyIndex key, const std::vector<size_t>& others) {
  core::Stamp least{UINT64_MAX, UINT32_MAX};
  uint32_t rev = 0;
  ProcessNumber owner = kNobody;
  for (const size_t other : others) {
    const auto listed = evidence_.listings.find(other, key);
    if (!listed || evidence_.now_ms() - listed->rev_since_ms < kLongStandingMs) return;
    least = std::min(least, listed->stamp);
    rev = listed->rev;
    owner = listed->owner;
  }
  const auto own = evidence_.listings.find(node, key);
  if (!own && owner != kNobody && evidence_.taken_out.keeps_out(node, key, owner)) return;
  if (own && (own->stamp >= least || own->rev == rev)) return;  // only a rev shows in a list
  // Something later than what the others list may have reached it first.
  const KeyFacts& facts = evidence_.records.key(node, key);
  if (facts.known && (facts.stamp > least || facts.liveness.ended)) return;
  if (facts.known && facts.session != kNobody &&
      evidence_.records.session(node, facts.session).liveness.ended) {
    return;
  }
  if (own && disputed(key, *own)) return;
  Finding finding;
  finding.checker = "join";
  finding.node = node;
  finding.focus = evidence_.focus_on(key);
  finding.text = fmt::format(
      "a node that has just begun to serve {} {}, which all other nodes have listed for over {} s",
      own ? fmt::format("lists an older registration (stamp {}) of", evidence_.text_of(own->stamp))
          : "does not list",
      evidence_.text_of(key), kLongStandingMs / 1000);
  evidence_.fail(std::move(finding));
}

void JoinChecker::judge_dead(size_t node, KeyIndex key) {
  const auto own = evidence_.listings.find(node, key);
  const auto buried = returns_.buried(key);
  if (!own || !buried || own->stamp > *buried) return;
  const OperationIndex maker = evidence_.registration(key, own->rev, own->stamp);
  if (maker == kNobody || !returns_.is_dead(node, evidence_.truth.operation(maker))) return;
  Finding finding;
  finding.checker = "join";
  finding.node = node;
  finding.focus = evidence_.focus_on(key);
  finding.text = fmt::format(
      "a node that has just begun to serve lists {} rev {} (stamp {}), which "
      "has ended and had left every other node",
      evidence_.text_of(key), own->rev, evidence_.text_of(own->stamp));
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
