#include "core/outbox.h"

#include <gtest/gtest.h>

namespace callbook::core {
namespace {

using Reason = Outbox::Reason;

TEST(Outbox, OfManyChangesOneIsPublished) {
  Outbox outbox;
  EXPECT_TRUE(outbox.owe(Stream::kTied, "k", Reason::kChange, 1, 100, 5));
  EXPECT_FALSE(outbox.owe(Stream::kTied, "k", Reason::kChange, 2, 100, 6));
  ASSERT_NE(outbox.next_due(100), nullptr);
  const Outbox::Entry& entry = *outbox.next_due(100);
  outbox.sent(entry, 100);
  EXPECT_EQ(outbox.next_due(100), nullptr);
  const auto settled = outbox.acknowledged(entry);
  EXPECT_EQ(settled.version, 2u);
  EXPECT_TRUE(settled.left);
  EXPECT_EQ(outbox.size(), 0u);
}

TEST(Outbox, WhatChangesInFlightIsOwedAgain) {
  Outbox outbox;
  outbox.owe(Stream::kTied, "k", Reason::kChange, 1, 100, 5);
  const uint64_t ticket = outbox.sent(*outbox.next_due(100), 100);
  outbox.owe(Stream::kTied, "k", Reason::kChange, 7, 200, 9);
  const auto settled = outbox.acknowledged(*outbox.in_flight(ticket));
  EXPECT_EQ(settled.version, 1u);
  EXPECT_FALSE(settled.left);
  ASSERT_NE(outbox.next_due(200), nullptr);
  EXPECT_EQ(outbox.next_due(200)->version, 7u);
  EXPECT_EQ(outbox.in_flight(ticket), nullptr);
}

TEST(Outbox, FailuresComeDueAgainInTheirOrder) {
  Outbox outbox;
  outbox.owe(Stream::kTied, "a", Reason::kChange, 1, 0, 0);
  outbox.owe(Stream::kLasting, "b", Reason::kChange, 2, 0, 0);
  outbox.sent(*outbox.next_due(0), 10);
  outbox.sent(*outbox.next_due(0), 20);
  outbox.fail_older(15, 50);
  EXPECT_EQ(outbox.flying(), 1u);
  outbox.fail_all(50);
  EXPECT_EQ(outbox.next_due(49), nullptr);
  ASSERT_NE(outbox.next_due(50), nullptr);
  EXPECT_EQ(outbox.next_due(50)->key, "a");
}

TEST(Outbox, AnEqualMessageSparesACorrectionButAChangeOutranksIt) {
  Outbox outbox;
  EXPECT_FALSE(outbox.owe(Stream::kTied, "k", Reason::kRepeat, 0, 1'000, 0));
  EXPECT_TRUE(outbox.owe(Stream::kTied, "k", Reason::kChange, 4, 10, 3));
  ASSERT_NE(outbox.next_due(10), nullptr);  // the earlier time counts
  EXPECT_EQ(outbox.find(Stream::kLasting, "k"), nullptr);
  const auto settled = outbox.heard(*outbox.find(Stream::kTied, "k"));
  EXPECT_EQ(settled.reason, Reason::kChange);
  EXPECT_EQ(outbox.size(), 0u);
}

TEST(Outbox, OnlyChangesAreKeptInTheStore) {
  Outbox outbox;
  outbox.owe(Stream::kTied, "a", Reason::kRepeat, 1, 0, 0);
  outbox.owe(Stream::kTied, "b", Reason::kChange, 2, 0, 0);
  int visited = 0;
  outbox.for_each_change_after({}, [&](const std::string&, const Outbox::Entry& entry) {
    EXPECT_EQ(entry.key, "b");
    ++visited;
    return true;
  });
  EXPECT_EQ(visited, 1);
  outbox.drop_if([](const Outbox::Entry& entry) { return entry.reason == Reason::kRepeat; });
  EXPECT_EQ(outbox.size(), 1u);
}

}  // namespace
}  // namespace callbook::core
