#pragma once

#include <cstdint>
#include <optional>

#include "sim/evidence.h"

namespace callbook::sim {

/// For this long before its end a process must have gone on undisturbed.
inline constexpr int64_t kWellBeforeMs = 10'000;
/// What it had said just before its end may come just after.
inline constexpr int64_t kOnItsWayMs = 500;

/// The deaths that a home can be held to notice in time; the checkers that use this say how soon.
///
/// Judged is only a process that died in plain sight. For kWellBeforeMs before its end
/// - it ran: it had begun, neither it nor a former process of its machine was stopped, and it
///   closed and opened no port;
/// - all nodes served, were awake, heard each other, their clients and the bus, and do so still.
///
/// No process has begun on its machine since. Whatever else may be seen to happen at the same
/// moment is left out as well: see the checkers.
class Deaths {
 public:
  explicit Deaths(const Evidence& evidence) : evidence_(evidence) {}

  /// Calls `visit(process)` for each that is to be judged now, as they ended.
  template <typename Visit>
  void for_each(Visit&& visit) {
    evidence_.truth.for_each_unreplaced_death(first_, [&](const TrueProcess& process) {
      if (in_plain_sight(process)) visit(process);
    });
  }

  /// The only running node for which `is_home(node)`, or nothing: none, or more than one.
  template <typename IsHome>
  std::optional<size_t> only_home(IsHome&& is_home) const {
    std::optional<size_t> home;
    for (size_t node = 0; node < evidence_.node_count(); ++node) {
      if (!evidence_.conditions.running(node) || !is_home(node)) continue;
      if (home) return std::nullopt;
      home = node;
    }
    return home;
  }

  /// Whether a home that heard it last at `life_ms` was not missing it when it died.
  static bool was_heard(const TrueProcess& process, int64_t life_ms, int64_t ttl_ms) {
    return life_ms > process.ended_ms - ttl_ms && life_ms <= process.ended_ms + kOnItsWayMs;
  }

 private:
  bool in_plain_sight(const TrueProcess& process) const;

  const Evidence& evidence_;
  size_t first_ = 0;  ///< for Truth::for_each_unreplaced_death()
};

}  // namespace callbook::sim
