#include "dialects/peer/probe_codec.h"

#include <gtest/gtest.h>

#include "dialects/peer/report_codec.h"

namespace callbook::peer {
namespace {

using Outcome = core::ProbeResult::Outcome;

std::vector<core::Probe> two_probes() {
  return {{7, "10.0.0.1", 80, 500}, {8, "::1", 65'535, 250}};
}

TEST(ProbeCodec, BringsBackWhatIsToBeTried) {
  const auto probes = decode_probes(encode_probes(two_probes()));
  ASSERT_TRUE(probes.ok()) << probes.error().to_string();
  ASSERT_EQ(probes->size(), 2u);
  EXPECT_EQ((*probes)[0].address, "10.0.0.1");
  EXPECT_EQ((*probes)[0].port, 80);
  EXPECT_EQ((*probes)[1].port, 65'535);
  EXPECT_EQ((*probes)[1].timeout_ms, 250);
  EXPECT_FALSE((*probes)[1].rule);
}

TEST(ProbeCodec, RefusesWhatCannotBeTried) {
  const std::string whole = encode_probes(two_probes());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_probes(whole.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_probes(whole + "x").ok());
  EXPECT_FALSE(decode_probes(encode_probes({{1, "10.0.0.1", 0, 500}})).ok());
  const std::vector<core::Probe> many(kMaxProbes + 1, core::Probe{1, "10.0.0.1", 80, 500});
  EXPECT_EQ(decode_probes(encode_probes(many)).error().limit, kMaxProbes);
  const auto patient = decode_probes(encode_probes({{1, "10.0.0.1", 80, 3'600'000}}));
  ASSERT_TRUE(patient.ok());
  EXPECT_EQ((*patient)[0].timeout_ms, kMaxProbeTimeoutMs);
}

TEST(ProbeCodec, OutcomesComeInOrderAndInNumber) {
  const std::vector<Outcome> all = {Outcome::kAnswered, Outcome::kRefused, Outcome::kSilent,
                                    Outcome::kFailed, Outcome::kUntested};
  const auto read = decode_outcomes(encode_outcomes(all), all.size());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, all);
  EXPECT_FALSE(decode_outcomes(encode_outcomes(all), 4).ok());
  EXPECT_FALSE(decode_outcomes(encode_outcomes(all), 6).ok());
  std::string unknown = encode_outcomes(all);
  unknown.back() = 5;
  EXPECT_FALSE(decode_outcomes(unknown, all.size()).ok());
}

TEST(ReportCodec, BringsBackReportsAndRefusesTheRest) {
  const std::vector<ReportItem> two = {{{{"default", "orders"}, "o-1"}, "carts@7"},
                                       {{{"other", "x"}, "y"}, ""}};
  const std::string whole = encode_reports(two);
  const auto read = decode_reports(whole);
  ASSERT_TRUE(read.ok());
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].instance, two[0].instance);
  EXPECT_EQ((*read)[0].by, "carts@7");
  EXPECT_EQ((*read)[1].instance, two[1].instance);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_reports(whole.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_reports(whole + "x").ok());
  EXPECT_FALSE(decode_reports(encode_reports(std::vector<ReportItem>(kMaxReports + 1))).ok());
}

}  // namespace
}  // namespace callbook::peer
