#include "sim/lapse_checker.h"

#include <algorithm>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

using core::Cause;
using core::Health;

/// A tick of the node.
constexpr int64_t kRoundingMs = 200;

}  // namespace

void LapseChecker::node_started(size_t node) {
  nodes_[node] = Node();
}

const core::Lapse* LapseChecker::lapse_of(KeyIndex key) const {
  if (key == kNobody) return nullptr;
  const auto& lapse = evidence_.truth.key(key).lapse;
  return lapse ? &*lapse : nullptr;
}

int64_t LapseChecker::ttl_ms(KeyIndex key) const {
  int64_t ttl_ms = 0;
  for (const OperationIndex index : evidence_.truth.key(key).operations) {
    ttl_ms = std::max(ttl_ms, evidence_.truth.operation(index).ttl_ms);
  }
  return ttl_ms;
}

/// For how long the node has not heard it, at most.
int64_t LapseChecker::silence_ms(size_t node, KeyIndex key) const {
  int64_t since_ms = evidence_.conditions.answering_since_ms(node);
  for (const auto* times : {&nodes_[node].lives_ms, &nodes_[node].came_ms}) {
    const auto found = times->find(key);
    if (found != times->end()) since_ms = std::max(since_ms, found->second);
  }
  return since_ms == kNever ? 0 : evidence_.now_ms() - since_ms;
}

void LapseChecker::begin_step(size_t node, const Step& step) {
  if (!evidence_.settings.lapses) return;
  if (step.registry.doubts_itself(step.now)) nodes_[node].doubted_ms = evidence_.now_ms();
  if (!step.accepted) return;
  const core::InstanceKey* named = nullptr;
  if (const auto* heard = std::get_if<core::RefreshInstance>(&step.input)) named = &heard->key;
  if (const auto* made = std::get_if<core::RegisterInstance>(&step.input)) named = &made->key;
  if (named == nullptr) return;
  const auto service = evidence_.truth.find_service(named->service);
  const auto key = service ? evidence_.truth.find_key(*service, named->id) : std::nullopt;
  if (key && lapse_of(*key) != nullptr) nodes_[node].lives_ms[*key] = evidence_.now_ms();
}

void LapseChecker::on_record(const RecordChange& change, const Step& step) {
  const core::Lapse* lapse = lapse_of(change.key);
  if (lapse == nullptr) return;
  const KeyFacts& facts = change.key_after;
  if (!lapse->probe && facts.kind == core::RegistrationKind::kBody) {
    unprobed_[{facts.address, facts.port}] = change.key;
  }
  const core::Liveness& before = change.key_before.liveness;
  const core::Liveness& after = facts.liveness;
  if (before.epoch == after.epoch && before.stamp == after.stamp) return;
  if (evidence_.conditions.node_of(after.home) != change.node) return;
  const bool lived_here =
      before.epoch > 0 && !before.ended && evidence_.conditions.node_of(before.home) == change.node;
  if (before.epoch != after.epoch && !after.ended && !change.from_dump && !lived_here) {
    nodes_[change.node].came_ms[change.key] = evidence_.now_ms();
  }
  core::Liveness& newest = newest_[change.key];
  if (!outdoes(after, newest)) return;
  newest = after;
  if (change.from_dump || before.epoch != after.epoch) return;
  if (after.ended && !before.ended) return judge_end(change, step);
  if (!after.ended && before.health != after.health) judge_health(change);
}

void LapseChecker::judge_health(const RecordChange& change) {
  const core::Lapse& lapse = *lapse_of(change.key);
  const Health health = change.key_after.liveness.health;
  TraceLine line;
  line.time_ms = evidence_.now_ms();
  line.event = "believes";
  line.node = static_cast<uint32_t>(change.node);
  line.key = change.key;
  line.detail = core::name_of(core::state_of(health));
  line.text = std::string(core::name_of(change.key_after.liveness.cause));
  evidence_.trace.add(std::move(line));
  switch (health) {
    case Health::kProtected:
      if (!evidence_.truth.lapses_exactly(change.key)) return;  // BreakerChecker
      return fail(change.node, change.key, "is protected, though it has a rule of its own");
    case Health::kUnattended:
    case Health::kRefused:
      if (lapse.probe) return;
      return fail(change.node, change.key,
                  fmt::format("is {}, though its rule is that nobody asks",
                              core::name_of(core::state_of(health))));
    case Health::kDown:
      // What a breaker had protected was down before.
      if (change.key_before.liveness.health == Health::kProtected) return;
      break;
    default:
      return;
  }
  const int64_t least_ms = std::max(lapse.down_after_ms, ttl_ms(change.key));
  const int64_t silent_ms = silence_ms(change.node, change.key);
  evidence_.count(Rule::kLapseDown);
  if (silent_ms >= least_ms - kRoundingMs) return;
  fail(change.node, change.key,
       fmt::format("is down after {} of silence; its rule says {}", seconds(silent_ms),
                   seconds(least_ms)));
}

