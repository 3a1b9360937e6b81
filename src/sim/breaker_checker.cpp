#include "sim/breaker_checker.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

/// Core takes the time of a removal from its last tick.
constexpr int64_t kTicksMs = 200;
constexpr int64_t kMinuteMs = 60'000;
constexpr uint32_t kPercent = 10;
constexpr uint32_t kFloorPercent = 50;
/// A hold is seen by a node at its next look at those it does not reach.
constexpr int64_t kLookMs = 1'500;
/// What a node has forgotten comes back to it for so long after it has begun to answer.
constexpr int64_t kLearningMs = 20'000;

uint32_t share(uint32_t of, uint32_t percent) {
  return (of * percent + 99) / 100;
}

uint32_t budget(uint32_t of) {
  return share(of, kPercent);
}

uint32_t floor(uint32_t of) {
  return share(of, kFloorPercent);
}

bool is_isolated(const Listing& listed) {
  return listed.state == core::InstanceState::kOutOfService ||
         listed.state == core::InstanceState::kDraining || is_own_word(listed.state);
}

/// Its silence, or its answers alone for too long, had been found out by probes. What a process
/// leaves behind that was told to stop costs no budget.
bool timed_out(const RecordChange& change) {
  const bool of_session = change.session != kNobody;
  const core::Liveness& before =
      of_session ? change.session_before.liveness : change.key_before.liveness;
  const core::Liveness& after =
      of_session ? change.session_after.liveness : change.key_after.liveness;
  if (!after.ended || before.ended) return false;
  const bool answered_for_long = after.cause == core::Cause::kSessionExpired &&
                                 core::is_unreachable(before.health) &&
                                 !change.session_before.superseded;
  return answered_for_long || after.cause == core::Cause::kProbeTimedOut;
}

}  // namespace

bool BreakerChecker::overdrawn(const Group& group, uint32_t largest) {
  return group.unreachable > budget(largest) || group.size - group.unreachable < floor(largest);
}

BreakerChecker::Bounds BreakerChecker::largest(size_t node, const Group& group) const {
  const int64_t period_ms = evidence_.settings.timing.breaker_period_ms;
  const int64_t now_ms = evidence_.now_ms();
  const int64_t started_ms = evidence_.conditions.started_ms(node);
  Bounds bounds{group.size, group.size};
  for (size_t i = 0; i < group.sizes.size(); ++i) {
    // Each lasted until the next.
    const int64_t until_ms = i + 1 < group.sizes.size() ? group.sizes[i + 1].at_ms : now_ms;
    const int64_t age_ms = now_ms - until_ms;
    if (age_ms <= 2 * period_ms + kLookMs) {
      bounds.most = std::max(bounds.most, group.sizes[i].in_passing);
    }
    if (age_ms < period_ms && group.sizes[i].at_ms > started_ms)
      bounds.least = std::max(bounds.least, group.sizes[i].size);
  }
  return bounds;
}

uint32_t BreakerChecker::lately(const Group& group, int64_t within_ms) const {
  return static_cast<uint32_t>(
      std::count_if(group.removals_ms.begin(), group.removals_ms.end(),
                    [&](int64_t at_ms) { return evidence_.now_ms() - at_ms < within_ms; }));
}

const core::Liveness* BreakerChecker::liveness_of(size_t node, KeyIndex key) const {
  const KeyFacts& facts = evidence_.records.key(node, key);
  if (!facts.known || facts.kind != core::RegistrationKind::kBody) return nullptr;
  if (facts.holder == core::HolderKind::kTtl) return &facts.liveness;
  if (facts.holder != core::HolderKind::kSession || facts.session == kNobody) return nullptr;
  const SessionFacts& session = evidence_.records.session(node, facts.session);
  return session.known ? &session.liveness : nullptr;
}

bool BreakerChecker::may_lapse_exactly(size_t node, KeyIndex key) const {
  if (!evidence_.truth.key(key).lapse) return false;
  const auto whole = nodes_[node].groups.find({evidence_.truth.key(key).service, ""});
  return whole == nodes_[node].groups.end() || largest(node, whole->second).least < kLeastMass;
}

bool BreakerChecker::counts(size_t node, KeyIndex key) const {
  if (evidence_.truth.lapses_exactly(key)) return false;  // LapseChecker
  const auto listed = evidence_.listings.find(node, key);
  if (!listed || is_isolated(*listed) || evidence_.records.key(node, key).withheld) return false;
  // An operator's word may come with the removal, before any list has shown it.
  if (evidence_.records.override_of(node, key).out_of_service) return false;
  const core::Liveness* liveness = liveness_of(node, key);
  return liveness == nullptr || liveness->health != core::Health::kRefused;
}

