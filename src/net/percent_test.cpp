#include "net/percent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callbook::net {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

struct PathCase {
  std::string_view path;
  std::vector<std::string> segments;
};

TEST(SplitPath, DecodesAfterSplitting) {
  const std::vector<PathCase> cases = {
      {"/", {}},
      {"/v1/services/a%2Fb", {"v1", "services", "a/b"}},
      {"/v1/services/", {"v1", "services"}},
      {"/a+b%20c", {"a+b c"}},
      {"/%C3%BC/\xc3\xbc", {"\xc3\xbc", "\xc3\xbc"}},
      {"/%2f%2E%2e", {"/.."}},
      {"/a%25b", {"a%b"}},
      {"/a%252Fb", {"a%2Fb"}},
  };
  for (const PathCase& c : cases) {
    const auto segments = split_path(c.path);
    ASSERT_TRUE(segments.ok()) << c.path << ": " << segments.error().to_string();
    EXPECT_EQ(*segments, c.segments) << c.path;
  }
}

TEST(SplitPath, RefusesWhatIsNoPath) {
  for (const char* path : {"", "a", "//", "/a//b", "/a//", "//a", "/%", "/%2", "/a%zz", "/%00",
                           "/a%0", "/%g0", "/%-1", "/% 1"}) {
    const auto segments = split_path(path);
    ASSERT_FALSE(segments.ok()) << path;
    EXPECT_EQ(segments.error().field, "path") << path;
  }
}

TEST(SplitPath, TheLimitOfSegmentsIsExact) {
  std::string path;
  for (int i = 0; i < 16; ++i) path += "/a";
  EXPECT_TRUE(split_path(path).ok());
  EXPECT_TRUE(split_path(path + "/").ok());
  EXPECT_EQ(split_path(path + "/a").error().limit, 16);
}

TEST(SplitQuery, KeepsOrderAndDecodes) {
  const auto query = split_query("service=a&service=b%26c&flag&x=1=2&s=a+b%2B&&=v");
  ASSERT_TRUE(query.ok());
  EXPECT_THAT(*query, ElementsAre(Pair("service", "a"), Pair("service", "b&c"), Pair("flag", ""),
                                  Pair("x", "1=2"), Pair("s", "a b+"), Pair("", "v")));
  EXPECT_TRUE(split_query("").value().empty());
}

TEST(SplitQuery, NamesTheParameterAtFault) {
  EXPECT_EQ(split_query("wait=%zz").error().field, "wait");
  EXPECT_EQ(split_query("a=1&%00=2").error().field, "query");
}

TEST(SplitQuery, TheLimitOfParametersIsExact) {
  std::string query = "a=1";
  for (int i = 1; i < 128; ++i) query += "&a=1";
  EXPECT_EQ(split_query(query).value().size(), 128U);
  EXPECT_EQ(split_query(query + "&a=1").error().limit, 128);
}

TEST(Percent, EncodesAllButTheUnreserved) {
  EXPECT_EQ(percent_encode("a/b c~d-._%\xc3\xbc"), "a%2Fb%20c~d-._%25%C3%BC");
}

TEST(Percent, DecodingUndoesEncoding) {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  EXPECT_EQ(percent_decode("f", percent_encode(all), false).value(), all);
  EXPECT_EQ(percent_decode("f", percent_encode(all), true).value(), all);
}

}  // namespace
}  // namespace callbook::net
