#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/simulation.h"

namespace callbook::sim {

/// An outcome on its way from the process that ran the seed, as one line of text without an end of
/// line. `cpu_us` is what it took.
std::string to_line(const Outcome& outcome, int64_t cpu_us);

struct ReadOutcome {
  Outcome outcome;
  int64_t cpu_us = 0;
};
std::optional<ReadOutcome> outcome_from(std::string_view line);

/// One outcome in words, for people.
std::string describe(const Outcome& outcome);

/// What many seeds have shown together.
class Report {
 public:
  void add(const ReadOutcome& one);
  /// A seed whose process died or stood still.
  void add_lost(uint64_t seed);

  uint64_t seeds() const { return seeds_; }
  bool failed() const { return !failing_.empty(); }
  /// Faults and rules that no seed has seen.
  std::vector<std::string> never_seen() const;
  std::string text() const;

 private:
  struct Tally {
    uint64_t times = 0;
    uint64_t seeds = 0;

    void add(uint64_t count) {
      times += count;
      if (count > 0) ++seeds;
    }
  };

  uint64_t seeds_ = 0;
  uint64_t operations_ = 0;
  int64_t simulated_ms_ = 0;
  int64_t cpu_us_ = 0;
  std::vector<uint64_t> failing_;
  std::vector<int64_t> convergence_ms_;
  std::array<Tally, static_cast<size_t>(Fault::kCount)> faults_{};
  std::map<std::string, Tally> rules_;
};

}  // namespace callbook::sim
