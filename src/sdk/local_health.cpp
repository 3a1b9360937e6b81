#include "sdk/local_health.h"

#include <algorithm>
#include <utility>

namespace callbook::sdk {
namespace {

/// In so many steps one that returns gets its whole share.
constexpr int64_t kRampSteps = 10;

bool is_elsewhere(const Instance& now, const Instance& before) {
  return now.address != before.address || now.port != before.port;
}

}  // namespace

void LocalHealth::take_list(const InstanceList& list, Actions& actions) {
  for (auto it = doubted_.begin(); it != doubted_.end();) {
    InstancePtr now = list.find(it->first);
    if (now == nullptr || is_elsewhere(*now, *it->second.instance)) {
      it = doubted_.erase(it);
      actions.changed = true;
    } else {
      (it++)->second.instance = std::move(now);
    }
  }
}

void LocalHealth::failed(InstancePtr instance, int64_t now_ms, Actions& actions) {
  const auto [place, added] = doubted_.try_emplace(instance->id);
  Doubted& doubted = place->second;
  if (!added && doubted.fitness == Fitness::kEjected) return;  // known; it is being probed
  doubted.instance = std::move(instance);
  // Whoever fails again while it returns has to wait longer than before.
  doubted.wait_ms = added || doubted.wait_ms == 0 ? rule_.probe_first_ms : doubted.wait_ms;
  actions.reports.push_back(doubted.instance->id);
  eject(doubted, now_ms, actions);
}

void LocalHealth::eject(Doubted& doubted, int64_t now_ms, Actions& actions) {
  doubted.fitness = Fitness::kEjected;
  doubted.since_ms = now_ms;
  actions.changed = true;
  doubted.untested = doubted.instance->port == 0;
  if (!doubted.untested) return probe(doubted, now_ms, actions);
  doubted.ticket = 0;
  doubted.due_ms = now_ms + rule_.rest_ms;
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
  if (found == doubted_.end() || found->second.fitness != Fitness::kEjected) return;
  // A call that was under way, or one of those made because too many were ejected.
  begin_return(found->second, now_ms, actions);
}

void LocalHealth::probed(uint64_t ticket, std::optional<bool> answered, int64_t now_ms,
                         Actions& actions) {
  const auto found = std::find_if(doubted_.begin(), doubted_.end(), [&](const auto& entry) {
    return entry.second.ticket == ticket && entry.second.fitness == Fitness::kEjected;
  });
  if (found == doubted_.end()) return;  // late
  Doubted& doubted = found->second;
  doubted.ticket = 0;
  if (answered.value_or(false)) return begin_return(doubted, now_ms, actions);
  // Between half of the wait and all of it, so that not all consumers ask at once.
  const auto share = 0.5 + random_() / 2;
  doubted.due_ms = now_ms + static_cast<int64_t>(share * static_cast<double>(doubted.wait_ms));
  doubted.wait_ms = std::min(doubted.wait_ms * 2, rule_.probe_longest_ms);
  doubted.untested = !answered;
}

void LocalHealth::begin_return(Doubted& doubted, int64_t now_ms, Actions& actions) const {
  doubted.fitness = Fitness::kReturning;
  doubted.ticket = 0;
  doubted.since_ms = now_ms;
  doubted.due_ms = now_ms + rule_.ramp_ms / kRampSteps;
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
      begin_return(doubted, now_ms, actions);
    } else {
      probe(doubted, now_ms, actions);
    }
    return false;
  }
  actions.changed = true;
  doubted.due_ms = now_ms + rule_.ramp_ms / kRampSteps;
  return doubted.fitness == Fitness::kResting || now_ms - doubted.since_ms >= rule_.ramp_ms;
}

std::optional<int64_t> LocalHealth::next_ms() const {
  std::optional<int64_t> next;
  for (const auto& [id, doubted] : doubted_) {
    if (!next || doubted.due_ms < *next) next = doubted.due_ms;
  }
  return next;
}

LocalHealth::Fitness LocalHealth::fitness(std::string_view id) const {
  const auto found = doubted_.find(id);
  return found == doubted_.end() ? Fitness::kFit : found->second.fitness;
}

uint32_t LocalHealth::share_percent(std::string_view id, int64_t now_ms) const {
  const auto found = doubted_.find(id);
  if (found == doubted_.end()) return 100;
  const Doubted& doubted = found->second;
  if (doubted.fitness != Fitness::kReturning) return 0;
  const int64_t gone_ms = std::clamp<int64_t>(now_ms - doubted.since_ms, 0, rule_.ramp_ms);
  const int64_t rest = 100 - rule_.ramp_first_percent;
  return rule_.ramp_first_percent +
         static_cast<uint32_t>(rest * gone_ms / std::max<int64_t>(rule_.ramp_ms, 1));
}

}  // namespace callbook::sdk