std::vector<BreakerChecker::GroupName> BreakerChecker::groups_of(KeyIndex key,
                                                                 const std::string& zone) const {
  const uint32_t service = evidence_.truth.key(key).service;
  std::vector<GroupName> groups{{service, ""}};
  if (!zone.empty()) groups.emplace_back(service, zone);
  return groups;
}

// --- What is counted ---

void BreakerChecker::fault(Fault kind, std::string_view what) {
  if (kind != Fault::kClockStepped) return;
  for (size_t node = 0; node < nodes_.size(); ++node) {
    const std::string name = evidence_.conditions.name(node) + ":";
    if (what.starts_with(name)) nodes_[node].clock_stepped_ms = evidence_.now_ms();
  }
}

void BreakerChecker::node_started(size_t index) {
  Node& node = nodes_[index];
  node.wrong_since_ms.clear();
  node.ticked_ms = kLongAgo;
  // Who was removed in the running minute is not stored. A hold is, and counts as a spent budget;
  // but whether it held just then does not always show.
  for (auto& [name, group] : node.groups) group.removals_ms.clear();
}

void BreakerChecker::take_members(Group& group, std::vector<KeyIndex> members,
                                  std::vector<KeyIndex> came) {
  const int64_t now_ms = evidence_.now_ms();
  if (group.sizes.empty() || group.members != members || !came.empty()) {
    came.insert(came.end(), members.begin(), members.end());
    came.insert(came.end(), group.members.begin(), group.members.end());
    std::sort(came.begin(), came.end());
    came.erase(std::unique(came.begin(), came.end()), came.end());
    const auto size = static_cast<uint32_t>(members.size());
    group.sizes.push_back({now_ms, size, static_cast<uint32_t>(came.size())});
  }
  const int64_t kept_ms = 2 * evidence_.settings.timing.breaker_period_ms + 2 * kLookMs;
  while (group.sizes.size() > 2 && now_ms - group.sizes[1].at_ms > kept_ms) {
    group.sizes.erase(group.sizes.begin());
  }
  group.members = std::move(members);
  group.size = static_cast<uint32_t>(group.members.size());
}

void BreakerChecker::judge_counts(size_t node, Group& group) {
  const int64_t now_ms = evidence_.now_ms();
  const Bounds bounds = largest(node, group);
  const bool least = overdrawn(group, bounds.least);
  const bool most = overdrawn(group, bounds.most);
  const auto since = [now_ms](int64_t& since_ms, bool is_so) {
    since_ms = is_so ? std::min(since_ms, now_ms) : kNever;
  };
  if (least || most) {
    // A moment between two of core's ticks ends no hold.
    const bool anew =
        group.surely_not_since_ms != kNever && now_ms - group.surely_not_since_ms > kTicksMs;
    if (anew) group.released_ms = kLongAgo;
    if (anew) group.overdrawn_since_ms = now_ms;
    group.overdrawn_since_ms = std::min(group.overdrawn_since_ms, now_ms);
  }
  since(group.surely_since_ms, least && most);
  since(group.surely_not_since_ms, !least && !most);
}

bool BreakerChecker::is_over(const Group& group) const {
  if (group.overdrawn_since_ms == kNever) return false;
  return group.surely_not_since_ms == kNever ||
         evidence_.now_ms() - group.surely_not_since_ms <= kTicksMs;
}

void BreakerChecker::on_published(size_t node, uint32_t service) {
  if (!evidence_.settings.probes()) return;
  std::map<GroupName, Counted> counted;
  for (const KeyIndex key : evidence_.truth.keys_of(service)) {
    if (!counts(node, key)) continue;
    const core::Liveness* liveness = liveness_of(node, key);
    const bool unreachable = liveness != nullptr && core::is_unreachable(liveness->health);
    for (const GroupName& name : groups_of(key, evidence_.records.key(node, key).zone)) {
      Counted& group = counted[name];
      group.members.push_back(key);
      if (unreachable) ++group.unreachable;
    }
  }
  std::erase_if(nodes_[node].came, [&](const auto& one) {
    if (evidence_.truth.key(one.first).service != service) return false;
    for (const GroupName& name : groups_of(one.first, one.second)) {
      counted[name].came.push_back(one.first);
    }
    return true;
  });
  auto& groups = nodes_[node].groups;
  for (const auto& [name, group] : counted) groups[name];
  for (auto& [name, group] : groups) {
    if (name.first != service) continue;
    Counted& now = counted[name];
    std::sort(now.members.begin(), now.members.end());
    const int64_t overdrawn_ms = group.overdrawn_since_ms;
    const int64_t released_ms = group.released_ms;
    take_members(group, std::move(now.members), std::move(now.came));
    group.unreachable = now.unreachable;
    judge_counts(node, group);
    const int64_t answering_ms = evidence_.conditions.answering_since_ms(node);
    const bool learning = answering_ms == kNever || evidence_.now_ms() - answering_ms < kLearningMs;
    if (!learning) continue;
    // The hold was stored, and what an operator said of it.
    group.overdrawn_since_ms = std::min(group.overdrawn_since_ms, overdrawn_ms);
    group.released_ms = std::max(group.released_ms, released_ms);
  }
}

