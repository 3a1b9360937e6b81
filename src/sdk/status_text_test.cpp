#include "sdk/status_text.h"

#include <gtest/gtest.h>

#include "base/name.h"

namespace callbook::sdk {
namespace {

TEST(StatusText, IsKeptWhereTheRegistryTakesIt) {
  EXPECT_EQ(status_text("disk full: 99 %"), "disk full: 99 %");
  EXPECT_EQ(status_text("voll \xc3\xbc"), "voll \xc3\xbc");
  EXPECT_EQ(status_text(""), "");
}

TEST(StatusText, WhateverItWasTheRegistryTakesIt) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  const std::string umlauts = [] {
    std::string text = "x";
    for (int i = 0; i < 1'000; ++i) text += "\xc3\xbc";
    return text;
  }();
  for (const std::string& text :
       {all, umlauts, std::string(10'000, '\n'), std::string(513, 'x'), std::string("\xc3")}) {
    const std::string shown = status_text(text);
    EXPECT_TRUE(base::check_text("text", shown, kMaxStatusTextBytes).ok()) << shown;
    EXPECT_FALSE(shown.empty());
  }
  EXPECT_EQ(status_text(umlauts).size(), 511u);
  EXPECT_EQ(status_text(std::string(513, 'x')).size(), 512u);
  EXPECT_EQ(status_text("two\nlines"), "two\\u000alines");
}

}  // namespace
}  // namespace callbook::sdk
