#include "sim/final_checker.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

/// The certain call with the highest stamp, or kNobody. One that changed nothing is told to nobody.
OperationIndex best_of(const Truth& truth, KeyIndex key) {
  OperationIndex best = kNobody;
  for (const OperationIndex index : truth.key(key).operations) {
    const Operation& operation = truth.operation(index);
    if (operation.outcome != Outcome::kAccepted || operation.lost_possible) continue;
    if (operation.unchanged) continue;
    if (best == kNobody || *operation.stamp > *truth.operation(best).stamp) best = index;
  }
  return best;
}

/// Up, or what its provider or an operator says.
bool is_well(const Listing& listed) {
  return listed.state == core::InstanceState::kUp ||
         listed.state == core::InstanceState::kOutOfService || is_own_word(listed.state);
}

std::string text_of(const Operation& operation) {
  return fmt::format(
      "{} of process {}{}",
      operation.kind == Kind::kRegister ? fmt::format("registration of rev {}", operation.rev)
                                        : std::string("deregistration"),
      operation.owner, operation.ack == core::Ack::kLogged ? ", acknowledged as logged" : "");
}

}  // namespace

// Of the latest operations on the key in question.
constexpr size_t kSessionsShown = 8;

bool FinalChecker::should_be_listed(const Operation& last_word) const {
  const Truth& truth = evidence_.truth;
  if (last_word.kind != Kind::kRegister || truth.holder_over(last_word)) return false;
  // Nobody keeps alive what a late call has registered against its owner's later wish.
  return last_word.holder != core::HolderKind::kTtl || truth.wanted(last_word.key, last_word.owner);
}

/// Who does not bring along what it was told can't see that a predecessor's late call has taken its
/// id: its heartbeats keep alive what stands there.
bool FinalChecker::kept_by_another(KeyIndex key, const Operation& last_word) const {
  if (evidence_.settings.client_tokens || last_word.holder != core::HolderKind::kTtl) return false;
  const auto& wanting = evidence_.truth.key(key).wanted_by;
  return std::any_of(wanting.begin(), wanting.end(), [&](ProcessNumber process) {
    return evidence_.truth.process(process).end == TrueProcess::End::kNone;
  });
}

/// Whether the machine of its process was lost, and another process had its address before that
/// could be noticed: for the home it came while the first was still heard, as a prefork sibling
/// does, so that the answers to probes are of either (seed 542).
bool FinalChecker::has_early_successor(size_t node, const Operation& last_word) const {
  const Truth& truth = evidence_.truth;
  const TrueProcess& process = truth.process(last_word.owner);
  if (process.end != TrueProcess::End::kMachineDied) return false;
  const KeyFacts& own = evidence_.records.key(node, last_word.key);
  for (KeyIndex key = 0; key < truth.key_count(); ++key) {
    const KeyFacts& facts = evidence_.records.key(node, key);
    if (facts.session == kNobody || facts.address != own.address || facts.port != own.port)
      continue;
    const int64_t began_ms = truth.process(truth.session(facts.session).process).began_ms;
    if (began_ms >= process.ended_ms && began_ms <= process.ended_ms + kLossNoticedMs) return true;
  }
  return false;
}

/// By a lapse rule of its own that says so; or in a mass that breakers protect, where nobody asks
/// whether its process has died.
bool FinalChecker::may_stay_silent(const Operation& last_word, const Listing& listed) const {
  const auto& lapse = evidence_.truth.key(last_word.key).lapse;
  const bool exactly = evidence_.truth.lapses_exactly(last_word.key);
  if (lapse && !exactly && listed.state == core::InstanceState::kProtected) return true;
  return lapse && lapse->remove_after_ms == 0 && last_word.kind == Kind::kRegister &&
         listed.state != core::InstanceState::kUp &&
         listed.state != core::InstanceState::kProtected;
}

/// Consumers have reported it, and a probe was answered: it is suspect until it speaks again, which
/// it may be about to. That it is not for longer is LivenessChecker's.
bool FinalChecker::is_lowered(size_t node, KeyIndex key, const Listing& listed) const {
  if (!evidence_.settings.client_reports || listed.state != core::InstanceState::kSuspect) {
    return false;
  }
  const KeyFacts& facts = evidence_.records.key(node, key);
  const core::Liveness& liveness = facts.session == kNobody
                                       ? facts.liveness
                                       : evidence_.records.session(node, facts.session).liveness;
  return liveness.cause == core::Cause::kProbeAnswered;
}

