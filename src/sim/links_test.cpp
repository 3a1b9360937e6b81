#include "sim/links.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace callbook::sim {
namespace {

class LinksTest : public testing::Test {
 protected:
  void send(int message) {
    links_.send(a_, b_, order_, [this, message] { arrived_.push_back(message); });
  }
  void send_many(int count) {
    for (int i = 0; i < count; ++i) send(i);
  }
  void send_datagrams(int count) {
    for (int i = 0; i < count; ++i) {
      links_.send_datagram(a_, b_, [this, i] { arrived_.push_back(i); });
    }
  }

  Scheduler scheduler_;
  Links links_{scheduler_, 2, Random(1)};
  const Endpoint a_ = Links::node(0);
  const Endpoint b_ = Links::node(1);
  Links::Order order_;
  std::vector<int> arrived_;
};

TEST_F(LinksTest, AConnectionKeepsItsOrderWhateverTheLinkDoes) {
  links_.trouble(Links::Kind::kPeer) = {0.3, 500, 0.3, 0.3, 0.3};
  send_many(100);
  scheduler_.run_until(100'000);
  ASSERT_EQ(arrived_.size(), 100u);
  EXPECT_TRUE(std::is_sorted(arrived_.begin(), arrived_.end()));
}

TEST_F(LinksTest, ADeadDirectionHoldsWhatIsSentUntilItIsMended) {
  send(1);
  scheduler_.run_until(10);
  links_.cut(a_, b_);
  send(2);
  send(3);
  scheduler_.run_until(5'000);
  EXPECT_EQ(arrived_, std::vector<int>{1});
  EXPECT_EQ(links_.dead_for_ms(a_, b_), 4'990);
  EXPECT_EQ(links_.dead_for_ms(b_, a_), 0);
  links_.mend(a_, b_);
  send(4);
  scheduler_.run_until(10'000);
  EXPECT_EQ(arrived_, (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(LinksTest, WhatWaitedDoesNotOvertakeWhatWasOnItsWay) {
  links_.trouble(Links::Kind::kPeer).delayed = 1;
  links_.trouble(Links::Kind::kPeer).delay_ms = 5'000;
  send_many(5);
  links_.trouble(Links::Kind::kPeer) = {};
  links_.cut(a_, b_);
  send(5);
  links_.mend(a_, b_);
  send(6);
  scheduler_.run_until(20'000);
  EXPECT_EQ(arrived_, (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
}

TEST_F(LinksTest, CutsAreCounted) {
  links_.cut(a_, b_);
  links_.cut(a_, b_);
  links_.mend(a_, b_);
  EXPECT_FALSE(links_.up(a_, b_));
  links_.mend(a_, b_);
  EXPECT_TRUE(links_.up_both_ways(a_, b_));
}

TEST_F(LinksTest, DatagramsAreLostRepeatedAndOvertakeEachOther) {
  links_.trouble(Links::Kind::kPeer) = {0, 0, 0.3, 0.3, 0.5};
  send_datagrams(300);
  scheduler_.run_until(1'000);
  EXPECT_FALSE(std::is_sorted(arrived_.begin(), arrived_.end()));
  std::vector<int> distinct = arrived_;
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  EXPECT_LT(distinct.size(), 300u);
  EXPECT_GT(arrived_.size(), distinct.size());
}

TEST_F(LinksTest, ADeadDirectionSwallowsDatagrams) {
  links_.cut(a_, b_);
  send_datagrams(10);
  links_.mend(a_, b_);
  scheduler_.run_until(10'000);
  EXPECT_TRUE(arrived_.empty());
}

TEST_F(LinksTest, ClientsAndTheBusHaveLinksOfTheirOwn) {
  links_.cut(links_.client(7), a_);
  EXPECT_FALSE(links_.up(links_.client(7), a_));
  EXPECT_TRUE(links_.up(a_, links_.client(7)));
  EXPECT_TRUE(links_.up(links_.client(7), b_));
  EXPECT_TRUE(links_.up(links_.client(6), a_));
  EXPECT_TRUE(links_.up(links_.bus(), a_));
}

}  // namespace
}  // namespace callbook::sim
