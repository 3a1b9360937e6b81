#include "net/probe_queue.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace callbook::net {

void ProbeQueue::push(const ProbeAddress& address, Wanted wanted) {
  const auto [place, is_new] = addresses_.try_emplace(address);
  AtAddress& at = place->second;
  if (is_new) at.room = silent_.contains(address) ? max_at_silent_ : max_per_address_;
  wanted.number = ++last_number_;
  at.waiting.push_back(std::move(wanted));
  ++waiting_;
  offer_turn(place);
}

std::optional<ProbeQueue::Taken> ProbeQueue::take() {
  while (!turns_.empty()) {
    const auto place = turns_.front();
    turns_.pop_front();
    AtAddress& at = place->second;
    at.in_turns = false;
    if (at.waiting.empty() || at.under_way >= at.room) {
      erase_if_idle(place);
      continue;
    }
    Taken taken{std::move(at.waiting.front()), place};
    at.waiting.pop_front();
    --waiting_;
    ++at.under_way;
    ++under_way_;
    const uint64_t number = taken.wanted.number;
    taken.waited_on_silence = at.heard_at < number && at.silent_at > number;
    offer_turn(place);
    return taken;
  }
  return std::nullopt;
}

void ProbeQueue::release(const Taken& taken) {
  --taken.place->second.under_way;
  --under_way_;
  offer_turn(taken.place);
  erase_if_idle(taken.place);
}

void ProbeQueue::heard(const Taken& taken) {
  AtAddress& at = taken.place->second;
  at.heard_at = ++last_number_;
  at.silent_ports.clear();
  at.room = max_per_address_;
  silent_.erase(taken.address());
}

void ProbeQueue::silent(const Taken& taken) {
  AtAddress& at = taken.place->second;
  at.silent_at = ++last_number_;
  at.silent_ports[taken.wanted.target.port] = at.silent_at;
  doubtful_.insert(taken.address());
}

std::vector<ProbeQueue::Wanted> ProbeQueue::take_concluded() {
  std::vector<Wanted> concluded;
  for (const ProbeAddress& address : std::exchange(doubtful_, {})) {
    const auto place = addresses_.find(address);
    if (place == addresses_.end()) continue;
    AtAddress& at = place->second;
    const uint64_t many_at = many_silent_at(at);
    const auto is_judged = [&](const Wanted& wanted) {
      if (wanted.target.udp || wanted.number < at.heard_at) return false;
      const auto own = at.silent_ports.find(wanted.target.port);
      return many_at > wanted.number ||
             (own != at.silent_ports.end() && own->second > wanted.number);
    };
    const size_t before = concluded.size();
    for (auto wanted = at.waiting.begin(); wanted != at.waiting.end();) {
      if (!is_judged(*wanted)) {
        ++wanted;
        continue;
      }
      concluded.push_back(std::move(*wanted));
      wanted = at.waiting.erase(wanted);
    }
    waiting_ -= concluded.size() - before;
    if (concluded.size() != before) remember_silent(place);
    offer_turn(place);
    erase_if_idle(place);
  }
  return concluded;
}

/// When kSilentPorts ports had been silent, all of them, since whatever came before; 0: never.
uint64_t ProbeQueue::many_silent_at(const AtAddress& at) {
  if (at.silent_ports.size() < kSilentPorts) return 0;
  std::vector<uint64_t> numbers;
  numbers.reserve(at.silent_ports.size());
  for (const auto& [port, number] : at.silent_ports) numbers.push_back(number);
  const auto last = numbers.begin() + kSilentPorts - 1;
  std::nth_element(numbers.begin(), last, numbers.end(), std::greater<>());
  return *last;
}

void ProbeQueue::offer_turn(Addresses::iterator place) {
  AtAddress& at = place->second;
  if (at.in_turns || at.waiting.empty() || at.under_way >= at.room) return;
  at.in_turns = true;
  turns_.push_back(place);
}

void ProbeQueue::erase_if_idle(Addresses::iterator place) {
  const AtAddress& at = place->second;
  if (at.waiting.empty() && at.under_way == 0 && !at.in_turns) addresses_.erase(place);
}

void ProbeQueue::remember_silent(Addresses::iterator place) {
  place->second.room = max_at_silent_;
  if (!silent_.insert(place->first).second) return;
  silent_since_.push_back(place->first);
  if (silent_since_.size() <= kMostSilent) return;
  silent_.erase(silent_since_.front());
  silent_since_.pop_front();
}

}  // namespace callbook::net