/// Of an own TTL: within the minute of which removals are counted. Where clocks are stepped nothing
/// is concluded from times.
bool FinalChecker::went_down_lately(size_t node, KeyIndex key) const {
  constexpr int64_t kCountedMs = 60'000;
  constexpr int64_t kClocksDifferMs = 5'000;
  if (evidence_.settings.faults[static_cast<size_t>(Fault::kClockStepped)]) return true;
  const core::Liveness& liveness = evidence_.records.key(node, key).liveness;
  const int64_t down_ms = kEpochWallMs + evidence_.now_ms() - liveness.stamp.wall_ms();
  return liveness.health == core::Health::kDown && down_ms < kCountedMs + kClocksDifferMs;
}

bool FinalChecker::may_remain(size_t node, const Operation& last_word,
                              const Listing& listed) const {
  if (may_stay_silent(last_word, listed)) return true;
  if (!evidence_.settings.probes() || last_word.kind != Kind::kRegister) return false;
  const Truth& truth = evidence_.truth;
  const TrueProcess& process = truth.process(last_word.owner);
  const bool ended = process.end != TrueProcess::End::kNone;
  const bool lost = truth.machine_lost(process.client);
  // Nobody speaks for what a late call has registered against its owner's later wish.
  const bool answers = !lost && (!ended || truth.is_replaced(process));
  // Answers are silence from some time on, and one that answers is not asked often.
  if (answers && evidence_.settings.doubts_answers()) return true;
  switch (listed.state) {
    case core::InstanceState::kProtected:
      return ended && lost;
    case core::InstanceState::kDown:
      // Its process is removed whole or not at all: with more instances of a service than the
      // budget it waits, protected no longer (seed 757, core decision 0012). One with a TTL of its
      // own waits until there is budget again (seed 800).
      return ended && lost &&
             (last_word.session != kNobody || went_down_lately(node, last_word.key));
    case core::InstanceState::kUnattended:
      return answers || has_early_successor(node, last_word);
    case core::InstanceState::kStarting:
    case core::InstanceState::kNotReady:
    case core::InstanceState::kFailing:
    case core::InstanceState::kOutOfService:  // which of the above does not show
      return (ended && lost) || answers || has_early_successor(node, last_word);
    default:
      return false;
  }
}

/// Seed 1097.
bool FinalChecker::outlives_later_ones(size_t node, KeyIndex key) const {
  const Truth& truth = evidence_.truth;
  const KeyFacts& facts = evidence_.records.key(node, key);
  if (facts.kind != core::RegistrationKind::kBody || facts.session == kNobody) return false;
  const ProcessNumber owner = truth.session(facts.session).process;
  if (truth.process(owner).end != TrueProcess::End::kNone || !truth.wanted(key, owner))
    return false;
  if (truth.session(facts.session).told_superseded_ms != kNever) return false;
  const SessionFacts& session = evidence_.records.session(node, facts.session);
  const size_t home = evidence_.conditions.node_of(session.liveness.home);
  const int64_t rejoined_ms = evidence_.conditions.rejoined_ms(home);
  const auto& operations = truth.key(key).operations;
  return std::none_of(operations.begin(), operations.end(), [&](OperationIndex index) {
    const Operation& later = truth.operation(index);
    if (!later.stamp || *later.stamp <= facts.stamp) return false;
    const bool over =
        later.kind == Kind::kDeregister || truth.holder_over(later) || truth.deregistered(later);
    return later.owner == owner || !over || later.ended_ms >= rejoined_ms;
  });
}

void FinalChecker::finish() {
  for (KeyIndex key = 0; key < evidence_.truth.key_count(); ++key) judge(key);
}

void FinalChecker::judge(KeyIndex key) {
  const OperationIndex best = best_of(evidence_.truth, key);
  for (size_t node = 0; node < evidence_.node_count(); ++node) {
    if (evidence_.conditions.running(node)) judge_at(node, key, best);
  }
}

void FinalChecker::judge_older(size_t node, KeyIndex key, const Operation& last_word) {
  if (outlives_later_ones(node, key)) return;
  if (evidence_.conditions.outlived(last_word.ended_ms, evidence_.settings.timing)) return;
  const KeyFacts& facts = evidence_.records.key(node, key);
  fail(node, key,
       fmt::format("what is known has stamp {}, but the last acknowledged word is the {} with "
                   "stamp {}",
                   evidence_.text_of(facts.stamp), text_of(last_word),
                   evidence_.text_of(*last_word.stamp)));
}

