#include "sim/holder_checker.h"

#include <variant>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

/// No TTL that clients ask for makes heartbeats come more often.
constexpr int64_t kHeartbeatMs = 1'000;
/// A node steps several times within it, unless it stands still.
constexpr int64_t kGapMs = 300;
constexpr int64_t kAwakeAgainMs = 1'500;

}  // namespace

void HolderChecker::begin_step(size_t node, const Step& step) {
  Node& own = nodes_[node];
  const int64_t now_ms = step.now.mono_ms;
  if (now_ms - own.stepped_ms > kGapMs) {
    own.awake_since_ms = now_ms;
    own.heard_ms.clear();
  }
  own.stepped_ms = now_ms;
  if (!step.accepted) return;
  if (const core::SessionId* id = speaker_of(step.input)) return note_heard(node, *id, now_ms);
  const auto* registered = std::get_if<core::RegisterInstance>(&step.input);
  if (registered != nullptr && !registered->take_over) judge(node, *registered, now_ms);
}

void HolderChecker::note_heard(size_t node, const core::SessionId& id, int64_t now_ms) {
  if (now_ms - nodes_[node].awake_since_ms < kAwakeAgainMs) return;
  if (const auto session = evidence_.truth.find_session(id)) {
    nodes_[node].heard_ms[*session] = now_ms;
  }
}

void HolderChecker::on_record(const RecordChange& change) {
  if (change.session == kNobody) return;
  const core::Liveness& now = change.session_after.liveness;
  if (now.ended || evidence_.conditions.node_of(now.home) != change.node) {
    nodes_[change.node].heard_ms.erase(change.session);
  }
}

bool HolderChecker::is_heard(size_t node, SessionIndex session, int64_t now_ms) const {
  const SessionFacts& facts = evidence_.records.session(node, session);
  if (!facts.known || facts.superseded || facts.liveness.ended) return false;
  if (facts.liveness.health != core::Health::kUp) return false;
  if (evidence_.conditions.node_of(facts.liveness.home) != node) return false;
  const auto heard = nodes_[node].heard_ms.find(session);
  return heard != nodes_[node].heard_ms.end() && now_ms - heard->second <= kHeartbeatMs;
}

void HolderChecker::judge(size_t node, const core::RegisterInstance& input, int64_t now_ms) {
  const Truth& truth = evidence_.truth;
  const auto service = truth.find_service(input.key.service);
  const auto key = service ? truth.find_key(*service, input.key.id) : std::nullopt;
  if (!key) return;
  const KeyFacts& held = evidence_.records.key(node, *key);
  const bool is_body = held.known && held.kind == core::RegistrationKind::kBody;
  if (!is_body || held.session == kNobody || !is_heard(node, held.session, now_ms)) return;
  // Forgotten when its session ended here, before that was called back.
  if (held.session_ends != evidence_.records.session(node, held.session).ends) return;
  const core::Registration& claim = input.registration;
  if (claim.address == held.address && claim.port == held.port) return;
  const ProcessNumber holder = truth.session(held.session).process;
  const auto claimant = claim.holder.kind == core::HolderKind::kSession
                            ? truth.find_session(claim.holder.session)
                            : std::nullopt;
  if (claimant && truth.session(*claimant).process == holder) return;
  Finding finding;
  finding.checker = "holder";
  finding.node = node;
  finding.focus = evidence_.focus_on(*key);
  finding.text = fmt::format(
      "{} is held at {}:{} by session #{} of process {}, which was heard {} ms ago, and was given "
      "to {}:{}, which does not insist",
      evidence_.text_of(*key), held.address, held.port, held.session, holder,
      now_ms - nodes_[node].heard_ms.at(held.session), claim.address, claim.port);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
