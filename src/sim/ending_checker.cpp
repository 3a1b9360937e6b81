#include "sim/ending_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

/// How long a sign of life may take on its stream: hardly any time while all is well, otherwise as
/// long as the client waits before it gives the stream up.
constexpr int64_t kStreamTravelMs = 1'000;
constexpr int64_t kTroubledStreamTravelMs = 8'000;
constexpr int64_t kStreamWellForMs = 60'000;
/// For what one node says to reach another while all is well.
constexpr int64_t kSpreadMs = 3'000;

const core::Liveness kNothingKnown;

std::string seconds(int64_t ms) {
  return fmt::format("{:.3f} s", static_cast<double>(ms) / 1000);
}

}  // namespace

EndingChecker::Subject EndingChecker::subject_of(const RecordChange& change) const {
  const Truth& truth = evidence_.truth;
  Subject subject;
  if (change.session != kNobody) {
    const TrueSession& session = truth.session(change.session);
    subject.session = change.session;
    subject.over = truth.session_over(change.session) || truth.outdone_by_its_own(change.session);
    subject.close_asked = session.close_begun_ms != kNever;
    subject.held = true;
    subject.ttl_ms = session.ttl_ms;
    subject.contacts = &session.contacts;
    return subject;
  }
  const TrueKey& key = truth.key(change.key);
  subject.key = change.key;
  subject.held = change.key_before.kind == core::RegistrationKind::kBody;
  subject.contacts = &key.contacts;
  subject.over = true;
  for (const OperationIndex index : key.operations) {
    const Operation& operation = truth.operation(index);
    if (operation.holder != core::HolderKind::kTtl) continue;
    subject.ttl_ms = operation.ttl_ms;
    if (!truth.holder_over(operation)) subject.over = false;
  }
  return subject;
}

EndingChecker::Life& EndingChecker::life_of(const Subject& subject) {
  auto& lives = subject.session != kNobody ? sessions_ : keys_;
  const uint32_t index = subject.session != kNobody ? subject.session : subject.key;
  if (lives.size() <= index) lives.resize(index + 1);
  return lives[index];
}

const core::Liveness& EndingChecker::latest(SessionIndex session) const {
  return session < sessions_.size() ? sessions_[session].latest : kNothingKnown;
}

const core::Liveness& EndingChecker::latest_of_key(KeyIndex key) const {
  return key < keys_.size() ? keys_[key].latest : kNothingKnown;
}

int64_t EndingChecker::seen_ms(SessionIndex session, const core::Liveness& word) const {
  if (session >= sessions_.size()) return kNever;
  for (const Seen& seen : sessions_[session].seen) {
    if (seen.epoch == word.epoch && seen.stamp == word.stamp) return seen.at_ms;
  }
  return kNever;
}

void EndingChecker::on_record(const RecordChange& change) {
  const bool of_session = change.session != kNobody;
  if (of_session && change.session_after.known) {
    evidence_.truth.opened_at(change.session, change.session_after.opened);
  }
  const core::Liveness& claim =
      of_session ? change.session_after.liveness : change.key_after.liveness;
  if (claim.epoch == 0) return;
  const uint32_t index = of_session ? change.session : change.key;
  const auto& lives = of_session ? sessions_ : keys_;
  if (index < lives.size()) {
    const auto& seen = lives[index].seen;
    const auto same = [&](const Seen& one) {
      return one.epoch == claim.epoch && one.stamp == claim.stamp;
    };
    if (std::any_of(seen.rbegin(), seen.rend(), same)) return;
  }
  const Subject subject = subject_of(change);
  Life& life = life_of(subject);
  judge(subject, life, claim);
  life.seen.push_back(
      {claim.epoch, claim.stamp, claim.home, evidence_.now_ms(), claim.ended, claim.cause});
  if (outdoes(claim, life.latest)) life.latest = claim;
}

