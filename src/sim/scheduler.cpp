#include "sim/scheduler.h"

#include <algorithm>

namespace callbook::sim {

void Scheduler::at(int64_t time_ms, Action action) {
  events_.push_back({std::max(time_ms, now_ms_), sequence_++, std::move(action)});
  std::push_heap(events_.begin(), events_.end(), Later());
}

void Scheduler::run_until(int64_t end_ms) {
  while (!events_.empty() && events_.front().time_ms <= end_ms) {
    std::pop_heap(events_.begin(), events_.end(), Later());
    // Moved out first: the action schedules others.
    Event event = std::move(events_.back());
    events_.pop_back();
    now_ms_ = event.time_ms;
    ++events_run_;
    event.action();
  }
  now_ms_ = std::max(now_ms_, end_ms);
}

}  // namespace callbook::sim