void BreakerChecker::begin_step(size_t index, const Step& step) {
  if (!evidence_.settings.probes()) return;
  Node& node = nodes_[index];
  if (std::holds_alternative<core::AdvanceTime>(step.input)) {
    const int64_t now_ms = evidence_.now_ms();
    const int64_t before_ms = std::exchange(node.ticked_ms, now_ms);
    if (before_ms != kLongAgo && now_ms - before_ms > kLookMs) node.stood_still_ms = now_ms;
  }
  node.removals.clear();
  node.left.clear();
  node.hears = std::holds_alternative<core::ApplyBatch>(step.input) ||
               std::holds_alternative<core::ApplySnapshot>(step.input) ||
               std::holds_alternative<core::ApplyDirect>(step.input);
  if (const auto* released = std::get_if<core::ReleaseBreaker>(&step.input)) {
    const auto service = evidence_.truth.find_service(released->service);
    if (!step.accepted || !service) return;
    for (auto& [name, group] : node.groups) {
      if (name.first != *service || !is_over(group)) continue;
      group.released_ms = evidence_.now_ms();
    }
  }
}

void BreakerChecker::on_record(const RecordChange& change) {
  if (!evidence_.settings.probes() || change.from_dump) return;
  const bool of_session = change.session != kNobody;
  if (!of_session && change.key_before.kind != core::RegistrationKind::kBody &&
      change.key_after.kind == core::RegistrationKind::kBody) {
    nodes_[change.node].came.emplace_back(change.key, change.key_after.zone);
  }
  const core::Liveness& before =
      of_session ? change.session_before.liveness : change.key_before.liveness;
  const core::Liveness& after =
      of_session ? change.session_after.liveness : change.key_after.liveness;
  // A change of health begins anew to be right or wrong.
  if (before.health != after.health) {
    nodes_[change.node].wrong_since_ms.erase({change.session, change.key});
  }
  if (!timed_out(change)) return;
  Removal removal;
  removal.session = change.session;
  removal.key = change.key;
  if (!of_session && !change.key_before.withheld) removal.keys.push_back(change.key);
  if (of_session) {
    for (const KeyIndex key : evidence_.truth.session(change.session).keys) {
      const KeyFacts& facts = evidence_.records.key(change.node, key);
      const bool held = facts.known && facts.kind == core::RegistrationKind::kBody &&
                        facts.session == change.session;
      if (held) removal.keys.push_back(key);
    }
  }
  std::erase_if(removal.keys, [&](KeyIndex key) { return !counts(change.node, key); });
  Node& node = nodes_[change.node];
  const bool own = !node.hears && evidence_.conditions.node_of(after.home) == change.node &&
                   before.epoch > 0 && before.home == after.home;
  if (own) {
    node.removals.push_back(std::move(removal));
  } else {
    node.left.insert(node.left.end(), removal.keys.begin(), removal.keys.end());
  }
}

// --- What is judged ---

