#include "net/probe_queue.h"

#include <utility>

namespace callbook::net {

void ProbeQueue::push(const ProbeAddress& address, Wanted wanted) {
  const auto place = addresses_.try_emplace(address).first;
  AtAddress& at = place->second;
  if (at.waiting.empty() && at.under_way < max_per_address_) turns_.push_back(place);
  at.waiting.push_back(std::move(wanted));
  ++waiting_;
}

std::optional<ProbeQueue::Taken> ProbeQueue::take() {
  if (turns_.empty()) return std::nullopt;
  const auto place = turns_.front();
  turns_.pop_front();
  AtAddress& at = place->second;
  Taken taken{std::move(at.waiting.front()), place};
  at.waiting.pop_front();
  --waiting_;
  ++at.under_way;
  ++under_way_;
  if (!at.waiting.empty() && at.under_way < max_per_address_) turns_.push_back(place);
  return taken;
}

void ProbeQueue::release(const Taken& taken) {
  AtAddress& at = taken.place->second;
  const bool was_full = at.under_way-- == max_per_address_;
  --under_way_;
  if (!at.waiting.empty()) {
    if (was_full) turns_.push_back(taken.place);
  } else if (at.under_way == 0) {
    addresses_.erase(taken.place);
  }
}

}  // namespace callbook::net
