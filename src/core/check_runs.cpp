#include "core/check_runs.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "base/hash.h"

namespace callbook::core {
namespace {

using Verdict = CheckRun::Verdict;

/// What the state of an instance says of each of its checks.
Verdict verdict_of(const Liveness& believed) {
  switch (believed.health) {
    case Health::kUp:
      return Verdict::kPassing;
    case Health::kSuspect:
      return believed.cause == Cause::kRegistered ? Verdict::kUnknown : Verdict::kDoubted;
    case Health::kDown:
    case Health::kProtected:
      return Verdict::kFailing;
    case Health::kRefused:
      return Verdict::kRefused;
    case Health::kUnattended:
      break;
  }
  return Verdict::kUnknown;
}

Cause cause_of(ProbeResult::Outcome outcome) {
  using Outcome = ProbeResult::Outcome;
  if (outcome == Outcome::kRefused) return Cause::kProbeRefused;
  return outcome == Outcome::kSilent ? Cause::kProbeTimedOut : Cause::kCheckFailed;
}

std::string output_of(const CheckRule& rule, const ProbeResult& result) {
  using Outcome = ProbeResult::Outcome;
  if (!result.text.empty()) return result.text.substr(0, CheckRuns::kMaxOutputBytes);
  switch (result.outcome) {
    case Outcome::kAnswered:
      return rule.kind == CheckRule::Kind::kTcp ? "connected" : "as expected";
    case Outcome::kRefused:
      return "connection refused";
    case Outcome::kSilent:
      return fmt::format("no answer within {} ms", rule.timeout_ms);
    case Outcome::kFailed:
      return "not as expected";
    case Outcome::kUntested:
      break;
  }
  return "could not be asked from here";
}

}  // namespace

CheckRuns::CheckRuns(CheckSet checks, const Liveness& believed, uint64_t spread, int64_t now_ms) {
  CALLBOOK_CHECK(!checks.empty() && checks.size() <= kMaxChecks);
  runs_.reserve(checks.size());
  for (NamedCheck& check : checks) {
    CheckRun run;
    run.name = std::move(check.name);
    run.interval_ms = std::max<int64_t>(check.interval_ms, 1);
    run.rule = std::make_shared<const CheckRule>(std::move(check.rule));
    run.verdict = verdict_of(believed);
    if (run.verdict != Verdict::kPassing) run.cause = believed.cause;
    runs_.push_back(std::move(run));
  }
  // One that is not up must not wait for the check that is made once an hour.
  const bool hurries = believed.health != Health::kUp;
  const int64_t shortest_ms = shortest_interval_ms();
  for (size_t i = 0; i < runs_.size(); ++i) {
    CheckRun& run = runs_[i];
    const auto period = static_cast<uint64_t>(hurries ? shortest_ms : run.interval_ms);
    const uint64_t phase = (i == 0 ? spread : base::mix64(spread + i)) % period;
    run.first_ms = static_cast<int64_t>(period);
    run.due_ms = now_ms + static_cast<int64_t>(period - phase);
  }
}

int64_t CheckRuns::next_due_ms() const {
  int64_t next_ms = INT64_MAX;
  for (const CheckRun& run : runs_) next_ms = std::min(next_ms, run.due_ms);
  return next_ms;
}

int64_t CheckRuns::shortest_interval_ms() const {
  int64_t shortest_ms = INT64_MAX;
  for (const CheckRun& run : runs_) shortest_ms = std::min(shortest_ms, run.interval_ms);
  return shortest_ms;
}

void CheckRuns::pass_due(CheckRun& run, int64_t now_ms) {
  const int64_t interval_ms = run.first_ms != 0 ? run.first_ms : run.interval_ms;
  const int64_t missed = (now_ms - run.due_ms) / interval_ms;
  run.due_ms += (missed + 1) * interval_ms;
}

void CheckRuns::skip_missed(int64_t now_ms) {
  for (CheckRun& run : runs_) {
    if (run.due_ms <= now_ms) pass_due(run, now_ms);
  }
}

bool CheckRuns::pass_over(size_t index, uint32_t serial) {
  if (index >= runs_.size() || serial == 0 || runs_[index].serial != serial) return false;
  runs_[index].serial = 0;
  return true;
}

bool CheckRuns::take(size_t index, uint32_t serial, const ProbeResult& result, int64_t now_ms) {
  if (!pass_over(index, serial)) return false;
  CheckRun& run = runs_[index];
  run.checked_ms = std::max<int64_t>(now_ms, 1);
  run.elapsed_ms = result.elapsed_ms;
  run.output = output_of(*run.rule, result);
  if (result.outcome == ProbeResult::Outcome::kUntested) return true;  // says nothing of it
  if (result.outcome == ProbeResult::Outcome::kAnswered) {
    pass(run);
  } else {
    fail(run, cause_of(result.outcome), now_ms);
  }
  return true;
}

void CheckRuns::pass(CheckRun& run) {
  run.failures = 0;
  run.failing_since_ms = 0;
  ++run.successes;
  // One that had failed less often than it may passes again at once.
  const bool enough = run.successes >= run.rule->successes || run.verdict == Verdict::kDoubted;
  if (enough) run.verdict = Verdict::kPassing;
}

void CheckRuns::fail(CheckRun& run, Cause cause, int64_t now_ms) {
  run.successes = 0;
  ++run.failures;
  run.cause = cause;
  if (run.failing_since_ms == 0) run.failing_since_ms = std::max<int64_t>(now_ms, 1);
  if (cause == Cause::kProbeRefused) {
    run.verdict = Verdict::kRefused;
  } else if (run.failures >= run.rule->failures) {
    run.verdict = Verdict::kFailing;
  } else if (run.verdict == Verdict::kPassing) {
    run.verdict = Verdict::kDoubted;
  }
}

CheckRuns::Judgement CheckRuns::judgement() const {
  const auto rank = [](Verdict verdict) {
    constexpr int kRanks[] = {2, 0, 1, 3, 4};
    return kRanks[static_cast<size_t>(verdict)];
  };
  const auto worst = std::max_element(
      runs_.begin(), runs_.end(),
      [&](const CheckRun& a, const CheckRun& b) { return rank(a.verdict) < rank(b.verdict); });
  switch (worst->verdict) {
    case Verdict::kPassing:
      return {Health::kUp, Cause::kProbeAnswered};
    case Verdict::kFailing:
      return {Health::kDown, worst->cause};
    case Verdict::kRefused:
      return {Health::kRefused, worst->cause};
    case Verdict::kUnknown:
      return {Health::kSuspect, Cause::kRegistered};
    case Verdict::kDoubted:
      break;
  }
  return {Health::kSuspect, worst->cause};
}

const CheckRun* CheckRuns::removal(int64_t now_ms) const {
  const CheckRun* silent = nullptr;
  for (const CheckRun& run : runs_) {
    const int64_t wait_ms = run.rule->remove_after_ms;
    const bool over = run.fails() && wait_ms != 0 && run.failing_since_ms != 0 &&
                      now_ms - run.failing_since_ms >= wait_ms;
    if (!over) continue;
    if (run.cause != Cause::kProbeTimedOut) return &run;
    silent = &run;
  }
  return silent;
}

}  // namespace callbook::core
