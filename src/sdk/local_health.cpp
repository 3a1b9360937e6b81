#include "sdk/local_health.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace callbook::sdk {
namespace {

/// In so many steps one that returns gets its whole share.
constexpr int64_t kRampSteps = 10;
/// Only what comes of calls leads on.
constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

bool is_elsewhere(const Instance& now, const Instance& before) {
  return now.address != before.address || now.port != before.port;
}

bool is_up_again(const Instance& now, const Instance& before) {
  return now.state == kDefaultState && before.state != kDefaultState;
}

/// `first`, doubled `times` times, up to `most`.
int64_t grown(int64_t first, uint32_t times, int64_t most) {
  int64_t value = first;
  for (; times > 0 && value < most; --times) value *= 2;
  return std::min(value, most);
}

}  // namespace

void LocalHealth::take_list(const InstanceList& list, Actions& actions) {
  for (auto it = doubted_.begin(); it != doubted_.end();) {
    InstancePtr now = list.find(it->first);
    Doubted& doubted = it->second;
    if (now == nullptr || is_elsewhere(*now, *doubted.instance)) {
      it = doubted_.erase(it);
      actions.changed = true;
      continue;
    }
    const bool waits = doubted.fitness == Fitness::kEjected && doubted.ticket == 0;
    if (waits && is_up_again(*now, *doubted.instance)) doubted.due_ms = doubted.since_ms;
    doubted.instance = std::move(now);
    ++it;
  }
}

void LocalHealth::failed(InstancePtr instance, uint64_t period, int64_t now_ms, Actions& actions) {
  const auto [place, added] = doubted_.try_emplace(instance->id);
  Doubted& doubted = place->second;
  if (!added) {
    if (doubted.fitness == Fitness::kEjected) return;  // known
    if (period < doubted.period) return;               // it was chosen before that was known
  }
  if (doubted.wait_ms == 0) doubted.wait_ms = rule_.probe_first_ms;
  doubted.instance = std::move(instance);
  ++doubted.failures;
  actions.reports.push_back(doubted.instance->id);
  eject(doubted, now_ms, actions);
}

void LocalHealth::eject(Doubted& doubted, int64_t now_ms, Actions& actions) {
  doubted.fitness = Fitness::kEjected;
  doubted.since_ms = now_ms;
  doubted.period = ++last_period_;
  doubted.successes = 0;
  doubted.wordless = 0;
  doubted.ticket = 0;
  doubted.untested = doubted.instance->port == 0;
  actions.changed = true;
  const bool first = doubted.failures == 1;
  if (first && !doubted.untested) return probe(doubted, now_ms, actions);
  // It has failed on trial: that it listens is no reason to try it again soon.
  const int64_t wait_ms =
      first ? rule_.rest_ms
            : spread(grown(rule_.trial_first_ms, doubted.failures - 2, rule_.trial_longest_ms));
  doubted.due_ms = now_ms + wait_ms;
}

/// Between half of the wait and all of it, so that not all consumers ask at once.
int64_t LocalHealth::spread(int64_t wait_ms) {
  return static_cast<int64_t>((0.5 + random_() / 2) * static_cast<double>(wait_ms));
}

void LocalHealth::probe(Doubted& doubted, int64_t now_ms, Actions& actions) {
  doubted.ticket = ++last_ticket_;
  // If the answer does not come, another is made.
  doubted.due_ms = now_ms + rule_.probe_timeout_ms + doubted.wait_ms;
  actions.probes.push_back({doubted.ticket, doubted.instance->address, doubted.instance->port});
}

void LocalHealth::refused(InstancePtr instance, int64_t now_ms, Actions& actions) {
  const auto [place, added] = doubted_.try_emplace(instance->id);
  Doubted& doubted = place->second;
  actions.changed |= added || doubted.fitness != Fitness::kResting;
  doubted = Doubted();
  doubted.fitness = Fitness::kResting;
  doubted.instance = std::move(instance);
  doubted.since_ms = now_ms;
  doubted.due_ms = now_ms + rule_.rest_ms;
}

void LocalHealth::succeeded(std::string_view id, int64_t now_ms, Actions& actions) {
  const auto found = doubted_.find(id);
  if (found != doubted_.end()) take_success(found, now_ms, actions);
}

void LocalHealth::ended(std::string_view id, uint64_t period, int64_t now_ms, Actions& actions) {
  const auto found = doubted_.find(id);
  if (found == doubted_.end()) return;
  Doubted& doubted = found->second;
  const bool counts =
      doubted.fitness == Fitness::kOnTrial || doubted.fitness == Fitness::kReturning;
  if (!counts || period < doubted.period) return;
  if (++doubted.wordless % kWordlessOfASuccess == 0) take_success(found, now_ms, actions);
}

