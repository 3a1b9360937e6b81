#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/backoff.h"
#include "sdk/instance_list.h"

namespace callbook::sdk {

/// Times are ms.
struct LocalHealthRule {
  int64_t probe_first_ms = 100;       ///< from a failure to the second probe; the first is at once
  int64_t probe_longest_ms = 10'000;  ///< waits double up to this
  int64_t probe_timeout_ms = 1'000;
  /// From the second call in a row that failed to the next one that is tried.
  int64_t trial_first_ms = 1'000;
  int64_t trial_longest_ms = 60'000;  ///< waits double up to this
  int64_t ramp_ms = 10'000;           ///< from the first success until it gets its whole share
  uint32_t ramp_first_percent = 10;   ///< its share at first, and on trial
  int64_t rest_ms = 1'000;            ///< one that refused a call is left alone for so long
};

/// What this process finds out by itself about the instances of one service. One that fails is out
/// of choice at once and probed (a connection). If it listens it is on trial, with a small share of
/// the calls, since the kernel accepts connections for a process that is stopped too; only calls
/// that succeed give it its share back, which doubles with each. Calls that fail on trial put the
/// next one off for longer and longer. Pure: no clock, socket or thread; times are monotonic ms and
/// never go back.
///
/// Not thread-safe.
class LocalHealth {
 public:
  struct Probe {
    uint64_t ticket = 0;
    std::string address;
    uint16_t port = 0;
  };
  /// What a call wants done. Appended to.
  struct Actions {
    std::vector<Probe> probes;         ///< to be answered by probed(), in any order
    std::vector<std::string> reports;  ///< ids that the registry is to be told of
    bool changed = false;              ///< some share_percent(), trial or watch differs
  };

  /// So many calls that end without a word count as one that succeeded.
  static constexpr uint32_t kWordlessOfASuccess = 4;

  LocalHealth(LocalHealthRule rule, Random random) : rule_(rule), random_(std::move(random)) {}

  /// Forgets those that have left, or that stand at another address now. One of which the registry
  /// says that it is up again is tried at once.
  void take_list(const InstanceList& list, Actions& actions);

  // What came of calls to an instance that is on the list.

  /// `period`: as period() said when the call was chosen.
  void failed(InstancePtr instance, uint64_t period, int64_t now_ms, Actions& actions);
  void refused(InstancePtr instance, int64_t now_ms, Actions& actions);
  void succeeded(std::string_view id, int64_t now_ms, Actions& actions);
  /// A call of which the caller has said nothing, chosen in `period`.
  void ended(std::string_view id, uint64_t period, int64_t now_ms, Actions& actions);

  /// What came of a probe. One that can't be made (`answered` empty) says nothing: then it is tried
  /// after a while.
  void probed(uint64_t ticket, std::optional<bool> answered, int64_t now_ms, Actions& actions);
  /// Time has passed; due at next_ms().
  void advance(int64_t now_ms, Actions& actions);
  /// When advance() has something to do; nothing: not before the next call of another.
  std::optional<int64_t> next_ms() const;

  enum class Fitness : uint8_t {
    kFit,
    kReturning,  ///< calls succeed again
    kOnTrial,    ///< it listens, but no call has succeeded yet
    kResting,    ///< it has refused a call
    kEjected     ///< it has failed, and has not been reached since
  };
  Fitness fitness(std::string_view id) const;
  /// Of its weight, so much is to count.
  uint32_t share_percent(std::string_view id, int64_t now_ms) const;
  /// Whether succeeded() and ended() would make a difference.
  bool is_watched(std::string_view id) const;
  /// Grows with each ejection; 0: it is fit or rests, and never mind.
  uint64_t period(std::string_view id) const;
  /// How many are not fit.
  size_t size() const { return doubted_.size(); }

 private:
  struct Doubted {
    Fitness fitness = Fitness::kEjected;
    InstancePtr instance;
    int64_t since_ms = 0;    ///< in this fitness
    int64_t due_ms = 0;      ///< of its next probe, step of its return, or the end of its rest
    int64_t wait_ms = 0;     ///< before the probe after the next
    uint64_t ticket = 0;     ///< of the probe under way; 0: none
    uint64_t period = 0;     ///< since its last ejection
    uint32_t failures = 0;   ///< ejections since it was fit
    uint32_t successes = 0;  ///< calls since its last ejection
    uint32_t wordless = 0;   ///< the same, those that ended without a word
    bool untested = false;   ///< it can't be probed: it is tried by itself
  };
  using ById = std::map<std::string, Doubted, std::less<>>;

  void eject(Doubted& doubted, int64_t now_ms, Actions& actions);
  void probe(Doubted& doubted, int64_t now_ms, Actions& actions);
  bool attend(Doubted& doubted, int64_t now_ms, Actions& actions);
  static void begin_trial(Doubted& doubted, int64_t now_ms, Actions& actions);
  void take_success(ById::iterator place, int64_t now_ms, Actions& actions);
  uint32_t proven_percent(const Doubted& doubted) const;
  int64_t spread(int64_t wait_ms);

  const LocalHealthRule rule_;
  Random random_;
  ById doubted_;
  uint64_t last_ticket_ = 0;
  uint64_t last_period_ = 0;
};

}  // namespace callbook::sdk
