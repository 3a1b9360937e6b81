#include "sdk/call_plan.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace callbook::sdk {
namespace {

/// The longest wait while nobody can be called.
constexpr int64_t kLongestPauseMs = 20;

/// Before an instance is called again that was tried already: up to this, doubling.
constexpr int64_t kFirstBackoffMs = 20;
constexpr int64_t kLongestBackoffMs = 500;

int64_t spread(double random, int64_t most_ms) {
  return static_cast<int64_t>(random * static_cast<double>(most_ms));
}

const char* said(Outcome outcome) {
  switch (outcome) {
    case Outcome::kAnswered:
      return "answered";
    case Outcome::kRefused:
      return "refused the call";
    case Outcome::kNotSent:
      return "could not be reached";
    case Outcome::kFailed:
      return "broke off or did not answer in time";
  }
  return "";
}

}  // namespace

CallPlan::CallPlan(const CallPolicy& policy, RetryBudget& budget, int64_t now_ms)
    : policy_(policy), budget_(budget), deadline_ms_(now_ms + policy.deadline.count()) {
  budget_.note_call(now_ms);
}

int64_t CallPlan::attempt_ms(int64_t now_ms) const {
  const int64_t left_ms = std::max<int64_t>(deadline_ms_ - now_ms, 0);
  const int64_t most_ms = policy_.attempt_timeout.count();
  return most_ms > 0 ? std::min(left_ms, most_ms) : left_ms;
}

CallPlan::Decision CallPlan::after(Outcome outcome, const std::string& id, double random,
                                   int64_t now_ms) {
  ++result_.attempts;
  result_.outcome = outcome;
  if (outcome == Outcome::kAnswered) return {};
  const std::string what = fmt::format("'{}' {}", id, said(outcome));
  if (outcome == Outcome::kFailed && !policy_.idempotent) {
    return give_up(what + ", and the call may have been served");
  }
  if (result_.attempts >= policy_.max_attempts) {
    return give_up(fmt::format("{}; it was the last of {} attempts", what, result_.attempts));
  }
  if (time_is_over(now_ms)) return give_up(what + "; there is no time left");
  if (!budget_.take(now_ms)) return give_up(what + "; the service's retries are used up");
  const bool again = std::find(tried_.begin(), tried_.end(), id) != tried_.end();
  tried_.push_back(id);
  if (!again) return {true, 0};
  const int64_t bound_ms =
      std::min(kFirstBackoffMs << std::min<size_t>(tried_.size(), 5), kLongestBackoffMs);
  return {true, std::min(spread(random, bound_ms), deadline_ms_ - now_ms)};
}

CallPlan::Decision CallPlan::after_nobody(double random, int64_t now_ms) {
  result_.outcome = Outcome::kNotSent;
  if (time_is_over(now_ms)) return give_up("there is nobody to call");
  return {true, std::min(1 + spread(random, kLongestPauseMs), deadline_ms_ - now_ms)};
}

CallPlan::Decision CallPlan::give_up(std::string why) {
  result_.error = std::move(why);
  return {};
}

}  // namespace callbook::sdk
