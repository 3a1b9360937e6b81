#pragma once

#include <ostream>
#include <sstream>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/registry.h"

namespace callbook::core {

// What the scripts of tests have in common: their lines, and how they write an instance down.

/// Runs each line of `text` that begins with "> "; gives back those lines, each followed by what
/// `run_line` made of it.
template <typename RunLine>
std::string run_script(std::string_view text, RunLine run_line) {
  std::istringstream lines{std::string(text)};
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("> ")) all += line + "\n" + run_line(line.substr(2));
  }
  return all;
}

/// A case of a table: commands, each followed by what must come of it.
struct Transcript {
  const char* name;
  const char* text;
};

inline std::ostream& operator<<(std::ostream& out, const Transcript& transcript) {
  return out << transcript.name;
}

inline std::string name_of_case(const testing::TestParamInfo<Transcript>& tested) {
  return tested.param.name;
}

/// `text` begins with the line feed behind R"(.
template <typename Script>
void expect_transcript(Script&& script, std::string_view text) {
  EXPECT_EQ(script.run(text), text.substr(1));
}

/// Who lapses is removed at once: what becomes of suspects is for liveness_test.cpp.
inline RegistryOptions without_probes(RegistryOptions options) {
  options.timing.probe_rounds = 0;
  return options;
}

/// "o-1", and what is not as usual about it.
inline std::string text_of(const ListEntry& entry) {
  std::string text(entry.id());
  if (entry.state() != InstanceState::kUp) text += fmt::format("[{}]", name_of(entry.state()));
  const uint32_t weight = entry.instance().weight();
  if (weight != kDefaultWeight) text += fmt::format("[weight {}]", weight);
  return text;
}

}  // namespace callbook::core
