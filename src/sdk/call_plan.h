#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "callbook/call.h"

#include "sdk/retry_budget.h"

namespace callbook::sdk {

/// Decides whether, when and for how long a call is attempted again. Pure, but for the budget that
/// it shares with the other calls to the service; times are monotonic ms. Not thread-safe.
class CallPlan {
 public:
  CallPlan(const CallPolicy& policy, RetryBudget& budget, int64_t now_ms);

  /// How long the attempt may take that begins now; 0: there is no time left for one.
  int64_t attempt_ms(int64_t now_ms) const;

  struct Decision {
    bool again = false;
    int64_t wait_ms = 0;  ///< before that
  };
  /// `id` was called, and this came of it. `random` in [0, 1) spreads the waits.
  Decision after(Outcome outcome, const std::string& id, double random, int64_t now_ms);
  /// There was nobody to call.
  Decision after_nobody(double random, int64_t now_ms);

  /// Whom to avoid in the next attempt.
  const std::vector<std::string>& tried() const { return tried_; }
  CallResult result() const { return result_; }

 private:
  Decision give_up(std::string why);
  bool time_is_over(int64_t now_ms) const { return now_ms >= deadline_ms_; }

  const CallPolicy& policy_;
  RetryBudget& budget_;
  const int64_t deadline_ms_;
  std::vector<std::string> tried_;
  CallResult result_;
};

}  // namespace callbook::sdk
