#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/truth.h"

namespace callbook::sim {

/// Something that happened. What is kNobody or zero is not printed.
struct TraceLine {
  int64_t time_ms = 0;
  std::string_view event;  ///< a literal
  uint32_t node = kNobody;
  KeyIndex key = kNobody;
  SessionIndex session = kNobody;
  ProcessNumber process = kNobody;
  uint32_t rev = 0;
  uint32_t epoch = 0;
  core::Stamp stamp;
  std::string_view detail;  ///< a literal
  std::string text;
};

/// What a failure is about: lines that mention none of it are left out of the trace.
struct Focus {
  std::vector<KeyIndex> keys;
  std::vector<SessionIndex> sessions;
  std::vector<ProcessNumber> processes;
  std::vector<uint32_t> services;
};

/// The latest lines, bounded; made readable only when they are asked for.
class Trace {
 public:
  explicit Trace(const Truth& truth) : truth_(truth), lines_(kMostLines) {}

  void add(TraceLine line);
  void name_node(size_t node, std::string name);

  /// The last lines that mention what is in focus, or nobody at all: faults, nodes, links.
  std::string print(const Focus& focus) const;
  /// Prints all that is kept, not the last few hundred lines alone.
  void print_all() { most_printed_ = kMostLines; }

 private:
  static constexpr size_t kMostLines = 40'000;

  bool mentions(const TraceLine& line, const Focus& focus) const;
  std::string text_of(const TraceLine& line) const;

  const Truth& truth_;
  std::vector<TraceLine> lines_;  ///< a ring
  uint64_t added_ = 0;
  size_t most_printed_ = 250;
  std::vector<std::string> node_names_;
};

}  // namespace callbook::sim
