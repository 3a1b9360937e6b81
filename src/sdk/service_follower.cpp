#include "sdk/service_follower.h"

#include <algorithm>
#include <utility>

#include "sdk/shares.h"
#include "sdk/system_random.h"

namespace callbook::sdk {

ServiceFollower::ServiceFollower(std::shared_ptr<ServiceState> state, std::string own_zone,
                                 net::EventLoop& loop, net::Prober& prober, Report report)
    : state_(std::move(state)),
      own_zone_(std::move(own_zone)),
      loop_(loop),
      prober_(prober),
      report_(std::move(report)),
      health_(LocalHealthRule{}, system_random()) {}

void ServiceFollower::take(const InstanceList& list, Source source) {
  take_candidates(list);
  list_ = list;
  source_ = source;
  LocalHealth::Actions actions;
  health_.take_list(list_, actions);
  perform(actions);
  publish();
  state_->call_subscribers();
}

/// Who stays keeps what is under way at it.
void ServiceFollower::take_candidates(const InstanceList& list) {
  std::vector<std::shared_ptr<Candidate>> candidates;
  candidates.reserve(list.size());
  auto before = list_.begin();
  const auto is_before = [](const InstancePtr& one, const InstancePtr& other) {
    return one != other && one->id < other->id;
  };
  for (const InstanceList::Held& held : list) {
    while (before != list_.end() && is_before(before->instance, held.instance)) ++before;
    const bool stays = before != list_.end() && !is_before(held.instance, before->instance);
    candidates.push_back(stays ? std::move(candidates_[static_cast<size_t>(before - list_.begin())])
                               : std::make_shared<Candidate>());
  }
  candidates_ = std::move(candidates);
}

void ServiceFollower::take(const Feedback& feedback) {
  const InstancePtr present = list_.find(feedback.instance->id);
  // One that has moved since is another.
  if (present == nullptr || present->address != feedback.instance->address ||
      present->port != feedback.instance->port) {
    return;
  }
  LocalHealth::Actions actions;
  switch (feedback.kind) {
    case Feedback::Kind::kSucceeded:
      health_.succeeded(present->id, now_ms(), actions);
      break;
    case Feedback::Kind::kEnded:
      health_.ended(present->id, feedback.period, now_ms(), actions);
      break;
    case Feedback::Kind::kFailed:
      health_.failed(present, feedback.period, now_ms(), actions);
      break;
    case Feedback::Kind::kRefused:
      health_.refused(present, now_ms(), actions);
      break;
  }
  perform(actions);
  if (actions.changed) publish();
}

void ServiceFollower::perform(const LocalHealth::Actions& actions) {
  for (const LocalHealth::Probe& wanted : actions.probes) probe(wanted);
  for (const std::string& id : actions.reports) report_(state_->name(), id);
  set_timer();
}

void ServiceFollower::probe(const LocalHealth::Probe& wanted) {
  net::ProbeTarget target{wanted.address, wanted.port, LocalHealthRule{}.probe_timeout_ms};
  const auto done = [this, alive = std::weak_ptr<bool>(alive_),
                     ticket = wanted.ticket](const net::ProbeResult& result) {
    if (alive.expired()) return;
    const net::ProbeOutcome outcome = result.verdict.outcome;
    std::optional<bool> answered;
    if (outcome != net::ProbeOutcome::kUntested) answered = outcome == net::ProbeOutcome::kAnswered;
    LocalHealth::Actions actions;
    health_.probed(ticket, answered, now_ms(), actions);
    perform(actions);
    if (actions.changed) publish();
  };
  prober_.probe(std::move(target), done);
}

void ServiceFollower::set_timer() {
  const auto due_ms = health_.next_ms();
  if (!due_ms) return timer_.reset();
  timer_ = loop_.after(std::max<int64_t>(*due_ms - now_ms(), 1), [this] {
    LocalHealth::Actions actions;
    health_.advance(now_ms(), actions);
    perform(actions);
    if (actions.changed) publish();
  });
}

/// What is registered in the own zone against what of it may be called.
Selection::Home ServiceFollower::home_of(const std::vector<Member>& members) const {
  Selection::Home home{own_zone_, 0, 0};
  if (own_zone_.empty()) return home;
  for (const InstanceList::Held& held : list_) {
    const Instance& instance = *held.instance;
    const bool meant = instance.state != "draining" && instance.state != "out_of_service";
    if (instance.zone == own_zone_ && meant) home.registered_weight += instance.weight;
  }
  for (const Member& member : members) {
    // Without what it lacks while it returns: that is not the zone's fault.
    if (member.instance->zone == own_zone_) home.usable_weight += member.instance->weight;
  }
  return home;
}

void ServiceFollower::publish() {
  std::vector<Share> shares = shares_of(list_, health_, now_ms());
  std::vector<Member> members;
  members.reserve(shares.size());
  for (Share& share : shares) {
    members.push_back({std::move(share.instance), candidates_[share.place], share.weight});
  }
  std::vector<InstancePtr> instances;
  instances.reserve(list_.size());
  for (const InstanceList::Held& held : list_) {
    mark(*candidates_[instances.size()], held.instance->id);
    instances.push_back(held.instance);
  }
  Selection::Settings settings{state_->options().choice, home_of(members), state_->next_turn()};
  std::string none_is_callable = members.empty() ? why_none_is_callable(list_) : std::string();
  state_->publish(std::unique_ptr<const ServiceState::View>(
      new ServiceState::View{Selection(std::move(members), settings), std::move(instances), source_,
                             std::move(none_is_callable)}));
}

/// Says to callers what their calls are to make of it.
void ServiceFollower::mark(Candidate& candidate, const std::string& id) const {
  // Callers read it: it is written only where it changes.
  const auto set = [](auto& value, auto wanted) {
    if (value.load(std::memory_order_relaxed) != wanted) {
      value.store(wanted, std::memory_order_relaxed);
    }
  };
  const LocalHealth::Fitness fitness = health_.fitness(id);
  if (const uint64_t period = health_.period(id); period != 0) set(candidate.period, period);
  set(candidate.on_trial, fitness == LocalHealth::Fitness::kOnTrial);
  set(candidate.watched, health_.is_watched(id));
  set(candidate.doubted, fitness == LocalHealth::Fitness::kEjected);
}

}  // namespace callbook::sdk
