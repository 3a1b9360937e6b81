#include "dialects/peer/bearer_codec.h"

#include <gtest/gtest.h>

namespace callbook::peer {
namespace {

TEST(BearerCodec, BringsBackQuestionAndAnswer) {
  const auto question = decode_bearer_question(encode_bearer_question({"reg-2", UINT64_MAX}));
  ASSERT_TRUE(question.ok()) << question.error().to_string();
  EXPECT_EQ(question->name, "reg-2");
  EXPECT_EQ(question->boot, UINT64_MAX);
  const auto answer = decode_bearer_answer(encode_bearer_answer({"its own", {"one", ""}}));
  ASSERT_TRUE(answer.ok()) << answer.error().to_string();
  EXPECT_EQ(answer->own, "its own");
  EXPECT_EQ(answer->bearers, (std::vector<std::string>{"one", ""}));
}

TEST(BearerCodec, WhatALaterReleaseAddsIsIgnored) {
  EXPECT_TRUE(decode_bearer_question(encode_bearer_question({"reg-2", 1}) + "more").ok());
  EXPECT_TRUE(decode_bearer_answer(encode_bearer_answer({"a", {"b"}}) + "more").ok());
}

TEST(BearerCodec, EveryTruncationAndAnotherFormatAreRefused) {
  const std::string question = encode_bearer_question({"reg-2", 1});
  for (size_t size = 0; size < question.size(); ++size) {
    EXPECT_FALSE(decode_bearer_question(question.substr(0, size)).ok()) << size;
  }
  const std::string answer = encode_bearer_answer({"a", {"b"}});
  for (size_t size = 0; size < answer.size(); ++size) {
    EXPECT_FALSE(decode_bearer_answer(answer.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_bearer_question("\x09" + question.substr(1)).ok());
  EXPECT_FALSE(decode_bearer_answer("\x09" + answer.substr(1)).ok());
  EXPECT_FALSE(decode_bearer_question(encode_bearer_question({"", 1})).ok());
  const BearerAnswer many{"a", std::vector<std::string>(kMaxBearers + 1, "b")};
  EXPECT_FALSE(decode_bearer_answer(encode_bearer_answer(many)).ok());
}

}  // namespace
}  // namespace callbook::peer
