#include "base/log_text.h"

#include <gtest/gtest.h>

namespace callbook::base {
namespace {

std::string visible(std::string_view text) {
  std::string out;
  append_visible(out, text);
  return out;
}

std::string value(std::string_view text) {
  std::string out;
  append_log_value(out, text);
  return out;
}

std::string json(const LogLine& line) {
  std::string out;
  append_json_members(out, line);
  return out;
}

TEST(LogText, WhatIsNoControlCharacterStaysAsItIs) {
  const std::string text = R"(orders/o-1 by="Zoë" C:\path 東京 🙂)";
  EXPECT_EQ(visible(text), text);
}

TEST(LogText, ALineCanNotBeForged) {
  EXPECT_EQ(visible("a\n2026-01-01 info all is well"), "a\\u000a2026-01-01 info all is well");
  EXPECT_EQ(visible(std::string_view("\r\x1b[2K\x7f\0x", 8)), "\\u000d\\u001b[2K\\u007f\\u0000x");
  EXPECT_EQ(visible("\u0085\u009b"), "\\u0085\\u009b") << "C1: next line, CSI";
  EXPECT_EQ(visible("\u2028\u2029"), "\\u2028\\u2029") << "separators of lines and paragraphs";
}

TEST(LogText, NothingChangesTheDirectionOrHides) {
  EXPECT_EQ(visible("\u202egnp.exe\u202c"), "\\u202egnp.exe\\u202c");
  EXPECT_EQ(visible("\u2066a\u2069\u200f\u061c"), "\\u2066a\\u2069\\u200f\\u061c");
  EXPECT_EQ(visible("ad\u200bmin\ufeff\u00ad"), "ad\\u200bmin\\ufeff\\u00ad");
  EXPECT_EQ(visible("\U000E0041"), "\\udb40\\udc41") << "a tag character";
  EXPECT_EQ(visible("\u2027\u202f\u2010"), "\u2027\u202f\u2010") << "their neighbours stay";
}

TEST(LogText, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(visible("a\xff\x62"), "a\\ufffdb");
  EXPECT_EQ(visible("\xc0\x8a"), "\\ufffd\\ufffd") << "an overlong newline";
  EXPECT_EQ(visible("\xe2\x80"), "\\ufffd\\ufffd") << "cut short";
  EXPECT_EQ(visible("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd") << "a surrogate";
}

TEST(LogText, AValueCanBeToldFromItsNeighbours) {
  EXPECT_EQ(value("alice@host-7"), "alice@host-7");
  EXPECT_EQ(value("[::1]:7070"), "[::1]:7070");
  EXPECT_EQ(value(""), "\"\"");
  EXPECT_EQ(value("bad disk"), "\"bad disk\"");
  EXPECT_EQ(value("x by=mallory"), "\"x by=mallory\"");
  EXPECT_EQ(value("a=b"), "\"a=b\"");
  EXPECT_EQ(value(R"(" by="mallory)"), R"("\" by=\"mallory")");
  EXPECT_EQ(value(R"(\u000a)"), R"("\\u000a")") << "typed, not escaped by us";
}

TEST(LogText, ALongValueIsCutBetweenCharacters) {
  EXPECT_EQ(value(std::string(kMostValueBytes, 'a')).size(), kMostValueBytes);
  const std::string cut = clip_log_value(std::string(kMostValueBytes + 1, 'a'));
  EXPECT_EQ(cut, std::string(kMostValueBytes - 3, 'a') + "\u2026");
  std::string wide;
  while (wide.size() <= kMostValueBytes) wide += "\u6771";
  const std::string shorter = clip_log_value(wide);
  EXPECT_LE(shorter.size(), kMostValueBytes);
  EXPECT_EQ(visible(shorter), shorter) << "no half of a character";
}

TEST(LogText, JsonHoldsTheTextsAsTheyWere) {
  LogLine line{LogLevel::kInfo, "override_set", "say \"hi\"", {}};
  line.fields.push_back({"reason", std::string("a\n\"b\"\\ \u202e\xff")});
  line.fields.push_back({"count", int64_t{-7}});
  line.fields.push_back({"first", std::vector<std::string>{"a", "b\tc"}});
  EXPECT_EQ(json(line),
            "\"event\":\"override_set\",\"message\":\"say \\\"hi\\\"\","
            "\"reason\":\"a\\u000a\\\"b\\\"\\\\ \\u202e\\ufffd\","
            "\"count\":-7,\"first\":[\"a\",\"b\\u0009c\"]");
}

TEST(LogText, JsonOfTextAlone) {
  std::string out;
  append_json_members(out, "bus: lost");
  EXPECT_EQ(out, R"("event":"message","message":"bus: lost")");
}

}  // namespace
}  // namespace callbook::base
