#include "callbook/call.h"

#include <thread>

#include "callbook/service.h"

#include "net/event_loop.h"
#include "sdk/call_plan.h"
#include "sdk/fast_random.h"
#include "sdk/service_state.h"

namespace callbook {

/// Lets call() into a Service.
struct CallAccess {
  static sdk::ServiceState& state(const Service& service) { return *service.state_; }
};

namespace {

int64_t now_ms() {
  return net::SystemClock().now().mono_ms;
}

double random_share() {
  return static_cast<double>(sdk::fast_random() >> 11) * 0x1p-53;
}

void tell(Pick& pick, Outcome outcome) {
  switch (outcome) {
    case Outcome::kAnswered:
      return pick.succeeded();
    case Outcome::kRefused:
      return pick.refused();
    case Outcome::kNotSent:
      return pick.failed("it could not be reached");
    case Outcome::kFailed:
      return pick.failed("a call broke off or was not answered in time");
  }
}

/// Whether an attempt that failed had less time than the policy gives one, because the call's own
/// was nearly over, and no more than that is known against the instance.
bool was_cut_short(const CallPolicy& policy, int64_t given_ms, int64_t took_ms) {
  return given_ms < policy.attempt_timeout.count() && took_ms >= given_ms;
}

}  // namespace

CallResult call(const Service& service, const CallPolicy& policy, const Attempt& attempt) {
  sdk::CallPlan plan(policy, CallAccess::state(service).retry_budget(), now_ms());
  for (;;) {
    PickOptions wanted;
    wanted.key = policy.key;
    wanted.avoid = &plan.tried();
    if (policy.filter) wanted.filter = &policy.filter;
    auto pick = service.pick(wanted);
    sdk::CallPlan::Decision next;
    if (pick) {
      const std::string id = pick->id();
      const int64_t began_ms = now_ms();
      const int64_t given_ms = plan.attempt_ms(began_ms);
      const Outcome outcome = attempt(*pick, std::chrono::milliseconds(given_ms));
      const bool blameless =
          outcome == Outcome::kFailed && was_cut_short(policy, given_ms, now_ms() - began_ms);
      if (!blameless) tell(*pick, outcome);
      next = plan.after(outcome, id, random_share(), now_ms());
    } else {
      next = plan.after_nobody(random_share(), now_ms());
    }
    if (!next.again) return plan.result();
    // The one place in which a caller waits: it asked for a call within its deadline.
    if (next.wait_ms > 0) CallAccess::state(service).await_change(next.wait_ms);
  }
}

}  // namespace callbook
