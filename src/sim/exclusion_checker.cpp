#include "sim/exclusion_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

/// Steps come every 100 ms or so, and exclusions are looked at in turn.
constexpr int64_t kTicksMs = 500;
constexpr int64_t kLookMs = 1'000;
/// Until a node that publishes few services at a time has come to each.
constexpr int64_t kListedMs = 10'000;

}  // namespace

void ExclusionChecker::begin_step(size_t node, const Step& step) {
  if (evidence_.settings.exclusions) evidence_.taken_out.begin_step(node, step.input);
}

void ExclusionChecker::end_step(size_t node, const Step& step) {
  if (!evidence_.settings.exclusions) return;
  evidence_.taken_out.end_step(node, step.accepted);
  const bool time_alone = std::holds_alternative<core::AdvanceTime>(step.input);
  if (time_alone) judge_replaced(node);
  if (step.out.records.empty()) return;
  for (const OverrideChange& change : evidence_.records.override_changes()) {
    if (change.from_dump) continue;
    const bool excludes = evidence_.taken_out.is_exclusion(change.key, change.after.stamp);
    if (excludes &&
        said_ms_.try_emplace({change.key, change.after.stamp}, evidence_.now_ms()).second) {
      evidence_.count(Rule::kTakenOut);
    }
    if (time_alone && change.after.known && !change.after.set) judge_end(change);
  }
  const auto* registered = std::get_if<core::RegisterInstance>(&step.input);
  if (registered != nullptr && step.accepted) note_kept_out(node, *registered);
}

void ExclusionChecker::note_kept_out(size_t node, const core::RegisterInstance& input) {
  const auto service = evidence_.truth.find_service(input.key.service);
  const auto key = service ? evidence_.truth.find_key(*service, input.key.id) : std::nullopt;
  if (!key) return;
  const KeyFacts& facts = evidence_.records.key(node, *key);
  if (facts.session == kNobody) return;
  const ProcessNumber process = evidence_.truth.session(facts.session).process;
  if (evidence_.taken_out.keeps_out(node, *key, process)) evidence_.count(Rule::kKeptOut);
}

void ExclusionChecker::judge_end(const OverrideChange& change) {
  const KeyIndex key = change.key;
  if (!evidence_.taken_out.is_exclusion(key, change.before.stamp)) return;
  evidence_.count(Rule::kExclusionEnded);
  evidence_.taken_out.note_ended(key, change.before.stamp);
  if (evidence_.settings.faults[static_cast<size_t>(Fault::kClockStepped)]) return;
  const core::Timing& timing = evidence_.settings.timing;
  if (evidence_.taken_out.is_unsure(key, change.before.stamp)) return;
  const bool named = evidence_.taken_out.meant(key, change.before.stamp) != kNobody;
  const int64_t kept_ms = named ? timing.tombstone_ms : timing.exclusion_ms;
  int64_t since_ms = said_ms_.at({key, change.before.stamp});
  for (const OperationIndex index : evidence_.truth.key(key).operations) {
    const Operation& operation = evidence_.truth.operation(index);
    const bool seen_here = operation.kind == Operation::Kind::kRegister &&
                           operation.outcome == Operation::Outcome::kAccepted &&
                           operation.node == change.node && !operation.lost_possible;
    if (seen_here) since_ms = std::max(since_ms, operation.begun_ms);
  }
  const int64_t gone_ms = evidence_.now_ms() - since_ms;
  if (gone_ms >= kept_ms - kTicksMs) return;
  fail(change.node, key,
       fmt::format("was taken out, and the registry itself ended that {} ms after it was said or "
                   "the id was registered, which is too early by {} ms",
                   gone_ms, kept_ms - gone_ms));
}

bool ExclusionChecker::is_replaced(size_t node, KeyIndex key) const {
  const OverrideFacts& said = evidence_.records.override_of(node, key);
  if (!said.known || !said.set || !evidence_.taken_out.is_exclusion(key, said.stamp)) return false;
  const SessionIndex holder = evidence_.records.holder_of(node, key);
  if (holder == kNobody || evidence_.records.session(node, holder).superseded) return false;
  if (evidence_.records.key(node, key).waited_in_vain) return false;
  const ProcessNumber process = evidence_.truth.session(holder).process;
  return !evidence_.taken_out.is_about(key, said.stamp, process);
}

void ExclusionChecker::judge_replaced(size_t node) {
  Unlisted& unlisted = unlisted_[node];
  const int64_t now_ms = evidence_.now_ms();
  if (!evidence_.conditions.serving(node)) return unlisted.since_ms.clear();
  if (now_ms - unlisted.looked_ms < kLookMs) return;
  unlisted.looked_ms = now_ms;
  for (KeyIndex key = 0; key < evidence_.truth.key_count(); ++key) {
    if (!is_replaced(node, key) || evidence_.listings.find(node, key)) {
      unlisted.since_ms.erase(key);
      continue;
    }
    const int64_t since_ms = unlisted.since_ms.try_emplace(key, now_ms).first->second;
    if (now_ms - since_ms < kListedMs) continue;
    return fail(node, key,
                fmt::format("has not been listed for {} ms, though another process than the one "
                            "that an operator has taken out has registered it",
                            now_ms - since_ms));
  }
}

void ExclusionChecker::on_list_change(const ListChange& change) {
  if (!evidence_.settings.exclusions || !change.after) return;
  const OverrideFacts& said = evidence_.records.override_of(change.node, change.key);
  if (!said.known || !said.set) return;
  if (!evidence_.taken_out.is_exclusion(change.key, said.stamp)) return;
  if (evidence_.taken_out.is_unsure(change.key, said.stamp)) return;
  if (!evidence_.taken_out.is_about(change.key, said.stamp, change.after->owner)) {
    return evidence_.count(Rule::kTakenOutReplaced);
  }
  if (change.after->state == core::InstanceState::kDraining) return;
  fail(change.node, change.key,
       fmt::format("is listed as {} with rev {} of process {}, though an operator has taken it out "
                   "(stamp {})",
                   core::name_of(change.after->state), change.after->rev, change.after->owner,
                   evidence_.text_of(said.stamp)));
}

void ExclusionChecker::finish() {
  if (!evidence_.settings.exclusions) return;
  for (KeyIndex key = 0; key < evidence_.truth.key_count(); ++key) {
    for (size_t node = 0; node < evidence_.node_count(); ++node) {
      if (!evidence_.conditions.running(node)) continue;
      const auto listed = evidence_.listings.find(node, key);
      if (!listed || !evidence_.taken_out.keeps_out(node, key, listed->owner)) continue;
      const core::Stamp said = evidence_.records.override_of(node, key).stamp;
      if (evidence_.taken_out.is_unsure(key, said)) continue;
      fail(node, key,
           fmt::format("is listed as {} in the end, though an operator has taken it out",
                       core::name_of(listed->state)));
    }
  }
}

void ExclusionChecker::fail(size_t node, KeyIndex key, std::string text) {
  Finding finding;
  finding.checker = "exclusion";
  finding.node = node;
  finding.focus = evidence_.focus_on(key);
  finding.text = fmt::format("{} {}", evidence_.text_of(key), text);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
