#include "probe/name_book.h"

#include <string>

#include <gtest/gtest.h>

namespace callbook::probe {
namespace {

using Outcome = Lookup::Outcome;

Lookup found(std::string address) {
  return {Outcome::kAddresses, {std::move(address)}, ""};
}

Lookup without(Outcome outcome) {
  return {outcome, {}, "why"};
}

/// "" if nothing is known.
std::string known(const NameBook& book, const std::string& name, int64_t now_ms) {
  const Lookup* lookup = book.find(name, now_ms);
  if (lookup == nullptr) return "";
  return lookup->addresses.empty() ? lookup->text : lookup->addresses.front();
}

TEST(NameBook, KeepsAddressesAsLongAsTheirRecordSays) {
  NameBook book(30'000);
  book.begin("a", 0);
  EXPECT_EQ(known(book, "a", 0), "");
  book.finish("a", found("10.0.0.1"), 5, 100);
  EXPECT_EQ(known(book, "a", 5'099), "10.0.0.1");
  EXPECT_EQ(known(book, "a", 5'100), "");
}

TEST(NameBook, ButNotLongerThanItMayAndAtLeastASecond) {
  NameBook book(30'000);
  book.finish("long", found("10.0.0.1"), INT64_MAX, 0);
  EXPECT_EQ(known(book, "long", 29'999), "10.0.0.1");
  EXPECT_EQ(known(book, "long", 30'000), "");
  book.finish("none", found("10.0.0.1"), 0, 0);
  EXPECT_EQ(known(book, "none", 999), "10.0.0.1");
  EXPECT_EQ(known(book, "none", 1'000), "");
  NameBook never(0);
  never.finish("a", found("10.0.0.1"), 60, 0);
  EXPECT_EQ(known(never, "a", 0), "");
}

TEST(NameBook, KeepsThatThereAreNoneForAShortTime) {
  NameBook book(30'000);
  book.finish("a", without(Outcome::kNoSuchName), 0, 0);
  EXPECT_EQ(known(book, "a", NameBook::kNoSuchNameMs - 1), "why");
  EXPECT_EQ(known(book, "a", NameBook::kNoSuchNameMs), "");
  book.finish("b", without(Outcome::kNoAnswer), 0, 0);
  EXPECT_EQ(known(book, "b", NameBook::kNoAnswerMs - 1), "why");
  EXPECT_EQ(known(book, "b", NameBook::kNoAnswerMs), "");
}

TEST(NameBook, WhatIsKnownOutlivesALookUpThatFails) {
  NameBook book(30'000);
  book.finish("a", found("10.0.0.1"), 10, 0);
  EXPECT_FALSE(book.is_ageing("a", 7'499));
  EXPECT_TRUE(book.is_ageing("a", 7'500));
  book.begin("a", 7'500);
  book.finish("a", without(Outcome::kNoAnswer), 0, 8'500);
  EXPECT_EQ(known(book, "a", 9'999), "10.0.0.1");
  EXPECT_EQ(known(book, "a", 10'000), "");
  book.finish("a", found("10.0.0.1"), 10, 20'000);
  book.finish("a", without(Outcome::kNoSuchName), 0, 21'000);
  EXPECT_EQ(known(book, "a", 21'000), "why");
}

TEST(NameBook, DoubtsTheResolverIfMostNamesFindNone) {
  NameBook book(30'000);
  for (const char* name : {"a", "b", "c", "d"}) book.begin(name, 0);
  book.finish("a", found("10.0.0.1"), 60, 10);
  book.finish("b", without(Outcome::kNoSuchName), 0, 10);
  EXPECT_FALSE(book.resolver_in_doubt(10)) << "half are answered";
  book.begin("e", 20);
  EXPECT_TRUE(book.resolver_in_doubt(20)) << "what is not answered yet is not answered";
  book.finish("e", without(Outcome::kNoAnswer), 0, 500);
  EXPECT_TRUE(book.resolver_in_doubt(500));
  book.begin("e", 600);
  book.finish("e", found("10.0.0.2"), 60, 610);
  EXPECT_FALSE(book.resolver_in_doubt(610));
}

TEST(NameBook, DoubtsNothingForTwoNames) {
  NameBook book(30'000);
  book.begin("a", 0);
  book.begin("b", 0);
  EXPECT_FALSE(book.resolver_in_doubt(0));
  book.begin("c", 0);
  EXPECT_TRUE(book.resolver_in_doubt(0));
}

TEST(NameBook, JudgesByWhatWasAskedLately) {
  NameBook book(30'000);
  for (const char* name : {"a", "b", "c"}) {
    book.begin(name, 0);
    book.finish(name, without(Outcome::kNoAnswer), 0, 1'000);
  }
  EXPECT_TRUE(book.resolver_in_doubt(29'999));
  book.begin("c", 20'000);
  EXPECT_TRUE(book.resolver_in_doubt(29'999));
  EXPECT_FALSE(book.resolver_in_doubt(30'000));
  EXPECT_EQ(book.size(), 1U);
  EXPECT_FALSE(book.resolver_in_doubt(50'000));
  EXPECT_EQ(book.size(), 0U);
}

TEST(NameBook, KeepsNoMoreNamesThanItMay) {
  NameBook book(30'000);
  for (size_t i = 0; i <= NameBook::kMostNames; ++i) {
    book.begin(std::to_string(i), static_cast<int64_t>(i));
    book.finish(std::to_string(i), found("10.0.0.1"), 60, static_cast<int64_t>(i));
  }
  EXPECT_EQ(book.size(), NameBook::kMostNames);
  EXPECT_EQ(known(book, "0", 10'000), "");
  EXPECT_EQ(known(book, "1", 10'000), "10.0.0.1");
  EXPECT_FALSE(book.resolver_in_doubt(10'000));
}

}  // namespace
}  // namespace callbook::probe
