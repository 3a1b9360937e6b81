#include "dialects/native/query.h"

#include <gtest/gtest.h>

namespace callbook::native {
namespace {

TEST(Query, WhatNobodyTookIsRefused) {
  auto query = Query::parse("service=a&service=b%2Fc&meta.x=1&wait=30s&typo=1");
  ASSERT_TRUE(query.ok());
  EXPECT_EQ(query->take_all("service"), (std::vector<std::string>{"a", "b/c"}));
  EXPECT_EQ(**query->take("wait"), "30s");
  EXPECT_EQ(query->take_prefixed("meta."),
            (std::vector<std::pair<std::string, std::string>>{{"x", "1"}}));
  EXPECT_FALSE(query->take("absent")->has_value());
  ASSERT_FALSE(query->finish().ok());
  EXPECT_EQ(query->finish().error().field, "typo");
}

TEST(Query, TheFirstValueCanBeReadWithoutTakingIt) {
  auto query = Query::parse("by=a%20b&by=c");
  EXPECT_EQ(query->first("by"), "a b");
  EXPECT_EQ(query->first("reason"), "");
  EXPECT_FALSE(query->finish().ok());
}

TEST(Query, AParameterThatMayComeOnceMayNotComeTwice) {
  auto query = Query::parse("wait=1s&wait=2s");
  EXPECT_EQ(query->take("wait").error().field, "wait");
}

TEST(Duration, UnitsAndLimits) {
  EXPECT_EQ(*parse_duration_ms("wait", "500ms", 1'000), 500);
  EXPECT_EQ(*parse_duration_ms("wait", "30s", 30'000), 30'000);
  EXPECT_EQ(*parse_duration_ms("wait", "2m", 600'000), 120'000);
  EXPECT_EQ(*parse_duration_ms("wait", "0s", 10), 0);
  for (const char* bad : {"", "s", "5", "-1s", "1.5s", "5x", "5 s", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration_ms("wait", bad, 600'000).ok()) << bad;
  }
  EXPECT_EQ(parse_duration_ms("wait", "31s", 30'000).error().limit, 30'000);
  EXPECT_EQ(parse_duration_ms("wait", "9223372036854775807h", INT64_MAX).error().code,
            base::ErrorCode::kLimit);
}

}  // namespace
}  // namespace callbook::native
