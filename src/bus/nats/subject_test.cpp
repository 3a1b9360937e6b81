#include "bus/nats/subject.h"

#include <gtest/gtest.h>

namespace callbook::bus::nats {
namespace {

std::string token_of(std::string_view key) {
  std::string token;
  append_token(key, token);
  return token;
}

TEST(Subject, TokensAreThoseOfTheStandard) {
  // RFC 4648, section 10.
  EXPECT_EQ(token_of("f"), "Zg");
  EXPECT_EQ(token_of("fo"), "Zm8");
  EXPECT_EQ(token_of("foo"), "Zm9v");
  EXPECT_EQ(token_of("foobar"), "Zm9vYmFy");
  EXPECT_EQ(token_of("\xfb\xff"), "-_8");
}

TEST(Subject, EveryKeyComesBackFromItsToken) {
  std::string key;
  for (int i = 0; i < 600; ++i) {
    key.push_back(static_cast<char>(i * 7));
    const std::string token = token_of(key);
    EXPECT_EQ(token.find_first_of(". *>\t\r\n$"), std::string::npos);
    EXPECT_EQ(key_of_token(token), key);
  }
}

TEST(Subject, OnlyTheTokenOfAKeyIsTaken) {
  for (const char* token : {"", "Z", "Zm9vY", "Zm9=", "Zm 9", "Zm+v", "Zm/v", "Zm9v.Zm9v"}) {
    EXPECT_FALSE(key_of_token(token).has_value()) << token;
  }
  EXPECT_TRUE(key_of_token("Zg").has_value());
  EXPECT_FALSE(key_of_token("Zh").has_value()) << "another token of the same key";
}

TEST(Subject, NamesAreThoseOfTheFormatPage) {
  const Names names("dc1");
  EXPECT_EQ(names.stream(Stream::kTied), "callbook-dc1-tied");
  EXPECT_EQ(names.stream(Stream::kLasting), "callbook-dc1-lasting");
  EXPECT_EQ(names.filter(Stream::kTied), "callbook.dc1.tied.*");
  EXPECT_EQ(names.beat(), "callbook.dc1.beat");
}

TEST(Subject, AClusterIsAToken) {
  EXPECT_TRUE(Names::check("eu-west_1").ok());
  for (const char* cluster : {"", "a.b", "a b", "*", ">", "a/b"}) {
    EXPECT_FALSE(Names::check(cluster).ok()) << cluster;
  }
  EXPECT_FALSE(Names::check(std::string(65, 'a')).ok());
}

}  // namespace
}  // namespace callbook::bus::nats
