#include "sim/liveness_checker.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/instance.h"

namespace callbook::sim {
namespace {

using core::Cause;
using core::Health;

/// A tick, and the way of a probe and back.
constexpr int64_t kRoundingMs = 200;
/// For so long a report counts together with others.
constexpr int64_t kReportsMs = 10'000;
/// How long a node goes on to mistrust what it hears after it has stood still.
constexpr int64_t kStallsInAll = 3;
const core::Liveness kNothingKnown;

std::string_view name_of(Health health) {
  return core::name_of(core::state_of(health));
}

}  // namespace

// --- Who is who ---

void LivenessChecker::node_started(size_t node) {
  nodes_[node] = Node();
}

LivenessChecker::Case& LivenessChecker::case_of(size_t node, Owner owner) {
  auto& cases = owner.session != kNobody ? nodes_[node].sessions : nodes_[node].keys;
  const uint32_t index = owner.session != kNobody ? owner.session : owner.key;
  if (cases.size() <= index) cases.resize(index + 1);
  return cases[index];
}

const core::Liveness& LivenessChecker::liveness_of(size_t node, Owner owner) const {
  if (owner.session != kNobody) {
    const SessionFacts& facts = evidence_.records.session(node, owner.session);
    return facts.known ? facts.liveness : kNothingKnown;
  }
  const KeyFacts& facts = evidence_.records.key(node, owner.key);
  return facts.known ? facts.liveness : kNothingKnown;
}

bool LivenessChecker::is_open_at(size_t node, Owner owner) const {
  const core::Liveness& liveness = liveness_of(node, owner);
  return liveness.epoch > 0 && !liveness.ended &&
         evidence_.conditions.node_of(liveness.home) == node;
}

bool LivenessChecker::superseded(size_t node, Owner owner) const {
  return owner.session != kNobody && evidence_.records.session(node, owner.session).superseded;
}

bool LivenessChecker::has_lapse(Owner owner) const {
  return owner.key != kNobody && evidence_.truth.key(owner.key).lapse.has_value();
}

std::vector<KeyIndex> LivenessChecker::keys_of(Owner owner) const {
  if (owner.session != kNobody) return evidence_.truth.session(owner.session).keys;
  return {owner.key};
}

bool LivenessChecker::holds_anything(size_t node, Owner owner) const {
  const std::vector<KeyIndex> keys = keys_of(owner);
  return std::any_of(keys.begin(), keys.end(), [&](KeyIndex key) {
    const KeyFacts& facts = evidence_.records.key(node, key);
    return facts.kind == core::RegistrationKind::kBody && facts.session == owner.session;
  });
}

/// Whether any of it was listed until now. A node that knew the end of a session which others
/// revive (its word was lost with a disk) has let go of what it held, and asks nobody before it
/// ends again: seed 518.
bool LivenessChecker::shows_anything(size_t node, Owner owner) const {
  if (owner.session == kNobody) return true;
  const std::vector<KeyIndex> keys = keys_of(owner);
  return holds_anything(node, owner) && std::any_of(keys.begin(), keys.end(), [&](KeyIndex key) {
           return evidence_.listings.find(node, key).has_value();
         });
}

int64_t LivenessChecker::ttl_ms(Owner owner) const {
  const Truth& truth = evidence_.truth;
  if (owner.session != kNobody) return truth.session(owner.session).ttl_ms;
  int64_t ttl_ms = 0;
  for (const OperationIndex index : truth.key(owner.key).operations) {
    ttl_ms = std::max(ttl_ms, truth.operation(index).ttl_ms);
  }
  return ttl_ms;
}

LivenessChecker::Owner LivenessChecker::owner_of(const KeyFacts& facts, KeyIndex key) const {
  Owner owner;
  if (!facts.known || facts.kind != core::RegistrationKind::kBody) return owner;
  if (facts.holder == core::HolderKind::kSession) owner.session = facts.session;
  if (facts.holder == core::HolderKind::kTtl) owner.key = key;
  return owner;
}

/// Those at home here that have an instance at the address.
std::vector<LivenessChecker::Owner> LivenessChecker::owners_at(size_t node,
                                                               const std::string& address,
                                                               uint16_t port) const {
  std::vector<Owner> owners;
  const auto found = keys_at_.find({address, port});
  if (found == keys_at_.end()) return owners;
  for (const KeyIndex key : found->second) {
    const KeyFacts& facts = evidence_.records.key(node, key);
    if (facts.address != address || facts.port != port) continue;
    const Owner owner = owner_of(facts, key);
    if (owner == Owner() || !is_open_at(node, owner)) continue;
    if (std::find(owners.begin(), owners.end(), owner) == owners.end()) owners.push_back(owner);
  }
  return owners;
}

// --- What a node is given ---

void LivenessChecker::begin_step(size_t index, const Step& step) {
  if (!evidence_.settings.probes()) return;
  Node& node = nodes_[index];
  node.concluded.clear();
  node.heard.clear();
  if (std::holds_alternative<core::AdvanceTime>(step.input)) note_time(index, step);
  if (step.accepted) note_input(index, step.input);
}

void LivenessChecker::note_time(size_t index, const Step& step) {
  Node& node = nodes_[index];
  const int64_t now_ms = evidence_.now_ms();
  const bool stalled =
      node.advanced_ms >= 0 && now_ms - node.advanced_ms > evidence_.settings.timing.stall_ms;
  node.advanced_ms = now_ms;
  if (step.registry.doubts_itself(step.now)) node.doubted_ms = now_ms;
  if (!stalled) return;
  node.stalled_ms = now_ms;
  node.rounds.clear();
  for (auto* cases : {&node.sessions, &node.keys}) {
    for (Case& one : *cases) {
      one.silent_rounds = 0;
      if (one.silent_since_ms != kNever) one.silent_since_ms = now_ms;
      if (one.refused_since_ms != kNever) one.refused_since_ms = now_ms;
    }
  }
}

bool LivenessChecker::stood_still(size_t index) const {
  const Node& node = nodes_[index];
  const int64_t stall_ms = evidence_.settings.timing.stall_ms;
  const int64_t now_ms = evidence_.now_ms();
  return now_ms - node.stalled_ms <= kStallsInAll * stall_ms ||
         (node.advanced_ms >= 0 && now_ms - node.advanced_ms >= stall_ms);
}

/// What comes of the rounds that it is asked by is late for it.
void LivenessChecker::leave_rounds(size_t node, Owner owner) {
  for (auto& [ticket, round] : nodes_[node].rounds) std::erase(round.owners, owner);
}

/// Since when a home may have been missing it: the node was there to hear it all the time.
int64_t LivenessChecker::missable_since_ms(size_t node, const Case& known) const {
  return std::max({known.life_ms, known.came_ms, evidence_.conditions.answering_since_ms(node),
                   nodes_[node].stalled_ms});
}

/// Whether its home has missed it, or may just have, since it was heard last.
bool LivenessChecker::was_missed(size_t node, Owner owner) {
  const Case& known = case_of(node, owner);
  if (known.broken_ms != kLongAgo && known.broken_ms >= known.life_ms) return true;
  return evidence_.now_ms() - missable_since_ms(node, known) >= ttl_ms(owner) - kRoundingMs;
}

void LivenessChecker::note_life(size_t node, Owner owner) {
  Case& known = case_of(node, owner);
  // Missed since it was reported, it has been asked anew, as one that is missed, and no word says
  // so where it was lowered already. Its return ends that, and what is under way with it.
  if (known.reported && was_missed(node, owner)) {
    known.reported = false;
    known.perhaps_missed = true;  // core's clock may say that it was not
  }
  known.life_ms = evidence_.now_ms();
  known.lowered = false;
  known.reported_before = known.life_ms - known.last_report_ms <= kReportsMs;
  known.first_report_ms = kNever;
  // What consumers do not reach stays so; but to be removed it must be silent, and be asked, anew.
  if (!known.reported) known.silent_rounds = 0;
  known.silent_since_ms = known.refused_since_ms = kNever;
  known.answering_since_ms = known.missed_answering_since_ms = kNever;
  // What consumers may have had probed goes on being probed, heard or not.
  if (known.reported || !known.maybe_reported) known.shared = false;
  known.asked.clear();
  if (!known.reported) leave_rounds(node, owner);
  nodes_[node].heard.push_back(owner);
}

void LivenessChecker::note_input(size_t node, const core::Input& input) {
  const Truth& truth = evidence_.truth;
  const auto of_session = [&](const core::SessionId& id) {
    const auto session = truth.find_session(id);
    if (session) note_life(node, {*session, kNobody});
  };
  const auto of_key = [&](const core::InstanceKey& named) {
    const auto service = truth.find_service(named.service);
    const auto key = service ? truth.find_key(*service, named.id) : std::nullopt;
    if (key) note_life(node, {kNobody, *key});
  };
  if (const auto* opened = std::get_if<core::OpenSession>(&input)) {
    of_session(opened->id);
    const auto session = truth.find_session(opened->id);
    if (session && opened->facts.speaks) speakers_.insert(*session);
  }
  if (const auto* resumed = std::get_if<core::ResumeSession>(&input)) of_session(resumed->id);
  if (const auto* heard = std::get_if<core::RefreshSession>(&input)) of_session(heard->id);
  if (const auto* tied = std::get_if<core::AttachSession>(&input)) {
    of_session(tied->id);
    const auto session = truth.find_session(tied->id);
    if (session) case_of(node, {*session, kNobody}).attached = true;
  }
  if (const auto* heard = std::get_if<core::RefreshInstance>(&input)) of_key(heard->key);
  if (const auto* made = std::get_if<core::RegisterInstance>(&input)) {
    if (made->registration.holder.kind == core::HolderKind::kTtl) of_key(made->key);
  }
  if (const auto* broke = std::get_if<core::DetachSession>(&input)) {
    const auto session = truth.find_session(broke->id);
    if (session && broke->how != core::DetachSession::How::kReleased) {
      case_of(node, {*session, kNobody}).broken_ms = evidence_.now_ms();
    }
  }
  if (const auto* result = std::get_if<core::ProbeResult>(&input)) note_result(node, *result);
  if (const auto* report = std::get_if<core::ReportInstance>(&input)) note_report(node, *report);
}

void LivenessChecker::note_report(size_t node, const core::ReportInstance& input) {
  const auto service = evidence_.truth.find_service(input.key.service);
  const auto key = service ? evidence_.truth.find_key(*service, input.key.id) : std::nullopt;
  if (!key) return;
  const Owner owner = owner_of(evidence_.records.key(node, *key), *key);
  if (owner == Owner()) return;
  Case& known = case_of(node, owner);
  known.first_report_ms = std::min(known.first_report_ms, evidence_.now_ms());
  known.last_report_ms = evidence_.now_ms();
}

/// Whether it was reported, and asked for that, after it was last heard, and is not missed for that
/// long that it is asked as one that is silent.
bool LivenessChecker::has_not_spoken(size_t node, Owner owner) {
  const Case& known = case_of(node, owner);
  const bool by_connection = known.attached && !speakers_.contains(owner.session);
  if (!known.reported || known.perhaps_missed || known.reported_before || by_connection) {
    return false;
  }
  return known.first_report_ms <= known.reported_ms && !was_missed(node, owner);
}

/// Whether consumers may have had it probed since it was heard last, or just before: what rounds
/// are of that, and which begin anew once it is missed too, does not show.
bool LivenessChecker::is_reported(const Case& known) {
  return known.reported || known.perhaps_missed || known.lowered || known.maybe_reported ||
         known.reported_before || known.first_report_ms != kNever;
}

void LivenessChecker::note_result(size_t index, const core::ProbeResult& result) {
  using Said = core::ProbeResult::Outcome;
  Node& node = nodes_[index];
  const auto found = node.rounds.find(result.ticket);
  if (found == node.rounds.end()) return;
  Round& round = found->second;
  --round.outstanding;
  if (result.outcome == Said::kAnswered) ++round.answered;
  if (result.outcome == Said::kRefused) ++round.refused;
  if (result.outcome == Said::kSilent) ++round.silent;
  if (round.outstanding > 0) return;
  const Round over = std::move(round);
  node.rounds.erase(found);
  conclude(index, over);
}

void LivenessChecker::conclude(size_t index, const Round& round) {
  // Where two are at one address, whose round it was does not show.
  if (round.answered > 0) nodes_[index].answered_ms = evidence_.now_ms();
  if (round.answered == 0 && round.refused > 0) nodes_[index].refused_ms = evidence_.now_ms();
  if (round.owners.size() != 1) return;
  // Silence in a moment of its own absence a node may or may not believe.
  const bool unsure = round.silent > 0 && stood_still(index);
  if (unsure) case_of(index, round.owners.front()).shared = true;
  if (unsure) return;
  const Owner owner = round.owners.front();
  Case& known = case_of(index, owner);
  const int64_t now_ms = evidence_.now_ms();
  Outcome outcome = Outcome::kNothing;
  // By the time that it is removed the one that is up may have gone elsewhere.
  if (round.answered > 0 && round.perhaps_of_one_up) known.shared = true;
  if (round.answered == 0) known.answering_since_ms = known.missed_answering_since_ms = kNever;
  if (round.answered > 0 && answers_are_silence(known)) {
    outcome = Outcome::kSilent;
    note_silence(known);
    evidence_.count(Rule::kUnattendedForLong);
  } else if (round.answered > 0) {
    outcome = Outcome::kAnswered;
    known.silent_rounds = 0;
    known.silent_since_ms = known.refused_since_ms = kNever;
    known.lowered = known.reported || known.perhaps_missed;
    known.unspoken = has_not_spoken(index, owner);
    known.reported = known.perhaps_missed = false;
  } else if (round.refused > 0 && round.silent == 0) {
    outcome = Outcome::kRefused;
    known.refused_since_ms = std::min(known.refused_since_ms, now_ms);
  } else if (round.silent > 0) {
    outcome = Outcome::kSilent;
    note_silence(known);
  }
  if (outcome == Outcome::kNothing) return;
  known.last = outcome;
  known.last_ms = now_ms;
  TraceLine line;
  line.time_ms = now_ms;
  line.event = "has probed";
  line.node = static_cast<uint32_t>(index);
  line.session = owner.session;
  line.key = owner.key;
  line.text = fmt::format("{} answered, {} refused, {} silent", round.answered, round.refused,
                          round.silent);
  evidence_.trace.add(std::move(line));
  nodes_[index].concluded.push_back({owner, outcome});
}

/// Whether it has answered, and not spoken, for so long that its answers count no more. From which
/// round its home counts is not sure of one that was asked for what consumers reported.
bool LivenessChecker::answers_are_silence(Case& known) const {
  const int64_t now_ms = evidence_.now_ms();
  const int64_t unattended_ms = evidence_.settings.timing.unattended_ms;
  if (!known.reported && !known.perhaps_missed)
    known.missed_answering_since_ms = std::min(known.missed_answering_since_ms, now_ms);
  known.answering_since_ms = std::min(known.answering_since_ms, now_ms);
  const int64_t surely_ms = known.missed_answering_since_ms;
  const bool surely = surely_ms != kNever && now_ms - surely_ms >= unattended_ms;
  if (!surely && now_ms - known.answering_since_ms >= unattended_ms) known.shared = true;
  return surely;
}

void LivenessChecker::note_silence(Case& known) const {
  const bool burst = ++known.silent_rounds >= evidence_.settings.timing.probe_rounds;
  if (burst) known.silent_since_ms = std::min(known.silent_since_ms, evidence_.now_ms());
}

void LivenessChecker::begin_rounds(size_t index, const std::vector<core::Probe>& probes) {
  Node& node = nodes_[index];
  for (const core::Probe& probe : probes) {
    std::vector<Owner> asked = owners_at(index, probe.address, probe.port);
    // What consumers' reports alone have lowered is asked again only for further ones.
    const auto is_up = [&](Owner owner) {
      const Health health = liveness_of(index, owner).health;
      return health == Health::kUp || (health == Health::kSuspect && case_of(index, owner).lowered);
    };
    bool of_one_up = false;
    if (!std::all_of(asked.begin(), asked.end(), is_up)) {
      // Only consumers' reports have one probed that is up: most likely it is the other, which is
      // judged by what comes of it. Which of the two was asked does not show, so nothing is
      // concluded of the one that is up.
      for (const Owner owner : asked) {
        if (!is_up(owner)) continue;
        Case& known = case_of(index, owner);
        known.shared = known.maybe_reported = true;
      }
      of_one_up = std::erase_if(asked, is_up) > 0;
    }
    Round& round = node.rounds[probe.ticket];
    round.perhaps_of_one_up |= of_one_up;
    ++round.outstanding;
    for (const Owner owner : asked) {
      auto& owners = round.owners;
      if (std::find(owners.begin(), owners.end(), owner) == owners.end()) owners.push_back(owner);
      Case& known = case_of(index, owner);
      known.shared |= asked.size() > 1;
      // A node may have found it down in its store; before its TTL is over here, it is probed for
      // what consumers report.
      known.maybe_reported |= is_up(owner) || !was_missed(index, owner);
      if (known.shared) {
        known.asked.emplace_back(probe.address, probe.port);
        continue;
      }
      if (known.ticket != probe.ticket) {
        // The round before is no longer its, if it ever was: another at the address, which seemed
        // to be up, may have been asked in it.
        if (const auto before = node.rounds.find(known.ticket); before != node.rounds.end()) {
          std::erase(before->second.owners, owner);
        }
        known.asked.clear();
      }
      known.ticket = probe.ticket;
      known.asked.emplace_back(probe.address, probe.port);
      if (!known.reported && is_up(owner)) {
        known.reported = true;
        known.reported_ms = evidence_.now_ms();
      }
    }
  }
}

// --- What it makes of that ---

void LivenessChecker::on_record(const RecordChange& change, const Step& step) {
  if (!evidence_.settings.probes()) return;
  const bool of_session = change.session != kNobody;
  if (!of_session) {
    const KeyFacts& facts = change.key_after;
    if (facts.kind == core::RegistrationKind::kBody) {
      auto& keys = keys_at_[{facts.address, facts.port}];
      if (std::find(keys.begin(), keys.end(), change.key) == keys.end()) keys.push_back(change.key);
    }
    for (const KeyFacts* one : {&change.key_before, &change.key_after}) {
      const Owner owner = owner_of(*one, change.key);
      if (!(owner == Owner()) && change.key_before.stamp != change.key_after.stamp) {
        case_of(change.node, owner).changed_ms = evidence_.now_ms();
      }
    }
  }
  if (change.from_dump) return;
  const Owner owner{change.session, change.key};
  const core::Liveness& before =
      of_session ? change.session_before.liveness : change.key_before.liveness;
  const core::Liveness& after =
      of_session ? change.session_after.liveness : change.key_after.liveness;
  if (before.epoch == after.epoch && before.stamp == after.stamp) return;
  if (evidence_.conditions.node_of(after.home) != change.node) return;
  if (before.epoch != after.epoch && !after.ended) {
    Case& known = case_of(change.node, owner);
    known.epoch_ms = evidence_.now_ms();
    // A home that hears of a later epoch of its own goes on counting from the last sign of life.
    const bool was_home = before.epoch > 0 && !before.ended &&
                          evidence_.conditions.node_of(before.home) == change.node;
    known.came_again = known.came_ms != kLongAgo;
    if (!was_home) known.came_ms = known.epoch_ms;
    known.reported = known.perhaps_missed = known.lowered = known.maybe_reported = false;
    known.shared = false;
    known.silent_rounds = 0;
    known.silent_since_ms = known.refused_since_ms = kNever;
    known.answering_since_ms = known.missed_answering_since_ms = kNever;
    leave_rounds(change.node, owner);
    is_new(owner, after);
    return;
  }
  if (is_new(owner, after)) judge_claim(change.node, owner, before, after, step);
}

bool LivenessChecker::is_new(Owner owner, const core::Liveness& word) {
  auto& words = owner.session != kNobody ? words_.sessions : words_.keys;
  const uint32_t index = owner.session != kNobody ? owner.session : owner.key;
  if (words.size() <= index) words.resize(index + 1);
  if (!outdoes(word, words[index])) return false;
  words[index] = word;
  return true;
}

void LivenessChecker::judge_claim(size_t node, Owner owner, const core::Liveness& before,
                                  const core::Liveness& after, const Step& step) {
  if (has_lapse(owner)) return;
  if (!after.ended && before.health != after.health) {
    TraceLine line;
    line.time_ms = evidence_.now_ms();
    line.event = "believes";
    line.node = static_cast<uint32_t>(node);
    line.session = owner.session;
    line.key = owner.key;
    line.detail = name_of(after.health);
    line.text = std::string(core::name_of(after.cause));
    evidence_.trace.add(std::move(line));
    // If it was probed before, for what consumers reported, the burst begins anew.
    const bool begins = before.health == Health::kUp && after.health == Health::kSuspect;
    Case& known = case_of(node, owner);
    if (begins) {
      leave_rounds(node, owner);
      known.silent_rounds = 0;
      known.shared = false;
      known.asked.clear();
    }
    if (begins || after.health == Health::kUp) known.maybe_reported = false;
    return judge_health(node, owner, before.health, after.health);
  }
  if (after.ended && before.home == after.home && !before.ended) {
    judge_removal(node, owner, after.cause, step);
  }
}

void LivenessChecker::judge_health(size_t node, Owner owner, Health before, Health after) {
  const Case& known = case_of(node, owner);
  const int64_t now_ms = evidence_.now_ms();
  if (is_crowded(node, owner)) return;
  const auto objects = [&](std::string why) {
    fail(node, owner, fmt::format("is believed to be {}, but {}", name_of(after), why));
  };
  switch (after) {
    case Health::kUp: {
      const bool answered = known.last == Outcome::kAnswered && known.last_ms == now_ms;
      if (known.life_ms != now_ms && !answered) objects("nothing was heard of it");
      return;
    }
    case Health::kSuspect:
      return judge_suspicion(node, owner, before);
    case Health::kRefused:
      if (nodes_[node].refused_ms != now_ms) {
        objects("no round of probes was refused just now");
      }
      return;
    case Health::kUnattended:
      if (nodes_[node].answered_ms != now_ms) {
        objects("no probe was answered just now");
      }
      return;
    case Health::kDown:
    case Health::kProtected:
      if (core::is_unreachable(before) || known.changed_ms >= known.life_ms) return;
      if (known.silent_rounds < evidence_.settings.timing.probe_rounds) {
        objects(fmt::format("{} rounds of probes were silent since it was last heard or reached",
                            known.silent_rounds));
      }
      return;
  }
}

void LivenessChecker::judge_suspicion(size_t node, Owner owner, Health before) {
  const Case& known = case_of(node, owner);
  const int64_t now_ms = evidence_.now_ms();
  if (known.broken_ms == now_ms) return;
  // Who holds nothing is silent without being asked.
  if (!holds_anything(node, owner) || known.changed_ms >= known.life_ms) return;
  if (before == Health::kUnattended && known.last == Outcome::kSilent) return;
  // Consumers do not reach it, and only its kernel answers: until it speaks (decision 0053).
  if (is_reported(known)) return;
  const int64_t since_ms = missable_since_ms(node, known);
  if (now_ms - since_ms >= ttl_ms(owner) - kRoundingMs) return;
  // A home that took back what others had taken over counts on from what it heard itself.
  if (known.came_again && known.came_ms == since_ms) return;
  fail(node, owner,
       fmt::format("is suspected {} after it was heard last, or came here, or this node began to "
                   "listen; its TTL is {}",
                   seconds(now_ms - since_ms), seconds(ttl_ms(owner))));
}

void LivenessChecker::judge_removal(size_t node, Owner owner, Cause cause, const Step& step) {
  const Case& known = case_of(node, owner);
  const int64_t now_ms = evidence_.now_ms();
  const core::Timing& timing = evidence_.settings.timing;
  if (cause != Cause::kAddressTaken && is_crowded(node, owner)) return;
  switch (cause) {
    case Cause::kProbeRefused:
      if (known.refused_since_ms == kNever) {
        if (known.changed_ms >= known.life_ms) return;
        return fail(node, owner,
                    "was removed as refused, but since it was last heard or reached no round of "
                    "probes was refused");
      }
      if (now_ms - known.refused_since_ms >= timing.refused_removal_ms - kRoundingMs) return;
      return fail(node, owner,
                  fmt::format("was removed as refused {} after the first refusal",
                              seconds(now_ms - known.refused_since_ms)));
    case Cause::kProbeTimedOut:
      return judge_silent_removal(node, owner, step);
    case Cause::kAddressTaken:
      if (nodes_[node].answered_ms != now_ms) {
        return fail(node, owner, "was removed as replaced, but nobody has answered there just now");
      }
      if (address_has_another(node, owner)) return;
      return fail(node, owner,
                  "was removed as replaced, but no other that is up is registered where it is");
    case Cause::kSessionExpired:
    case Cause::kHomeLost:
      if (superseded(node, owner) || !shows_anything(node, owner)) return;
      if (known.answering_since_ms == kNever) {
        return fail(node, owner, "was removed for silence, but was never probed");
      }
      evidence_.count(Rule::kUnattendedRemoved);
      return judge_silent_removal(node, owner, step);
    default:
      return;
  }
}

void LivenessChecker::judge_silent_removal(size_t node, Owner owner, const Step& step) {
  const Case& known = case_of(node, owner);
  const int64_t now_ms = evidence_.now_ms();
  const core::Timing& timing = evidence_.settings.timing;
  if (step.registry.doubts_itself(step.now)) {
    return fail(node, owner, "was removed for silence by a node that says that it is in doubt");
  }
  if (known.changed_ms >= known.life_ms || !holds_anything(node, owner)) return;
  if (known.silent_since_ms == kNever) {
    return fail(node, owner,
                fmt::format("was removed as timed out, but {} rounds of probes were silent since "
                            "it was last heard or reached",
                            known.silent_rounds));
  }
  const int64_t rounding_ms = kRoundingMs + timing.probe_timeout_ms;
  if (now_ms - known.silent_since_ms >= timing.silent_removal_ms - rounding_ms) return;
  fail(node, owner,
       fmt::format("was removed as timed out {} after the burst of probes",
                   seconds(now_ms - known.silent_since_ms)));
}

bool LivenessChecker::address_has_another(size_t node, Owner owner) const {
  const std::vector<KeyIndex> own = keys_of(owner);
  const auto is_own = [&](KeyIndex key) {
    return std::find(own.begin(), own.end(), key) != own.end();
  };
  // By now its instances may be buried here: where they ever were is still known.
  return std::any_of(keys_at_.begin(), keys_at_.end(), [&](const auto& entry) {
    const auto& [place, keys] = entry;
    if (!std::any_of(keys.begin(), keys.end(), is_own)) return false;
    return std::any_of(keys.begin(), keys.end(), [&](KeyIndex other) {
      const KeyFacts& there = evidence_.records.key(node, other);
      const Owner its_owner = owner_of(there, other);
      if (its_owner == Owner() || its_owner == owner) return false;
      if (there.address != place.first || there.port != place.second) return false;
      const core::Liveness& liveness = liveness_of(node, its_owner);
      return !liveness.ended && liveness.health == Health::kUp;
    });
  });
}

/// Whether another owner is where it is, so that a round may have been of either.
bool LivenessChecker::is_crowded(size_t node, Owner owner) {
  const Case& known = case_of(node, owner);
  return known.shared ||
         std::any_of(known.asked.begin(), known.asked.end(), [&](const auto& place) {
           return owners_at(node, place.first, place.second).size() > 1;
         });
}

void LivenessChecker::end_step(size_t index, const Step& step) {
  if (!evidence_.settings.probes()) return;
  Node& node = nodes_[index];
  for (const Concluded& one : node.concluded) judge_concluded(index, one);
  for (const Owner owner : node.heard) {
    if (!is_open_at(index, owner) || superseded(index, owner)) continue;
    const Health health = liveness_of(index, owner).health;
    if (health == Health::kUp || case_of(index, owner).maybe_reported) continue;
    fail(index, owner, fmt::format("was heard, but is still believed to be {}", name_of(health)));
  }
  if (!step.out.probes.empty()) begin_rounds(index, step.out.probes);
  if (evidence_.now_ms() >= detection_due_ms_) {
    constexpr int64_t kEveryMs = 500;
    detection_due_ms_ = evidence_.now_ms() + kEveryMs;
    judge_detection();
  }
}

void LivenessChecker::judge_concluded(size_t node, const Concluded& one) {
  if (!is_open_at(node, one.owner) || superseded(node, one.owner)) return;
  if (has_lapse(one.owner) || stood_still(node)) return;
  const Case& known = case_of(node, one.owner);
  if (is_crowded(node, one.owner) || known.changed_ms >= known.life_ms) return;
  const Health health = liveness_of(node, one.owner).health;
  const bool burst = known.silent_rounds >= evidence_.settings.timing.probe_rounds;
  std::string_view what;
  switch (one.outcome) {
    case Outcome::kNothing:
      return;
    case Outcome::kAnswered:
      if (health == Health::kUnattended) return;
      if (is_reported(known) && !(health == Health::kUp && known.unspoken)) return;
      what = known.unspoken ? "answered, and it was not heard since consumers reported it"
                            : "answered";
      break;
    case Outcome::kRefused:
      if (health == Health::kRefused || is_reported(known)) return;
      what = "refused";
      break;
    case Outcome::kSilent:
      if (core::is_unreachable(health) || health == Health::kRefused) return;
      if (is_reported(known) || (!burst && health == Health::kSuspect)) return;
      what = "silent";
      break;
  }
  fail(node, one.owner,
       fmt::format("is believed to be {}, but the last round of probes was {}", name_of(health),
                   what));
}

void LivenessChecker::on_published(size_t node, uint32_t service) {
  if (!evidence_.settings.probes()) return;
  for (const KeyIndex key : evidence_.truth.keys_of(service)) {
    const auto listed = evidence_.listings.find(node, key);
    if (!listed || listed->state == core::InstanceState::kOutOfService ||
        listed->state == core::InstanceState::kDraining || is_own_word(listed->state)) {
      continue;
    }
    const Owner owner = owner_of(evidence_.records.key(node, key), key);
    if (owner == Owner()) continue;
    const core::Liveness& liveness = liveness_of(node, owner);
    if (liveness.epoch == 0 || liveness.ended) continue;
    if (listed->state == core::state_of(liveness.health)) continue;
    return fail(node, owner,
                fmt::format("is listed as {} ({}), but this node knows it to be {}",
                            core::name_of(listed->state), evidence_.text_of(key),
                            name_of(liveness.health)));
  }
}

void LivenessChecker::fail(size_t node, Owner owner, std::string text) {
  Finding finding;
  finding.checker = "liveness";
  finding.node = node;
  const std::string name = owner.session == kNobody
                               ? evidence_.text_of(owner.key)
                               : fmt::format("session #{} of process {}", owner.session,
                                             evidence_.truth.session(owner.session).process);
  finding.text = fmt::format("{} {}", name, text);
  finding.focus = owner.session != kNobody ? evidence_.focus_on_session(owner.session)
                                           : evidence_.focus_on(owner.key);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
