#include "dialects/native/check_output.h"

#include <gtest/gtest.h>

namespace callbook::native {
namespace {

using Kind = core::CheckRule::Kind;

std::string json_of(const core::CheckReport& report) {
  std::string out;
  base::JsonWriter json(out);
  append_check(json, report);
  return out;
}

core::CheckReport report_of(core::CheckRule rule, std::string address = "10.0.0.7") {
  core::CheckReport report;
  report.id = "o-1";
  report.name = "web";
  report.rule = std::make_shared<const core::CheckRule>(std::move(rule));
  report.address = std::move(address);
  report.port = 8'081;
  report.home = "reg-1";
  return report;
}

TEST(CheckOutput, SaysAllThatItsHomeKnows) {
  core::CheckRule rule;
  rule.kind = Kind::kHttp;
  rule.path = "/health";
  core::CheckReport report = report_of(rule);
  report.status = core::CheckReport::Status::kFailing;
  report.output = "HTTP 503";
  report.checked_ms_ago = 812;
  report.elapsed_ms = 3;
  report.failures = 4;
  EXPECT_EQ(json_of(report),
            R"({"id":"o-1","name":"web","kind":"http","target":"10.0.0.7:8081/health",)"
            R"("status":"failing","output":"HTTP 503","checked_ms_ago":812,"elapsed_ms":3,)"
            R"("failures":4,"home":"reg-1"})");
}

TEST(CheckOutput, LeavesOutWhatIsNotKnown) {
  core::CheckRule rule;
  EXPECT_EQ(json_of(report_of(rule, "::1")),
            R"({"id":"o-1","name":"web","kind":"tcp","target":"[::1]:8081",)"
            R"("status":"unknown","home":"reg-1"})");
}

TEST(CheckOutput, NamesWhatIsAskedFor) {
  const auto target = [](core::CheckRule rule) {
    const std::string json = json_of(report_of(std::move(rule)));
    const size_t begin = json.find("target\":\"") + 9;
    return json.substr(begin, json.find('"', begin) - begin);
  };
  core::CheckRule rule;
  rule.kind = Kind::kHttps;
  rule.path = "/h?x=1";
  EXPECT_EQ(target(rule), "10.0.0.7:8081/h?x=1");
  rule.kind = Kind::kGrpc;
  EXPECT_EQ(target(rule), "10.0.0.7:8081");
  rule.grpc_service = "o.v1";
  EXPECT_EQ(target(rule), "10.0.0.7:8081/o.v1");
  rule.kind = Kind::kUdp;
  EXPECT_EQ(target(rule), "10.0.0.7:8081");
}

}  // namespace
}  // namespace callbook::native