void EndingChecker::judge(const Subject& subject, const Life& life, const core::Liveness& claim) {
  TraceLine line;
  line.time_ms = evidence_.now_ms();
  line.event = claim.ended ? "ends" : "is home of";
  line.node = static_cast<uint32_t>(evidence_.conditions.node_of(claim.home));
  line.key = subject.key;
  line.session = subject.session;
  line.epoch = claim.epoch;
  line.stamp = claim.stamp;
  line.detail = core::name_of(claim.cause);
  evidence_.trace.add(std::move(line));
  if (claim.ended) return judge_end(subject, life, claim);
  const bool goes_on = std::any_of(life.seen.begin(), life.seen.end(), [&](const Seen& seen) {
    return seen.epoch == claim.epoch && seen.home == claim.home && !seen.ended;
  });
  if (goes_on) return;  // its health alone has changed
  if (claim.cause == core::Cause::kHomeLost) return judge_takeover(subject, life, claim);
  judge_denial(subject, life, claim);
  if (life.latest.epoch == 0 || claim.epoch <= life.latest.epoch) return;
  // A home that objects to a takeover need not have heard that the client has moved, in the epoch
  // of that takeover, to a third node.
  const bool denies =
      life.latest.ended || std::any_of(life.seen.begin(), life.seen.end(), [&](const Seen& seen) {
        return seen.epoch + 1 == claim.epoch &&
               (seen.ended || seen.cause == core::Cause::kHomeLost);
      });
  evidence_.count(denies ? Rule::kRefuted : Rule::kSessionMoved);
  if (!denies && subject.session != kNobody) judge_move(subject, life, claim);
}

void EndingChecker::judge_move(const Subject& subject, const Life& life,
                               const core::Liveness& claim) {
  if (!evidence_.settings.client_tokens || claim.home == life.latest.home) return;
  const TrueSession& session = evidence_.truth.session(subject.session);
  const auto told = session.told_epochs_ms.find(claim.epoch - 1);
  const size_t home = evidence_.conditions.node_of(claim.home);
  if (told == session.told_epochs_ms.end() || home == evidence_.node_count()) return;
  // To resume is a wish, however late it comes: a call may be on its way for so long.
  constexpr int64_t kOnItsWayMs = 60'000;
  for (const TrueSession::Takeover& asked : session.asked) {
    if (asked.node == home && asked.begun_ms > told->second - kOnItsWayMs) return;
  }
  if (subject.contacts->begun_ms(home) >= told->second) return;
  fail(subject, home,
       fmt::format("was called back to {} in epoch {}, though its client has not called there "
                   "since it was told of epoch {}",
                   evidence_.conditions.name(home), claim.epoch, claim.epoch - 1));
}

void EndingChecker::judge_denial(const Subject& subject, const Life& life,
                                 const core::Liveness& claim) {
  // Whoever denies a word takes the epoch after its own.
  bool denies_closing = false;
  for (const Seen& seen : life.seen) {
    if (seen.epoch + 1 != claim.epoch) continue;
    if (!seen.ended || seen.cause != core::Cause::kSessionClosed) return;
    denies_closing = true;
  }
  if (!denies_closing) return;
  fail(subject, evidence_.conditions.node_of(claim.home),
       fmt::format("was brought back in epoch {}, although its client had closed it in the epoch "
                   "before",
                   claim.epoch));
}

void EndingChecker::judge_end(const Subject& subject, const Life& life,
                              const core::Liveness& claim) {
  const size_t author = evidence_.conditions.node_of(claim.home);
  if (author == evidence_.node_count()) {
    return fail(subject, kNobody, "was ended by a node that does not exist");
  }
  if (claim.cause == core::Cause::kSessionClosed) {
    if (subject.close_asked || subject.over) return;
    return fail(subject, author, "was ended as closed, but its client has not asked for that");
  }
  if (claim.cause == core::Cause::kDeregistered) {
    if (!subject.held) return;
    return fail(subject, author, "was ended as deregistered, but this node holds a registration");
  }
  if (evidence_.conditions.phase(author) == core::Phase::kStale) {
    return fail(subject, author,
                "was ended for silence by a node that hears neither the bus nor another");
  }
  if (subject.over) return;
  const int64_t least_ms = least_silence_ms(subject, claim.cause);
  const auto began = std::find_if(life.seen.begin(), life.seen.end(), [&](const Seen& seen) {
    return seen.epoch == claim.epoch && seen.home == claim.home && !seen.ended;
  });
  const int64_t held_ms = began == life.seen.end() ? least_ms : evidence_.now_ms() - began->at_ms;
  if (held_ms < least_ms) {
    return fail(subject, author,
                fmt::format("was ended ({}) {} after this node had become its home; that takes {} "
                            "of silence",
                            core::name_of(claim.cause), seconds(held_ms), seconds(least_ms)));
  }
  if (least_ms > 0) judge_silence(subject, author, least_ms);
}

