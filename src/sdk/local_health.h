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
  int64_t ramp_ms = 10'000;          ///< from the first answer until it gets its whole share again
  uint32_t ramp_first_percent = 10;  ///< its share at first
  int64_t rest_ms = 1'000;           ///< one that refused a call is left alone for so long
};

/// What this process finds out by itself about the instances of one service: those that fail are
/// out of choice at once and are probed (a connection); who listens again gets its share back
/// little by little. Pure: no clock, socket or thread; times are monotonic ms and never go back.
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
    bool changed = false;              ///< some share_percent() differs
  };

  LocalHealth(LocalHealthRule rule, Random random) : rule_(rule), random_(std::move(random)) {}

  /// Forgets those that have left, or that stand at another address now.
  void take_list(const InstanceList& list, Actions& actions);

  /// What came of calls to an instance that is on the list.
  void failed(InstancePtr instance, int64_t now_ms, Actions& actions);
  void refused(InstancePtr instance, int64_t now_ms, Actions& actions);
  void succeeded(std::string_view id, int64_t now_ms, Actions& actions);
  /// What came of a probe. One that can't be made (`answered` empty) says nothing: then time alone
  /// brings the instance back.
  void probed(uint64_t ticket, std::optional<bool> answered, int64_t now_ms, Actions& actions);
  /// Time has passed; due at next_ms().
  void advance(int64_t now_ms, Actions& actions);
  /// When advance() has something to do; nothing: not before the next call of another.
  std::optional<int64_t> next_ms() const;

  enum class Fitness : uint8_t {
    kFit,
    kReturning,  ///< it listens again
    kResting,    ///< it has refused a call
    kEjected     ///< it has failed, and has not been reached since
  };
  Fitness fitness(std::string_view id) const;
  /// Of its weight, so much is to count.
  uint32_t share_percent(std::string_view id, int64_t now_ms) const;
  /// How many are not fit.
  size_t size() const { return doubted_.size(); }

 private:
  struct Doubted {
    Fitness fitness = Fitness::kEjected;
    InstancePtr instance;
    int64_t since_ms = 0;   ///< in this fitness
    int64_t due_ms = 0;     ///< of its next probe, step of its return, or the end of its rest
    int64_t wait_ms = 0;    ///< before the probe after the next
    uint64_t ticket = 0;    ///< of the probe under way; 0: none
    bool untested = false;  ///< it can't be probed: it comes back by itself, little by little
  };
  using ById = std::map<std::string, Doubted, std::less<>>;

  void eject(Doubted& doubted, int64_t now_ms, Actions& actions);
  void probe(Doubted& doubted, int64_t now_ms, Actions& actions);
  bool attend(Doubted& doubted, int64_t now_ms, Actions& actions);
  void begin_return(Doubted& doubted, int64_t now_ms, Actions& actions) const;

  const LocalHealthRule rule_;
  Random random_;
  ById doubted_;
  uint64_t last_ticket_ = 0;
};

}  // namespace callbook::sdk
