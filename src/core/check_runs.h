#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/cause.h"
#include "core/check_set.h"
#include "core/health.h"
#include "core/input.h"
#include "core/record_codec.h"

namespace callbook::core {

/// One check of an instance, and what has come of it at this node. Times are monotonic ms.
struct CheckRun {
  /// What its results in a row amount to, from best to worst but for the first two.
  enum class Verdict : uint8_t {
    kUnknown,  ///< it has neither passed nor failed as often as it must
    kPassing,
    kDoubted,  ///< it passed before, and has failed less often than it may
    kFailing,
    kRefused,  ///< nobody listens there
  };

  std::string name;
  int64_t interval_ms = 0;
  std::shared_ptr<const CheckRule> rule;

  int64_t due_ms = 0;    ///< when it is begun next
  int64_t first_ms = 0;  ///< until it has been begun by time, the interval of its dues; then 0
  uint32_t serial = 0;   ///< of the probe under way; 0: none is
  bool owed = false;     ///< it fell due while one was, and is begun when that has come back
  Verdict verdict = Verdict::kUnknown;
  uint32_t failures = 0;         ///< in a row
  uint32_t successes = 0;        ///< in a row
  int64_t failing_since_ms = 0;  ///< its first failure in this row; 0: it does not fail

  // The last result.
  int64_t checked_ms = 0;  ///< 0: there has been none here
  int64_t elapsed_ms = 0;
  Cause cause = Cause::kNone;  ///< of its last failure
  std::string output;          ///< for people; never empty after a result

  bool fails() const { return verdict == Verdict::kFailing || verdict == Verdict::kRefused; }
};

/// The checks of one instance at its home: when each is due, and what all of them say of it.
/// Not thread-safe.
class CheckRuns {
 public:
  /// Longest `output`.
  static constexpr size_t kMaxOutputBytes = 256;

  /// `believed` is what is known of the instance, perhaps at another home: it holds for each check
  /// until that has results of its own. First dues are spread over the intervals by `spread`.
  /// REQUIRES at least one check.
  CheckRuns(CheckSet checks, const Liveness& believed, uint64_t spread, int64_t now_ms);

  size_t size() const { return runs_.size(); }
  const CheckRun& operator[](size_t index) const { return runs_[index]; }
  int64_t next_due_ms() const;
  int64_t shortest_interval_ms() const;

  /// None that is due by now is: each waits for its next time.
  void skip_missed(int64_t now_ms);
  /// Calls `begin(index)` for each check that is due, and moves its due on to its next. A probe
  /// that is under way is waited for once, since its time-out may be as long as the interval.
  template <typename Begin>
  void take_due(int64_t now_ms, Begin&& begin) {
    for (size_t i = 0; i < runs_.size(); ++i) {
      CheckRun& run = runs_[i];
      if (run.due_ms > now_ms) continue;
      run.first_ms = 0;
      pass_due(run, now_ms);
      const bool waits = run.serial != 0 && !run.owed;
      run.owed = waits;
      if (!waits) begin(i);
    }
  }
  /// A probe of the check has begun; one that is still under way is late by now.
  void begin(size_t index, uint32_t serial) {
    runs_[index].serial = serial;
    runs_[index].owed = false;
  }
  /// Takes in what came of a probe; false: it is not the one under way.
  bool take(size_t index, uint32_t serial, const ProbeResult& result, int64_t now_ms);
  /// The same for one of which nothing is to be believed.
  bool pass_over(size_t index, uint32_t serial);

  struct Judgement {
    Health health = Health::kSuspect;  ///< kUp, kSuspect, kDown or kRefused
    Cause cause = Cause::kNone;
  };
  /// The instance is what its worst check says.
  Judgement judgement() const;
  /// A check that has failed for as long as its rule has the instance stay, if there is one: one
  /// that is answered before one that is not. Borrowed until the next result.
  const CheckRun* removal(int64_t now_ms) const;

 private:
  static void pass_due(CheckRun& run, int64_t now_ms);
  static void pass(CheckRun& run);
  static void fail(CheckRun& run, Cause cause, int64_t now_ms);

  std::vector<CheckRun> runs_;
};

}  // namespace callbook::core
