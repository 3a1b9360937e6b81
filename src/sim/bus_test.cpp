#include "sim/bus.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace callbook::sim {
namespace {

constexpr core::Stream kTied = core::Stream::kTied;

Settings two_nodes() {
  Settings settings;
  settings.nodes = 2;
  settings.timing.record_age_ms = 60'000;
  return settings;
}

/// A node's end that writes down what it is told.
class Node final : public BusListener {
 public:
  Node(Bus& bus, size_t index) : bus_(bus), index_(index), connection_(bus.next_connection()) {
    bus.set_listener(index, this);
    bus.connect(index, connection_, order_);
  }
  void publish(uint64_t ticket, std::string key, std::string value) {
    bus_.publish(index_, connection_, order_, {{kTied, ticket, std::move(key), std::move(value)}});
  }
  void fetch(uint64_t generation, uint64_t after) {
    bus_.fetch(index_, connection_, order_, {kTied, generation, after});
  }
  void ask_heads() { bus_.ask_heads(index_, connection_, order_); }
  std::string take() { return std::exchange(told_, {}); }

  void on_connected(uint64_t) override { told_ += "connected "; }
  void on_heads(uint64_t, const core::BusPositions& heads) override {
    told_ += "head:" + std::to_string(heads[0].version) + " ";
  }
  void on_batch(uint64_t, BusBatchPtr batch) override {
    told_ += "batch:" + std::to_string(batch->after) + "-" + std::to_string(batch->through);
    for (const auto& message : batch->messages) told_ += "," + std::string(message.value);
    told_ += " ";
  }
  void on_settled(uint64_t, uint64_t ticket, bool acknowledged) override {
    told_ += (acknowledged ? "ack:" : "nack:") + std::to_string(ticket) + " ";
  }
  void on_beat(uint64_t, std::shared_ptr<const std::string> bytes) override {
    told_ += "beat:" + *bytes + " ";
  }
  void on_broken(uint64_t) override { told_ += "broken "; }

 private:
  Bus& bus_;
  const size_t index_;
  const uint64_t connection_;
  Links::Order order_;
  std::string told_;
};

class BusTest : public testing::Test {
 protected:
  BusTest() {
    wait();
    a_.take();
    b_.take();
  }
  /// Long enough for everything on its way, short of anybody's patience.
  void wait() { scheduler_.run_until(scheduler_.now_ms() + 100); }

  Settings settings_ = two_nodes();
  Scheduler scheduler_;
  Links links_{scheduler_, 2, Random(1)};
  Bus bus_{scheduler_, links_, settings_, Random(2)};
  Node a_{bus_, 0};
  Node b_{bus_, 1};
};

TEST_F(BusTest, AcknowledgesAndPushesToAll) {
  a_.publish(11, "k", "one");
  wait();
  EXPECT_EQ(a_.take(), "ack:11 batch:0-1,one ");
  EXPECT_EQ(b_.take(), "batch:0-1,one ");
  b_.publish(12, "k", "two");
  wait();
  EXPECT_EQ(a_.take(), "batch:1-2,two ");
}

TEST_F(BusTest, AnswersFetchesFromWhatItHolds) {
  a_.publish(1, "k", "one");
  a_.publish(2, "l", "two");
  wait();
  b_.take();
  b_.fetch(1, 1);
  wait();
  EXPECT_EQ(b_.take(), "batch:1-2,two ");
  b_.fetch(99, 1);  // of another generation: told what there is
  wait();
  EXPECT_EQ(b_.take(), "head:2 ");
}

TEST_F(BusTest, AStallDelaysEverything) {
  bus_.stall();
  a_.publish(1, "k", "one");
  wait();
  b_.ask_heads();
  wait();
  EXPECT_EQ(a_.take() + b_.take(), "");
  bus_.unstall();
  wait();
  EXPECT_EQ(a_.take(), "ack:1 batch:0-1,one ");
  EXPECT_EQ(b_.take(), "head:1 batch:0-1,one ");
}

TEST_F(BusTest, AForkKeepsItsNodesApartAndIsThrownAway) {
  bus_.fork({1});
  a_.publish(1, "k", "main");
  b_.publish(2, "k", "astray");
  wait();
  EXPECT_EQ(a_.take(), "ack:1 batch:0-1,main ");
  EXPECT_EQ(b_.take(), "ack:2 batch:0-1,astray ");
  bus_.join();
  b_.fetch(1, 0);
  wait();
  EXPECT_EQ(b_.take(), "batch:0-1,main ");
}

TEST_F(BusTest, ARecreatedStreamIsEmptyAndAnother) {
  a_.publish(1, "k", "one");
  wait();
  bus_.recreate(kTied);
  b_.take();
  b_.ask_heads();
  wait();
  EXPECT_EQ(b_.take(), "head:0 ");
  a_.publish(2, "k", "two");
  wait();
  EXPECT_EQ(b_.take(), "batch:0-1,two ");
}

TEST_F(BusTest, DroppedPublicationsAreNotAcknowledged) {
  bus_.set_dropping(1);
  for (uint64_t ticket = 1; ticket <= 20; ++ticket) a_.publish(ticket, "k", "v");
  wait();
  bus_.set_dropping(0);
  a_.ask_heads();
  wait();
  const std::string told = a_.take();
  EXPECT_EQ(told.find(" ack:"), std::string::npos);
  EXPECT_NE(told.find("head:0 "), std::string::npos);
}

TEST_F(BusTest, MessagesOfTiedRecordsAge) {
  a_.publish(1, "k", "one");
  wait();
  b_.take();
  scheduler_.run_until(settings_.timing.record_age_ms + 2'000);
  b_.take();
  Node again(bus_, 1);  // the silent connection is forgotten
  again.fetch(1, 0);
  wait();
  EXPECT_EQ(again.take(), "connected head:1 batch:0-1 ");
}

TEST_F(BusTest, BrokenConnectionsAreReset) {
  bus_.break_connections();
  wait();
  EXPECT_EQ(a_.take(), "broken ");
  a_.ask_heads();
  wait();
  EXPECT_EQ(a_.take(), "");
}

}  // namespace
}  // namespace callbook::sim
