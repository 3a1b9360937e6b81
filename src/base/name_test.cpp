#include "base/name.h"

#include <gtest/gtest.h>

namespace callbook::base {
namespace {

TEST(Name, AcceptsWhatServicesAreCalled) {
  for (const char* name : {"orders", "Orders-2", "a", "com.example.Orders:1.0", "group/orders",
                           "10.0.0.1:8080", "x@y", "a~b+c"}) {
    EXPECT_TRUE(check_name("service", name).ok()) << name;
  }
}

TEST(Name, RefusesTheRestNamingTheField) {
  for (const char* name : {"", "a b", "a\tb", "/a", "a/", "a//b", ".", "..", "a/../b", "\xc3\xa9",
                           "a?b", "a#b", "a%b", "a\"b", "a\\b"}) {
    const Status status = check_name("service", name);
    ASSERT_FALSE(status.ok()) << name;
    EXPECT_EQ(status.error().field, "service");
  }
}

TEST(Name, TheLimitIsExact) {
  EXPECT_TRUE(check_name("id", std::string(kMaxNameBytes, 'a')).ok());
  const Status status = check_name("id", std::string(kMaxNameBytes + 1, 'a'));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kLimit);
  EXPECT_EQ(status.error().limit, 128);
}

TEST(Text, RefusesControlCharactersAndBrokenUtf8) {
  EXPECT_TRUE(check_text("m", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", 64).ok());
  for (const char* text : {"a\nb", "\x7f", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                           "\xf5\x80\x80\x80", "\xf4\x90\x80\x80", "\x80"}) {
    EXPECT_FALSE(check_text("m", text, 64).ok()) << text;
  }
  EXPECT_EQ(check_text("m", "abc", 2).error().limit, 2);
}

}  // namespace
}  // namespace callbook::base