void LapseChecker::judge_end(const RecordChange& change, const Step& step) {
  const core::Lapse& lapse = *lapse_of(change.key);
  const auto objects = [&](std::string why) {
    fail(change.node, change.key,
         fmt::format("was removed ({}), {}", core::name_of(change.key_after.liveness.cause), why));
  };
  switch (change.key_after.liveness.cause) {
    case Cause::kSessionExpired:
      if (step.registry.doubts_itself(step.now)) {
        return objects("by a node that says that it is in doubt");
      }
      return judge_removal(change.node, change.key, lapse);
    case Cause::kProbeRefused:
      if (!lapse.probe) return objects("though its rule is that nobody asks");
      return judge_removal(change.node, change.key, lapse);
    case Cause::kProbeTimedOut:
    case Cause::kHomeLost:
    case Cause::kAddressTaken:
      return objects("though it has a rule of its own");
    default:
      return;
  }
}

void LapseChecker::judge_removal(size_t node, KeyIndex key, const core::Lapse& lapse) {
  evidence_.count(Rule::kLapseRemoved);
  const int64_t silent_ms = silence_ms(node, key);
  if (lapse.remove_after_ms == 0) {
    return fail(node, key, "was removed for silence; its rule says never");
  }
  if (silent_ms >= lapse.remove_after_ms - kRoundingMs) return;
  fail(node, key,
       fmt::format("was removed after {} of silence; its rule says {}", seconds(silent_ms),
                   seconds(lapse.remove_after_ms)));
}

void LapseChecker::end_step(size_t node, const Step& step) {
  if (!evidence_.settings.lapses) return;
  for (const core::Probe& probe : step.out.probes) {
    const auto found = unprobed_.find({probe.address, probe.port});
    if (found == unprobed_.end()) continue;
    fail(node, found->second, "is probed, though its rule is that nobody asks");
  }
  if (evidence_.now_ms() < due_ms_) return;
  constexpr int64_t kEveryMs = 500;
  due_ms_ = evidence_.now_ms() + kEveryMs;
  judge_dead();
}

void LapseChecker::judge_dead() {
  const Truth& truth = evidence_.truth;
  deaths_.for_each([&](const TrueProcess& process) {
    for (const KeyIndex key : process.keys) {
      if (lapse_of(key) != nullptr && truth.wanted(key, process.number)) judge_dead(process, key);
    }
  });
}

void LapseChecker::judge_dead(const TrueProcess& process, KeyIndex key) {
  /// The core looks again every second, and this checker twice in one.
  constexpr int64_t kLateMs = 2'000;
  const int64_t now_ms = evidence_.now_ms();
  const auto only = deaths_.only_home([&](size_t node) {
    const KeyFacts& facts = evidence_.records.key(node, key);
    // What it deregistered, and wanted again as it died, is nowhere to be missed.
    return facts.known && facts.kind == core::RegistrationKind::kBody && facts.liveness.epoch > 0 &&
           !facts.liveness.ended && evidence_.conditions.node_of(facts.liveness.home) == node;
  });
  if (!only) return;
  const size_t home = *only;
  const KeyFacts& known = evidence_.records.key(home, key);
  const OperationIndex made = evidence_.registration(key, known.rev, known.stamp);
  if (made == kNobody || evidence_.truth.operation(made).owner != process.number) return;
  const Node& there = nodes_[home];
  const int64_t ttl = ttl_ms(key);
  const auto life = there.lives_ms.find(key);
  if (life == there.lives_ms.end()) return;
  if (!Deaths::was_heard(process, life->second, ttl)) return;
  const auto came = there.came_ms.find(key);
  if (came != there.came_ms.end() && came->second > life->second) return;
  if (there.doubted_ms > process.ended_ms - kWellBeforeMs) return;
  const core::Lapse& lapse = *lapse_of(key);
  const int64_t late_ms = ttl / 8 + kLateMs;  // leases are looked at in turn
  const int64_t down_by_ms = life->second + std::max(lapse.down_after_ms, ttl) + late_ms;
  const Health health = known.liveness.health;
  const bool exactly = evidence_.truth.lapses_exactly(key);
  const bool is_protected = health == Health::kProtected && !exactly;
  if (now_ms > down_by_ms && health != Health::kDown && health != Health::kRefused &&
      !is_protected) {
    return fail(home, key,
                fmt::format("is silent and should have been down {} ago, but is believed to be {}",
                            seconds(now_ms - down_by_ms), core::name_of(core::state_of(health))));
  }
  const int64_t removed_by_ms = life->second + lapse.remove_after_ms + late_ms;
  if (!exactly || lapse.remove_after_ms == 0 || now_ms <= removed_by_ms) return;
  fail(home, key,
       fmt::format("is silent and should have been removed {} ago, by its own rule",
                   seconds(now_ms - removed_by_ms)));
}

void LapseChecker::fail(size_t node, KeyIndex key, std::string text) {
  Finding finding;
  finding.checker = "lapse";
  finding.node = node;
  finding.focus = evidence_.focus_on(key);
  finding.text = fmt::format("{} {}", evidence_.text_of(key), text);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