int64_t EndingChecker::least_silence_ms(const Subject& subject, core::Cause cause) const {
  // Probes are counted from when they began, and their answers come within milliseconds.
  constexpr int64_t kRoundingMs = 100;
  const core::Timing& timing = evidence_.settings.timing;
  if (subject.key != kNobody && evidence_.truth.key(subject.key).lapse) return subject.ttl_ms;
  switch (cause) {
    case core::Cause::kProbeRefused:
      return timing.refused_removal_ms - kRoundingMs;
    case core::Cause::kProbeTimedOut:
      return timing.silent_removal_ms - kRoundingMs +
             (timing.probe_rounds - 1) * timing.probe_interval_ms;
    case core::Cause::kAddressTaken:
      return 0;
    default:
      return subject.ttl_ms;
  }
}

void EndingChecker::judge_silence(const Subject& subject, size_t author, int64_t least_ms) {
  const Conditions& conditions = evidence_.conditions;
  const int64_t since_ms = evidence_.now_ms() - least_ms;
  const int64_t answered_ms = subject.contacts->answered_ms(author);
  if (answered_ms > since_ms) {
    return fail(subject, author,
                fmt::format("was ended for silence, but this node has answered a call of it begun "
                            "at {}, within the last {}",
                            seconds(answered_ms), seconds(least_ms)));
  }
  const bool well = conditions.untroubled_for(author, kStreamWellForMs);
  const int64_t travel_ms = well ? kStreamTravelMs : kTroubledStreamTravelMs;
  const int64_t alive_ms = subject.contacts->alive_ms(author);
  if (alive_ms - travel_ms > since_ms) {
    return fail(subject, author,
                fmt::format("was ended for silence, but its stream brought a sign of life from "
                            "this node at {}, within the last {}",
                            seconds(alive_ms), seconds(least_ms)));
  }
  const int64_t known_ms = least_ms + 2 * kSpreadMs;
  if (!conditions.untroubled_for(author, known_ms)) return;
  for (size_t node = 0; node < evidence_.node_count(); ++node) {
    const int64_t other_ms = subject.contacts->answered_ms(node);
    if (other_ms <= since_ms + kSpreadMs || !conditions.untroubled_for(node, known_ms)) continue;
    if (other_ms > evidence_.now_ms() - kSpreadMs) continue;  // word of it may be on its way
    return fail(subject, author,
                fmt::format("was ended for silence, but {} has answered a call of it begun at {}, "
                            "within the last {}, and both have been in touch all the while",
                            conditions.name(node), seconds(other_ms), seconds(least_ms)));
  }
}

void EndingChecker::judge_takeover(const Subject& subject, const Life& life,
                                   const core::Liveness& claim) {
  evidence_.count(Rule::kSessionTakenOver);
  const Conditions& conditions = evidence_.conditions;
  const size_t heir = conditions.node_of(claim.home);
  if (heir == evidence_.node_count()) return;
  const core::Timing& timing = evidence_.settings.timing;
  const int64_t lost_ms = timing.lost_after_ms + timing.takeover_grace_ms;
  if (!conditions.untroubled_for(heir, lost_ms)) return;
  // An heir that has lost its disk may not know of the latest epoch.
  size_t former = evidence_.node_count();
  for (const Seen& seen : life.seen) {
    if (seen.epoch + 1 != claim.epoch) continue;
    former = conditions.node_of(seen.home);
    if (former == evidence_.node_count() || !conditions.untroubled_for(former, lost_ms)) return;
  }
  if (former == evidence_.node_count()) return;
  fail(subject, heir,
       fmt::format("was taken over as if its home {} were lost, but both have been in touch with "
                   "everybody for the last {}",
                   conditions.name(former), seconds(lost_ms)));
}

std::string EndingChecker::name_of(const Subject& subject) const {
  if (subject.session == kNobody) return evidence_.text_of(subject.key);
  return fmt::format("session #{} of process {}", subject.session,
                     evidence_.truth.session(subject.session).process);
}

void EndingChecker::fail(const Subject& subject, size_t node, std::string text) {
  Finding finding;
  finding.checker = "ending";
  finding.node = node;
  finding.text = fmt::format("{} {}", name_of(subject), text);
  finding.focus = subject.session != kNobody ? evidence_.focus_on_session(subject.session)
                                             : evidence_.focus_on(subject.key);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
