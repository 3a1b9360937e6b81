#include "sim/report.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

constexpr char kBetweenFields = '\t';
constexpr char kEndOfLine = '\x1e';  // stands for one inside a text

std::string flat(std::string text) {
  std::replace(text.begin(), text.end(), '\n', kEndOfLine);
  std::replace(text.begin(), text.end(), kBetweenFields, ' ');
  return text;
}

std::string unflat(std::string_view field) {
  std::string text(field);
  std::replace(text.begin(), text.end(), kEndOfLine, '\n');
  return text;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(at), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

template <typename Number>
bool read(std::string_view text, Number& number) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end;
}

bool read_rules(std::string_view text, std::map<std::string, uint64_t>& rules) {
  for (const std::string_view pair : split(text, ',')) {
    const size_t middle = pair.find('=');
    if (middle == std::string_view::npos) return false;
    if (!read(pair.substr(middle + 1), rules[std::string(pair.substr(0, middle))])) return false;
  }
  return true;
}

bool read_faults(std::string_view text, Faults::Counts& faults) {
  const std::vector<std::string_view> numbers = split(text, ',');
  if (numbers.size() != faults.size()) return false;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (!read(numbers[i], faults[i])) return false;
  }
  return true;
}

int64_t at_share(const std::vector<int64_t>& sorted, double share) {
  if (sorted.empty()) return -1;
  const double place = share * static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<size_t>(std::lround(place))];
}

}  // namespace

// A text may be empty, which split() would drop at the end; so each has a letter in front.
std::string to_line(const Outcome& outcome, int64_t cpu_us) {
  std::string faults;
  for (const uint64_t count : outcome.faults) faults += fmt::format("{},", count);
  std::string rules;
  for (const auto& [name, count] : outcome.rules) rules += fmt::format("{}={},", name, count);
  return fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\tr{}\tf{}\tt{}", outcome.seed,
                     outcome.ok ? 1 : 0, outcome.end_hash, outcome.operations, outcome.simulated_ms,
                     outcome.convergence_ms, cpu_us, faults, rules, flat(outcome.failure),
                     flat(outcome.trace));
}

std::optional<ReadOutcome> outcome_from(std::string_view line) {
  const std::vector<std::string_view> fields = split(line, kBetweenFields);
  if (fields.size() != 11) return std::nullopt;
  ReadOutcome made;
  Outcome& outcome = made.outcome;
  int ok = 0;
  const bool understood =
      read(fields[0], outcome.seed) && read(fields[1], ok) && read(fields[2], outcome.end_hash) &&
      read(fields[3], outcome.operations) && read(fields[4], outcome.simulated_ms) &&
      read(fields[5], outcome.convergence_ms) && read(fields[6], made.cpu_us) &&
      read_faults(fields[7], outcome.faults) && read_rules(fields[8].substr(1), outcome.rules);
  if (!understood) return std::nullopt;
  outcome.ok = ok != 0;
  outcome.failure = unflat(fields[9].substr(1));
  outcome.trace = unflat(fields[10].substr(1));
  return made;
}

std::string describe(const Outcome& outcome) {
  std::string text = fmt::format(
      "seed {}: {}; {} operations in {} simulated s; converged after {} ms; end {:016x}\n",
      outcome.seed, outcome.ok ? "all is well" : "FAILED", outcome.operations,
      outcome.simulated_ms / 1000, outcome.convergence_ms, outcome.end_hash);
  if (!outcome.ok) text += fmt::format("{}\n{}\n", outcome.failure, outcome.trace);
  return text;
}

void Report::add(const ReadOutcome& one) {
  const Outcome& outcome = one.outcome;
  ++seeds_;
  operations_ += outcome.operations;
  simulated_ms_ += outcome.simulated_ms;
  cpu_us_ += one.cpu_us;
  if (!outcome.ok) failing_.push_back(outcome.seed);
  if (outcome.ok && outcome.convergence_ms >= 0) convergence_ms_.push_back(outcome.convergence_ms);
  for (size_t i = 0; i < outcome.faults.size(); ++i) faults_[i].add(outcome.faults[i]);
  for (const auto& [name, count] : outcome.rules) rules_[name].add(count);
}

void Report::add_lost(uint64_t seed) {
  ++seeds_;
  failing_.push_back(seed);
}

std::vector<std::string> Report::never_seen() const {
  std::vector<std::string> never;
  for (size_t i = 0; i < faults_.size(); ++i) {
    if (faults_[i].times == 0) never.emplace_back(name_of(static_cast<Fault>(i)));
  }
  for (const auto& [name, tally] : rules_) {
    if (tally.times == 0) never.push_back(name);
  }
  return never;
}

std::string Report::text() const {
  std::string text;
  const auto line = [&](std::string_view name, const Tally& tally) {
    text += fmt::format("  {:<28} {:>9} times in {:>6} seeds\n", name, tally.times, tally.seeds);
  };
  text += "faults\n";
  for (size_t i = 0; i < faults_.size(); ++i) line(name_of(static_cast<Fault>(i)), faults_[i]);
  text += "rules\n";
  for (const auto& [name, tally] : rules_) line(name, tally);
  const double hours = static_cast<double>(simulated_ms_) / 3'600'000;
  const double cpu_s = static_cast<double>(cpu_us_) / 1'000'000;
  const double rate = cpu_s > 0 ? static_cast<double>(simulated_ms_) / 1000 / cpu_s : 0;
  std::vector<int64_t> sorted = convergence_ms_;
  std::sort(sorted.begin(), sorted.end());
  text += fmt::format(
      "{} seeds, {} operations, {:.1f} simulated hours, {:.0f} CPU s: {:.0f} simulated "
      "s per CPU s\n",
      seeds_, operations_, hours, cpu_s, rate);
  text += fmt::format("convergence after faults: p50 {} ms, p99 {} ms, worst {} ms\n",
                      at_share(sorted, 0.5), at_share(sorted, 0.99), at_share(sorted, 1));
  std::vector<uint64_t> failing = failing_;
  std::sort(failing.begin(), failing.end());
  text += fmt::format("{} failing seeds", failing.size());
  for (const uint64_t seed : failing) text += fmt::format(" {}", seed);
  return text + "\n";
}

}  // namespace callbook::sim
