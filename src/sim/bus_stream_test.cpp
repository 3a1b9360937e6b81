#include "sim/bus_stream.h"

#include <gtest/gtest.h>

namespace callbook::sim {
namespace {

constexpr size_t kMany = 1'000;

std::string text_of(const BusBatch& batch) {
  std::string text = std::to_string(batch.after) + ".." + std::to_string(batch.through) + ":";
  for (const core::BusMessage& message : batch.messages) {
    text += " " + std::to_string(message.version) + std::string(message.key) + "=" +
            std::string(message.value);
  }
  return text;
}

class BusStreamTest : public testing::Test {
 protected:
  void append(const std::string& key, const std::string& value, int64_t now_ms = 0) {
    stream_.append(key, value, now_ms);
  }
  std::string read(uint64_t after, size_t most = kMany) {
    return text_of(*stream_.read(after, most));
  }

  BusStream stream_{core::Stream::kTied, 7};
};

TEST_F(BusStreamTest, ReadsWhatIsAboveAVersion) {
  append("a", "1");
  append("b", "2");
  append("a", "3");
  EXPECT_EQ(read(0), "0..3: 1a=1 2b=2 3a=3");
  EXPECT_EQ(read(2), "2..3: 3a=3");
  EXPECT_EQ(read(3), "3..3:");
  EXPECT_EQ(stream_.head(), (core::StreamPosition{7, 3}));
}

TEST_F(BusStreamTest, ReadsInParts) {
  append("a", "1");
  append("b", "2");
  append("c", "3");
  EXPECT_EQ(read(0, 2), "0..2: 1a=1 2b=2");
  EXPECT_EQ(read(2, 2), "2..3: 3c=3");
}

TEST_F(BusStreamTest, CompactionKeepsTheLastOfEveryKey) {
  append("a", "1");
  append("b", "2");
  append("a", "");
  stream_.compact();
  EXPECT_EQ(read(0), "0..3: 2b=2 3a=");
  EXPECT_EQ(read(1), "1..3: 2b=2 3a=");
}

TEST_F(BusStreamTest, WhatHasAgedIsGoneAndItsVersionsStayPassed) {
  append("a", "1", 10);
  append("b", "2", 20);
  stream_.drop_older_than(20);
  EXPECT_EQ(read(0), "0..2: 2b=2");
  stream_.drop_older_than(21);
  EXPECT_EQ(read(0), "0..2:");
  append("c", "3", 30);
  EXPECT_EQ(read(2), "2..3: 3c=3");
}

TEST_F(BusStreamTest, ALostTailGivesItsVersionsToOthers) {
  append("a", "1");
  append("b", "2");
  append("c", "3");
  stream_.lose_tail(2);
  EXPECT_EQ(stream_.head().version, 1u);
  append("d", "4");
  EXPECT_EQ(read(0), "0..2: 1a=1 2d=4");
  stream_.lose_tail(100);
  EXPECT_EQ(read(0), "0..0:");
}

TEST_F(BusStreamTest, ACopyIsAForkOfItsOwn) {
  append("a", "1");
  BusStream fork = stream_;
  append("b", "2");
  fork.append("c", "3", 0);
  EXPECT_EQ(read(1), "1..2: 2b=2");
  EXPECT_EQ(text_of(*fork.read(1, kMany)), "1..2: 2c=3");
}

}  // namespace
}  // namespace callbook::sim