void FinalChecker::judge_at(size_t node, KeyIndex key, OperationIndex best) {
  Truth& truth = evidence_.truth;
  const KeyFacts& facts = evidence_.records.key(node, key);
  const auto listed = evidence_.listings.find(node, key);
  const bool says = facts.known && facts.kind != core::RegistrationKind::kNone;
  OperationIndex last = best;
  if (says) {
    if (best != kNobody && facts.stamp < *truth.operation(best).stamp) {
      return judge_older(node, key, truth.operation(best));
    }
    const auto kind =
        facts.kind == core::RegistrationKind::kRemoved ? Kind::kDeregister : Kind::kRegister;
    const size_t maker = evidence_.conditions.node_of(facts.stamp.node);
    const SessionIndex session = kind == Kind::kRegister ? facts.session : kNobody;
    last = truth.maker_of(key, kind, facts.rev, facts.stamp, maker, session);
    if (last == kNobody) {
      return fail(node, key,
                  fmt::format("what is known has stamp {}, which no call has made",
                              evidence_.text_of(facts.stamp)));
    }
  }
  if (last == kNobody) {
    if (listed) fail(node, key, "is listed, but nobody has registered it");
    return;
  }
  const Operation last_word = truth.operation(last);
  // A deregistration that is in doubt, or that could have been lost, may have come and aged out.
  if (!says && last_word.kind == Kind::kRegister && truth.deregistered(last_word)) return;
  // Which of two processes goes on is for RivalChecker; here the one that lost may still be listed
  // (if the other has ended since), or not (if it has been told).
  const bool contested = last_word.kind == Kind::kRegister && last_word.session != kNobody &&
                         truth.lives_contested(last_word.session);
  const bool expected = contested ? listed.has_value() : should_be_listed(last_word);
  // Its owner has asked for its removal since, and was told that there is nothing to remove.
  if (expected && !listed && !truth.wanted(key, last_word.owner)) return;
  if (!listed && evidence_.taken_out.keeps_out(node, key, last_word.owner)) return;
  if (expected && !listed) {
    return fail(node, key,
                fmt::format("is not listed, but the last word is the {}, whose holder "
                            "lives",
                            text_of(last_word)));
  }
  if (!expected && listed && kept_by_another(key, last_word)) return;
  if (!expected && listed && may_remain(node, last_word, *listed)) return;
  const bool well = !listed || is_well(*listed) || is_lowered(node, key, *listed) ||
                    evidence_.taken_out.keeps_out(node, key, listed->owner);
  if (expected && !contested && !well) {
    return fail(node, key,
                fmt::format("is listed as {}, but its holder lives and has been in touch",
                            core::name_of(listed->state)));
  }
  if (!expected && listed) {
    return fail(node, key,
                fmt::format("is listed with rev {} ({}), but the last word is the {}{}",
                            listed->rev, core::name_of(listed->state), text_of(last_word),
                            last_word.kind == Kind::kRegister ? ", whose holder has ended" : ""));
  }
  if (listed && (listed->rev != last_word.rev || listed->owner != last_word.owner)) {
    return fail(node, key,
                fmt::format("is listed with rev {} of process {}, but the last word is "
                            "the {}",
                            listed->rev, listed->owner, text_of(last_word)));
  }
  judge_belief(key, last_word);
}

void FinalChecker::judge_belief(KeyIndex key, const Operation& last_word) {
  if (!evidence_.settings.client_tokens) return;
  const Truth& truth = evidence_.truth;
  const auto& operations = truth.key(key).operations;
  const Operation* latest = nullptr;
  for (const OperationIndex index : operations) {
    const Operation& operation = truth.operation(index);
    if (operation.in_doubt() || operation.lost_possible || operation.reasserted) return;
    if (operation.outcome == Outcome::kAccepted) latest = &operation;
  }
  if (latest == nullptr) return;
  // Which of two calls of a process that is gone came last makes no difference.
  if (truth.process(latest->owner).end != TrueProcess::End::kNone) return;
  if (latest->session != kNobody && !truth.session(latest->session).rivals.empty()) return;
  if (latest->kind == last_word.kind && latest->rev == last_word.rev) return;
  // Of what another process has registered the one that leaves was not told: where the clock of its
  // node is behind, its word has the earlier stamp.
  if (latest->kind == Kind::kDeregister && latest->owner != last_word.owner) return;
  // Of two calls that were under way together either may have come last.
  if (last_word.ended_ms >= latest->begun_ms) return;
  fail(kNobody, key,
       fmt::format("the last word is the {}, but the last call that was acknowledged "
                   "is the {}, and none is in doubt",
                   text_of(last_word), text_of(*latest)));
}

void FinalChecker::fail(size_t node, KeyIndex key, std::string text) {
  Finding finding;
  finding.checker = "final state";
  finding.node = node;
  finding.focus = evidence_.focus_on(key);
  const auto& operations = evidence_.truth.key(key).operations;
  for (auto it = operations.rbegin(); it != operations.rend(); ++it) {
    const Operation& operation = evidence_.truth.operation(*it);
    if (operation.session != kNobody && finding.focus.sessions.size() < kSessionsShown) {
      finding.focus.sessions.push_back(operation.session);
    }
  }
  finding.text = fmt::format("{}: {}", evidence_.text_of(key), text);
  evidence_.fail(std::move(finding));
}