/// How many of a group count by now that did not in the node's last list: core counts whoever is
/// registered, or is no longer refused, at once, and publishes a list after a batch of steps.
uint32_t BreakerChecker::counted_since(size_t node, const GroupName& name,
                                       const Removal& removal) const {
  const auto found = nodes_[node].groups.find(name);
  if (found == nodes_[node].groups.end()) return 0;
  const std::vector<KeyIndex>& members = found->second.members;
  std::vector<KeyIndex> more;
  for (const KeyIndex key : evidence_.truth.keys_of(name.first)) {
    if (counts(node, key)) more.push_back(key);
  }
  for (const auto& [key, zone] : nodes_[node].came) more.push_back(key);
  std::sort(more.begin(), more.end());
  more.erase(std::unique(more.begin(), more.end()), more.end());
  return static_cast<uint32_t>(std::count_if(more.begin(), more.end(), [&](KeyIndex key) {
    if (std::binary_search(members.begin(), members.end(), key)) return false;
    const KeyFacts& facts = evidence_.records.key(node, key);
    if (evidence_.truth.key(key).service != name.first) return false;
    if (!facts.known || facts.kind != core::RegistrationKind::kBody) return false;
    if (!name.second.empty() && facts.zone != name.second) return false;
    const core::Liveness* liveness = liveness_of(node, key);
    const bool ends_now =
        std::find(removal.keys.begin(), removal.keys.end(), key) != removal.keys.end();
    return ends_now || liveness == nullptr || !liveness->ended;
  }));
}

std::string BreakerChecker::objection(size_t node, const Group& group, uint32_t size,
                                      uint32_t count) const {
  const int64_t now_ms = evidence_.now_ms();
  if (now_ms - nodes_[node].stood_still_ms < kMinuteMs) return {};
  const bool over = is_over(group);
  if (over && group.released_ms >= group.overdrawn_since_ms) return {};
  Bounds bounds = largest(node, group);
  bounds.most = std::max(bounds.most, size);  // a list is published after a batch of steps
  const uint32_t removed = lately(group, kMinuteMs - kTicksMs);
  const bool in_budget = removed + count <= budget(bounds.most);
  const int64_t hold_ms = evidence_.settings.timing.breaker.hold_ms;
  const bool clock_stepped = nodes_[node].clock_stepped_ms != kLongAgo;
  const bool held_out =
      over && (clock_stepped || now_ms - group.overdrawn_since_ms >= hold_ms - kLookMs);
  if (held_out && (in_budget || removed == 0)) return {};
  if (!in_budget) {
    return fmt::format(
        "{} have been within a minute, {} more are to be, and the budget is {} (of {})", removed,
        count, budget(bounds.most), bounds.most);
  }
  if (held_out || size >= count + floor(bounds.least)) return {};
  return fmt::format("{} of {} would be left, and {} are to be at least (of {})", size - count,
                     size, floor(bounds.least), bounds.least);
}

void BreakerChecker::judge(size_t index, const Removal& removal) {
  Node& node = nodes_[index];
  std::map<GroupName, uint32_t> shares;
  for (const KeyIndex key : removal.keys) {
    say(index, key);
    for (const GroupName& name : groups_of(key, evidence_.records.key(index, key).zone)) {
      ++shares[name];
    }
  }
  for (const auto& [name, count] : shares) {
    Group& group = node.groups[name];
    const uint32_t size = group.size + counted_since(index, name, removal);
    const bool exactly = may_lapse_exactly(index, removal.keys.front());
    const std::string objected = exactly ? "" : objection(index, group, size, count);
    if (!objected.empty()) {
      const std::string zone = name.second.empty() ? "" : fmt::format(" in {}", name.second);
      return fail(index, removal.keys.front(), name.first,
                  fmt::format("was removed because nobody reaches it, but of {}{} {}",
                              evidence_.truth.service(name.first).name, zone, objected));
    }
    group.removals_ms.insert(group.removals_ms.end(), count, evidence_.now_ms());
    group.size -= std::min(group.size, count);
  }
}

void BreakerChecker::end_step(size_t index, const Step& step) {
  if (!evidence_.settings.probes()) return;
  Node& node = nodes_[index];
  for (const Removal& removal : node.removals) judge(index, removal);
  if (std::holds_alternative<core::AdvanceTime>(step.input)) judge_flags(index);
  for (const KeyIndex key : node.left) {
    say(index, key);
    for (const GroupName& name : groups_of(key, evidence_.records.key(index, key).zone)) {
      node.groups[name].removals_ms.push_back(evidence_.now_ms());
    }
  }
}

