#include "node/probing.h"

#include <gtest/gtest.h>

namespace callbook::node {
namespace {

using Outcome = Probing::Outcome;

TEST(Probing, AnAnswerToEitherIsAnAnswer) {
  for (const Outcome other : {Outcome::kRefused, Outcome::kSilent, Outcome::kUntested}) {
    EXPECT_EQ(Probing::both(Outcome::kAnswered, other), Outcome::kAnswered);
    EXPECT_EQ(Probing::both(other, Outcome::kAnswered), Outcome::kAnswered);
  }
}

TEST(Probing, RefusedIsWhoRefusedAllThatAsked) {
  EXPECT_EQ(Probing::both(Outcome::kRefused, Outcome::kRefused), Outcome::kRefused);
  EXPECT_EQ(Probing::both(Outcome::kRefused, Outcome::kUntested), Outcome::kRefused);
  EXPECT_EQ(Probing::both(Outcome::kUntested, Outcome::kRefused), Outcome::kRefused);
  EXPECT_EQ(Probing::both(Outcome::kRefused, Outcome::kSilent), Outcome::kSilent);
  EXPECT_EQ(Probing::both(Outcome::kSilent, Outcome::kRefused), Outcome::kSilent);
}

TEST(Probing, WhatNobodyCouldAskIsUntested) {
  EXPECT_EQ(Probing::both(Outcome::kUntested, Outcome::kUntested), Outcome::kUntested);
  EXPECT_EQ(Probing::both(Outcome::kSilent, Outcome::kUntested), Outcome::kSilent);
}

}  // namespace
}  // namespace callbook::node