void LocalHealth::take_success(ById::iterator place, int64_t now_ms, Actions& actions) {
  Doubted& doubted = place->second;
  if (doubted.fitness == Fitness::kResting || proven_percent(doubted) == 100) return;
  ++doubted.successes;
  actions.changed = true;
  // Out of choice it was a call that was under way, or one made because too many were ejected.
  if (doubted.fitness != Fitness::kReturning) {
    doubted.fitness = Fitness::kReturning;
    doubted.ticket = 0;
    doubted.since_ms = now_ms;
    doubted.due_ms = now_ms + rule_.ramp_ms / kRampSteps;
  }
  const bool ramp_is_over = now_ms - doubted.since_ms >= rule_.ramp_ms;
  if (ramp_is_over && proven_percent(doubted) == 100) doubted_.erase(place);
}

void LocalHealth::probed(uint64_t ticket, std::optional<bool> answered, int64_t now_ms,
                         Actions& actions) {
  const auto found = std::find_if(doubted_.begin(), doubted_.end(), [&](const auto& entry) {
    return entry.second.ticket == ticket && entry.second.fitness == Fitness::kEjected;
  });
  if (found == doubted_.end()) return;  // late
  Doubted& doubted = found->second;
  doubted.ticket = 0;
  if (answered.value_or(false)) return begin_trial(doubted, now_ms, actions);
  doubted.due_ms = now_ms + spread(doubted.wait_ms);
  doubted.wait_ms = std::min(doubted.wait_ms * 2, rule_.probe_longest_ms);
  doubted.untested = !answered;
}

void LocalHealth::begin_trial(Doubted& doubted, int64_t now_ms, Actions& actions) {
  doubted.fitness = Fitness::kOnTrial;
  doubted.ticket = 0;
  doubted.since_ms = now_ms;
  doubted.due_ms = kNever;
  actions.changed = true;
}

void LocalHealth::advance(int64_t now_ms, Actions& actions) {
  for (auto it = doubted_.begin(); it != doubted_.end();) {
    const bool over = now_ms >= it->second.due_ms && attend(it->second, now_ms, actions);
    it = over ? doubted_.erase(it) : std::next(it);
  }
}

/// Does what is due; whether it is fit again.
bool LocalHealth::attend(Doubted& doubted, int64_t now_ms, Actions& actions) {
  if (doubted.fitness == Fitness::kEjected) {
    if (doubted.untested) {
      begin_trial(doubted, now_ms, actions);
    } else {
      probe(doubted, now_ms, actions);
    }
    return false;
  }
  actions.changed = true;
  if (doubted.fitness == Fitness::kResting) return true;
  const bool ramp_is_over = now_ms - doubted.since_ms >= rule_.ramp_ms;
  doubted.due_ms = ramp_is_over ? kNever : now_ms + rule_.ramp_ms / kRampSteps;
  return ramp_is_over && proven_percent(doubted) == 100;
}

std::optional<int64_t> LocalHealth::next_ms() const {
  int64_t next_ms = kNever;
  for (const auto& [id, doubted] : doubted_) next_ms = std::min(next_ms, doubted.due_ms);
  if (next_ms == kNever) return std::nullopt;
  return next_ms;
}

LocalHealth::Fitness LocalHealth::fitness(std::string_view id) const {
  const auto found = doubted_.find(id);
  return found == doubted_.end() ? Fitness::kFit : found->second.fitness;
}

/// What the calls that succeeded are worth.
uint32_t LocalHealth::proven_percent(const Doubted& doubted) const {
  return static_cast<uint32_t>(grown(rule_.ramp_first_percent, doubted.successes, 100));
}

uint32_t LocalHealth::share_percent(std::string_view id, int64_t now_ms) const {
  const auto found = doubted_.find(id);
  if (found == doubted_.end()) return 100;
  const Doubted& doubted = found->second;
  if (doubted.fitness == Fitness::kOnTrial) return rule_.ramp_first_percent;
  if (doubted.fitness != Fitness::kReturning) return 0;
  const int64_t gone_ms = std::clamp<int64_t>(now_ms - doubted.since_ms, 0, rule_.ramp_ms);
  const int64_t rest = 100 - rule_.ramp_first_percent;
  const uint32_t ramp = rule_.ramp_first_percent +
                        static_cast<uint32_t>(rest * gone_ms / std::max<int64_t>(rule_.ramp_ms, 1));
  return std::min(ramp, proven_percent(doubted));
}

bool LocalHealth::is_watched(std::string_view id) const {
  const auto found = doubted_.find(id);
  if (found == doubted_.end() || found->second.fitness == Fitness::kResting) return false;
  return proven_percent(found->second) < 100;
}

uint64_t LocalHealth::period(std::string_view id) const {
  const auto found = doubted_.find(id);
  return found == doubted_.end() ? 0 : found->second.period;
}

}  // namespace callbook::sdk