bool BreakerChecker::may_be_spent(size_t node, SessionIndex session, KeyIndex key) const {
  std::map<GroupName, uint32_t> shares;
  const auto add = [&](KeyIndex held) {
    const KeyFacts& facts = evidence_.records.key(node, held);
    if (session != kNobody && facts.session != session) return;
    for (const GroupName& name : groups_of(held, facts.zone)) ++shares[name];
  };
  if (session == kNobody) add(key);
  if (session != kNobody) {
    for (const KeyIndex held : evidence_.truth.session(session).keys) add(held);
  }
  // A new process of the node may count a minute's budget as spent.
  const int64_t started_ms = evidence_.conditions.started_ms(node);
  if (evidence_.now_ms() - started_ms < kMinuteMs + kLookMs) return true;
  const auto& groups = nodes_[node].groups;
  return std::any_of(shares.begin(), shares.end(), [&](const auto& share_of) {
    const auto found = groups.find(share_of.first);
    if (found == groups.end()) return false;
    const Bounds bounds = largest(node, found->second);
    return lately(found->second, kMinuteMs + kLookMs) + share_of.second > budget(bounds.least) ||
           found->second.size < share_of.second + floor(bounds.most);
  });
}

/// Time alone changes how large a group was lately; and those whom this node does not reach must be
/// flagged as its breakers say.
void BreakerChecker::judge_flags(size_t index) {
  Node& node = nodes_[index];
  const int64_t now_ms = evidence_.now_ms();
  if (now_ms - node.looked_ms < kLookMs) return;
  // A node that stood still has not looked at anybody, and listens anew before it does.
  if (now_ms - node.looked_ms > 2 * kLookMs) node.wrong_since_ms.clear();
  node.looked_ms = now_ms;
  std::vector<bool> looked_at(evidence_.truth.service_count());
  for (auto& [name, group] : node.groups) {
    if (group.unreachable == 0) continue;
    judge_counts(index, group);
    if (looked_at[name.first]) continue;
    looked_at[name.first] = true;
    for (const KeyIndex key : evidence_.truth.keys_of(name.first)) judge_flag(index, key);
  }
}

void BreakerChecker::judge_flag(size_t index, KeyIndex key) {
  Node& node = nodes_[index];
  const core::Liveness* liveness = liveness_of(index, key);
  if (liveness == nullptr || !core::is_unreachable(liveness->health)) return;
  const KeyFacts& facts = evidence_.records.key(index, key);
  const bool of_session = facts.session != kNobody;
  std::vector<KeyIndex> together{key};
  if (of_session) together = evidence_.truth.session(facts.session).keys;
  bool surely = false;
  bool surely_not = true;
  for (const KeyIndex one : together) {
    const KeyFacts& its = evidence_.records.key(index, one);
    if (its.session != facts.session || !counts(index, one)) continue;
    for (const GroupName& name : groups_of(one, its.zone)) {
      const Group& group = node.groups[name];
      surely_not &= group.surely_not_since_ms != kNever;
      surely |= group.surely_since_ms != kNever && group.released_ms == kLongAgo;
    }
  }
  const bool is_protected = liveness->health == core::Health::kProtected;
  // A stale node suspects nobody, and so looks at nobody again.
  const bool wrong =
      !liveness->ended && !may_lapse_exactly(index, key) && evidence_.conditions.serving(index) &&
      evidence_.conditions.node_of(liveness->home) == index && (is_protected ? surely_not : surely);
  const Owner owner = of_session ? Owner(facts.session, kNobody) : Owner(kNobody, key);
  if (!wrong) {
    node.wrong_since_ms.erase(owner);
    return;
  }
  const int64_t now_ms = evidence_.now_ms();
  // Those that consumers alone reported are looked at with the probes, which grow rare.
  const int64_t late_ms = evidence_.settings.timing.probe_longest_ms + kLookMs;
  if (now_ms - node.wrong_since_ms.try_emplace(owner, now_ms).first->second <= late_ms) return;
  const Group& whole = node.groups[{evidence_.truth.key(key).service, ""}];
  const Bounds bounds = largest(index, whole);
  fail(index, key, evidence_.truth.key(key).service,
       fmt::format("is {} although {} of {} ({} to {} before) are unreachable",
                   is_protected ? "protected" : "down", whole.unreachable, whole.size, bounds.least,
                   bounds.most));
}

void BreakerChecker::say(size_t node, KeyIndex key) {
  TraceLine line;
  line.time_ms = evidence_.now_ms();
  line.event = "counts as timed out";
  line.node = static_cast<uint32_t>(node);
  line.key = key;
  evidence_.trace.add(std::move(line));
}

void BreakerChecker::fail(size_t node, KeyIndex key, uint32_t service, std::string text) {
  Finding finding;
  finding.checker = "breaker";
  finding.node = node;
  finding.focus = evidence_.focus_on(key);
  finding.focus.services.push_back(service);
  finding.text = fmt::format("{} {}", evidence_.text_of(key), text);
  evidence_.fail(std::move(finding));
}

}  // namespace callbook::sim