void LoggedChecker::finish() {
  const Truth& truth = evidence_.truth;
  for (OperationIndex index = 0; index < truth.operation_count(); ++index) {
    const Operation& operation = truth.operation(index);
    if (operation.ack != core::Ack::kLogged || operation.outcome != Outcome::kAccepted) continue;
    if (operation.unchanged) continue;
    if (evidence_.conditions.outlived(operation.ended_ms, evidence_.settings.timing)) continue;
    const bool may_be_forgotten =
        operation.kind == Kind::kDeregister || truth.holder_over(operation);
    for (size_t node = 0; node < evidence_.node_count(); ++node) {
      if (!evidence_.conditions.running(node)) continue;
      const KeyFacts& facts = evidence_.records.key(node, operation.key);
      const bool forgotten = !facts.known || facts.kind == core::RegistrationKind::kNone;
      if (forgotten ? may_be_forgotten || truth.deregistered(operation)
                    : facts.stamp >= *operation.stamp) {
        continue;
      }
      Finding finding;
      finding.checker = "logged";
      finding.node = node;
      finding.focus = evidence_.focus_on(operation.key);
      finding.text = fmt::format(
          "the {} of {} with stamp {} is lost: {}", text_of(operation),
          evidence_.text_of(operation.key), evidence_.text_of(*operation.stamp),
          forgotten ? std::string("nothing is known of the key")
                    : fmt::format("what is known has stamp {}", evidence_.text_of(facts.stamp)));
      return evidence_.fail(std::move(finding));
    }
  }
}

void RivalChecker::told_superseded(SessionIndex session, size_t node) {
  evidence_.count(Rule::kSuperseded);
  const Truth& truth = evidence_.truth;
  if (truth.contested(session) || truth.outdone_by_its_own(session)) return;
  // Without a client's word of what it was told, a node whose clock lags cannot open later.
  if (!evidence_.settings.client_tokens) return;
  Finding finding;
  finding.checker = "rivals";
  finding.node = node;
  finding.focus = evidence_.focus_on_session(session);
  finding.text = fmt::format(
      "process {} was told that session #{} is superseded, but no other "
      "process that opened a session later claims any of its instances",
      truth.session(session).process, session);
  evidence_.fail(std::move(finding));
}

void RivalChecker::finish() {
  for (KeyIndex key = 0; key < evidence_.truth.key_count(); ++key) judge(key);
}

/// No deregistration, and nothing without a session, has or may have come after `registration`.
bool RivalChecker::held_since(const Operation& registration) const {
  if (!evidence_.records.session(registration.node, registration.session).known) return false;
  const Truth& truth = evidence_.truth;
  const auto& operations = truth.key(registration.key).operations;
  return std::none_of(operations.begin(), operations.end(), [&](OperationIndex index) {
    const Operation& other = truth.operation(index);
    if (other.kind == Kind::kRegister && other.session != kNobody) return false;
    if (other.outcome == Outcome::kRefused) return false;
    return !other.stamp || !registration.stamp || *other.stamp > *registration.stamp;
  });
}

void RivalChecker::judge(KeyIndex key) {
  const Truth& truth = evidence_.truth;
  std::map<ProcessNumber, const Operation*> last_of;
  for (const OperationIndex index : truth.key(key).operations) {
    const Operation& operation = truth.operation(index);
    // Told that another has the id, a process does not believe that it holds it.
    if (operation.kind == Kind::kRegister && operation.held) last_of.erase(operation.owner);
    if (operation.outcome != Outcome::kAccepted) continue;
    if (truth.process(operation.owner).end != TrueProcess::End::kNone) continue;
    if (!truth.wanted(key, operation.owner)) continue;
    last_of[operation.owner] = &operation;
  }
  const Operation* holder = nullptr;
  for (const auto& [owner, operation] : last_of) {
    if (operation->kind != Kind::kRegister || operation->session == kNobody) continue;
    if (!held_since(*operation)) continue;
    if (holder == nullptr) {
      holder = operation;
      continue;
    }
    Finding finding;
    finding.checker = "rivals";
    finding.focus = evidence_.focus_on(key);
    finding.focus.processes = {holder->owner, owner};
    finding.focus.sessions = {holder->session, operation->session};
    finding.text = fmt::format(
        "processes {} and {} both live and both believe that they hold {}: "
        "the one that opened its session earlier was never told to stop",
        holder->owner, owner, evidence_.text_of(key));
    return evidence_.fail(std::move(finding));
  }
}

}  // namespace callbook::sim
