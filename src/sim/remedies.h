#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "sim/scheduler.h"

namespace callbook::sim {

/// What ends the faults that have begun: each at its time, or all at once.
class Remedies {
 public:
  explicit Remedies(Scheduler& scheduler) : scheduler_(scheduler) {}

  void after(int64_t delay_ms, std::function<void()> remedy) {
    const uint64_t number = ++last_;
    waiting_.emplace(number, std::move(remedy));
    scheduler_.after(delay_ms, [this, number] {
      auto due = waiting_.extract(number);
      if (!due.empty()) due.mapped()();
    });
  }
  void apply_all() {
    std::map<uint64_t, std::function<void()>> all = std::exchange(waiting_, {});
    for (auto& [number, remedy] : all) remedy();
  }

 private:
  Scheduler& scheduler_;
  std::map<uint64_t, std::function<void()>> waiting_;  ///< in the order of their beginnings
  uint64_t last_ = 0;
};

}  // namespace callbook::sim
