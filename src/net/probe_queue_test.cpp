#include "net/probe_queue.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace callbook::net {
namespace {

/// A queue whose probes are told apart by port; "a" to "z" are addresses.
class Queue {
 public:
  explicit Queue(size_t max_per_address) : queue_(max_per_address) {}

  void push(char address, uint16_t port) {
    const std::string text = "10.0.0." + std::to_string(address);
    queue_.push(*ProbeAddress::parse(text), {{text, port, 0, {}}, {}});
  }
  /// The ports of all that may start now.
  std::vector<int> take_all() {
    std::vector<int> ports;
    while (auto taken = queue_.take()) {
      ports.push_back(taken->wanted.target.port);
      under_way_.emplace(taken->wanted.target.port, std::move(*taken));
    }
    return ports;
  }
  void release(int port) {
    queue_.release(under_way_.at(port));
    under_way_.erase(port);
  }
  const ProbeQueue& queue() const { return queue_; }

 private:
  ProbeQueue queue_;
  std::map<int, ProbeQueue::Taken> under_way_;
};

using Ports = std::vector<int>;

TEST(ProbeQueue, AddressesTakeTurns) {
  Queue queue(10);
  for (const uint16_t port : {1, 2, 3}) queue.push('a', port);
  for (const uint16_t port : {11, 12}) queue.push('b', port);
  queue.push('c', 21);
  EXPECT_EQ(queue.take_all(), (Ports{1, 11, 21, 2, 12, 3}));
  EXPECT_EQ(queue.queue().waiting(), 0U);
  EXPECT_EQ(queue.queue().under_way(), 6U);
}

TEST(ProbeQueue, AnAddressWithoutRoomHoldsUpNobodyElse) {
  Queue queue(2);
  for (const uint16_t port : {1, 2, 3, 4, 5}) queue.push('a', port);
  EXPECT_EQ(queue.take_all(), (Ports{1, 2}));
  queue.push('b', 11);
  EXPECT_EQ(queue.take_all(), (Ports{11}));
  EXPECT_EQ(queue.queue().waiting(), 3U);
  queue.release(2);
  queue.push('b', 12);
  EXPECT_EQ(queue.take_all(), (Ports{3, 12}));
  queue.release(11);
  EXPECT_EQ(queue.take_all(), Ports{});
}

TEST(ProbeQueue, AnAddressHasOneTurnAtATime) {
  Queue queue(2);
  for (const uint16_t port : {1, 2, 3, 4, 5, 6}) queue.push('a', port);
  EXPECT_EQ(queue.take_all(), (Ports{1, 2}));
  queue.release(1);
  queue.release(2);
  for (const uint16_t port : {11, 12, 13}) queue.push('b', port);
  EXPECT_EQ(queue.take_all(), (Ports{3, 11, 4, 12}));
}

TEST(ProbeQueue, AnAddressThatWasLeftIsANewOne) {
  Queue queue(1);
  for (int i = 0; i < 3; ++i) {
    queue.push('a', 1);
    EXPECT_EQ(queue.take_all(), Ports{1});
    queue.push('a', 2);
    EXPECT_EQ(queue.take_all(), Ports{});
    queue.release(1);
    EXPECT_EQ(queue.take_all(), Ports{2});
    queue.release(2);
    EXPECT_EQ(queue.queue().waiting(), 0U);
    EXPECT_EQ(queue.queue().under_way(), 0U);
  }
}

}  // namespace
}  // namespace callbook::net
