#include "sim/report.h"

#include <gtest/gtest.h>

namespace callbook::sim {
namespace {

Outcome an_outcome() {
  Outcome outcome;
  outcome.seed = 17;
  outcome.ok = false;
  outcome.failure = "seen at\tnode-1\nand node-2";
  outcome.trace = "a line\n";
  outcome.end_hash = 0xFEDCBA9876543210;
  outcome.operations = 2'345;
  outcome.simulated_ms = 720'000;
  outcome.convergence_ms = -1;
  outcome.faults[3] = 5;
  outcome.rules = {{"moved", 7}, {"never", 0}};
  return outcome;
}

TEST(Report, AnOutcomePassesThroughALine) {
  const std::string line = to_line(an_outcome(), 12'345);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto read = outcome_from(line);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->cpu_us, 12'345);
  EXPECT_EQ(read->outcome.seed, 17u);
  EXPECT_FALSE(read->outcome.ok);
  EXPECT_EQ(read->outcome.failure, "seen at node-1\nand node-2");
  EXPECT_EQ(read->outcome.trace, "a line\n");
  EXPECT_EQ(read->outcome.end_hash, 0xFEDCBA9876543210);
  EXPECT_EQ(read->outcome.convergence_ms, -1);
  EXPECT_EQ(read->outcome.faults, an_outcome().faults);
  EXPECT_EQ(read->outcome.rules, an_outcome().rules);
}

TEST(Report, EmptyTextsPassToo) {
  const auto read = outcome_from(to_line(Outcome(), 0));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->outcome.rules.empty());
  EXPECT_FALSE(outcome_from("nonsense"));
}

TEST(Report, KnowsWhatWasNeverSeen) {
  Report report;
  report.add({an_outcome(), 0});
  EXPECT_TRUE(report.failed());
  const std::vector<std::string> never = report.never_seen();
  EXPECT_EQ(never.size(), static_cast<size_t>(Fault::kCount) - 1 + 1);
  EXPECT_EQ(never.back(), "never");
}

TEST(Report, CountsALostSeedAsFailing) {
  Report report;
  report.add_lost(99);
  EXPECT_TRUE(report.failed());
  EXPECT_NE(report.text().find("1 failing seeds 99"), std::string::npos);
}

}  // namespace
}  // namespace callbook::sim
