#include "dialects/peer/node_card.h"

#include <gtest/gtest.h>

namespace callbook::peer {
namespace {

NodeCard example() {
  return {"a beat", "dc1/main", "10.0.0.1:7070", "0.1.0", 7, 300, 5'000, 12, true, true};
}

TEST(NodeCard, ComesBackAsItWent) {
  const auto read = decode_card(encode_card(example()));
  ASSERT_TRUE(read.ok()) << read.error().to_string();
  EXPECT_EQ(read->beat, "a beat");
  EXPECT_EQ(read->http, "10.0.0.1:7070");
  EXPECT_EQ(read->release, "0.1.0");
  EXPECT_EQ(read->clients, 7u);
  EXPECT_EQ(read->sessions, 300u);
  EXPECT_EQ(read->instances, 5'000u);
  EXPECT_EQ(read->owed, 12u);
  EXPECT_EQ(read->cluster, "dc1/main");
  EXPECT_TRUE(read->stale);
  EXPECT_TRUE(read->leaving);
}

TEST(NodeCard, WhatALaterReleaseAddsIsIgnored) {
  EXPECT_TRUE(decode_card(encode_card(example()) + "more").ok());
}

TEST(NodeCard, EveryTruncationIsRefused) {
  const std::string whole = encode_card(example());
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(decode_card(std::string_view(whole).substr(0, length)).ok()) << length;
  }
}

TEST(NodeCard, AnotherFormatAndOverlongTextsAreRefused) {
  std::string other = encode_card(example());
  other[0] = 9;
  EXPECT_FALSE(decode_card(other).ok());
  NodeCard wordy = example();
  wordy.http.assign(600, 'a');
  EXPECT_FALSE(decode_card(encode_card(wordy)).ok());
  wordy = example();
  wordy.beat.assign(kMaxCardBytes, 'a');
  EXPECT_FALSE(decode_card(encode_card(wordy)).ok());
}

}  // namespace
}  // namespace callbook::peer
