#include "core/direct_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callbook::core {
namespace {

using testing::ElementsAre;

std::vector<std::string> keys_after(const DirectLine& line, uint64_t number) {
  std::vector<std::string> keys;
  const auto [first, last] = line.after(number);
  for (auto it = first; it != last; ++it) keys.push_back(it->second.key);
  return keys;
}

TEST(DirectLine, BeginsWithTheChangesThatAreOwed) {
  Outbox outbox;
  outbox.owe(Stream::kTied, "a", Outbox::Reason::kChange, 1, 0, 0);
  outbox.owe(Stream::kTied, "b", Outbox::Reason::kRepeat, 2, 0, 0);
  outbox.owe(Stream::kLasting, "a", Outbox::Reason::kChange, 3, 0, 0);
  DirectLine line;
  line.begin(outbox);
  EXPECT_TRUE(line.active());
  EXPECT_THAT(keys_after(line, 0), ElementsAre("a", "a"));
}

TEST(DirectLine, ARecordStandsWhereItWasChangedLast) {
  DirectLine line;
  line.begin(Outbox());
  line.note(Stream::kTied, "a");
  line.note(Stream::kTied, "b");
  line.note(Stream::kTied, "a");
  EXPECT_THAT(keys_after(line, 0), ElementsAre("b", "a"));
  EXPECT_THAT(keys_after(line, 2), ElementsAre("a"));
  line.drop(3);
  line.drop(3);
  EXPECT_THAT(keys_after(line, 0), ElementsAre("b"));
}

TEST(DirectLine, NumbersGrowFromOneAbsenceOfTheBusToTheNext) {
  DirectLine line;
  line.begin(Outbox());
  line.note(Stream::kTied, "a");
  line.end();
  EXPECT_EQ(line.size(), 0u);
  line.begin(Outbox());
  line.note(Stream::kTied, "a");
  EXPECT_THAT(keys_after(line, 1), ElementsAre("a"));
}

TEST(DirectLine, IsBounded) {
  DirectLine line;
  line.begin(Outbox());
  for (size_t i = 0; i < DirectLine::kMostRecords + 5; ++i) {
    line.note(Stream::kTied, std::to_string(i));
  }
  EXPECT_EQ(line.size(), DirectLine::kMostRecords);
  EXPECT_EQ(line.after(0).first->second.key, "5");
}

}  // namespace
}  // namespace callbook::core
