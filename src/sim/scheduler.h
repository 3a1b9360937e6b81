#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "base/unique_function.h"

namespace callbook::sim {

/// What a right clock says at the beginning of simulated time.
inline constexpr int64_t kEpochWallMs = 1'700'000'000'000;

inline constexpr int64_t kNever = INT64_MAX;
inline constexpr int64_t kLongAgo = INT64_MIN / 4;

/// Simulated true time in ms from 0, and what is to happen when. Events of one moment run in the
/// order in which they were scheduled. Never cancelled: who schedules checks whether it still means
/// anything (an epoch number captured by value).
class Scheduler {
 public:
  using Action = base::UniqueFunction<void()>;

  int64_t now_ms() const { return now_ms_; }
  void at(int64_t time_ms, Action action);
  void after(int64_t delay_ms, Action action) { at(now_ms_ + delay_ms, std::move(action)); }
  /// Runs what is due through `end_ms`, then stands there.
  void run_until(int64_t end_ms);
  uint64_t events_run() const { return events_run_; }

 private:
  struct Event {
    int64_t time_ms;
    uint64_t sequence;
    Action action;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.time_ms != b.time_ms ? a.time_ms > b.time_ms : a.sequence > b.sequence;
    }
  };

  int64_t now_ms_ = 0;
  uint64_t sequence_ = 0;
  uint64_t events_run_ = 0;
  std::vector<Event> events_;  // a heap by Later
};

}  // namespace callbook::sim
