#include "net/probe_queue.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace callbook::net {
namespace {

/// A queue whose probes are told apart by port; "a" to "z" are addresses.
class Queue {
 public:
  explicit Queue(size_t max_per_address) : queue_(max_per_address, 4 * max_per_address) {}

  void push(char address, uint16_t port, bool udp = false) {
    const std::string text = "10.0.0." + std::to_string(address);
    ProbeTarget target{text, port, 0};
    target.udp = udp;
    queue_.push(*ProbeAddress::parse(text), {std::move(target), {}});
  }
  void push_all(char address, std::initializer_list<uint16_t> ports) {
    for (const uint16_t port : ports) push(address, port);
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
  /// Its connection was made, or refused.
  void hear(int port) {
    queue_.heard(under_way_.at(port));
    release(port);
  }
  /// It ran out of time.
  void miss(int port) {
    queue_.silent(under_way_.at(port));
    release(port);
  }
  /// The ports of those that are concluded as silent.
  std::vector<int> conclude() {
    std::vector<int> ports;
    for (const auto& wanted : queue_.take_concluded()) ports.push_back(wanted.target.port);
    return ports;
  }
  bool waited_on_silence(int port) const { return under_way_.at(port).waited_on_silence; }
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

TEST(ProbeQueue, WhatWaitsAtASilentHostIsConcluded) {
  Queue queue(3);
  queue.push_all('a', {1, 2, 3, 4, 5, 6});
  queue.push('b', 11);
  EXPECT_EQ(queue.take_all(), (Ports{1, 11, 2, 3}));
  queue.miss(1);
  queue.miss(2);
  EXPECT_EQ(queue.conclude(), Ports{}) << "two ports are not a host";
  queue.miss(3);
  EXPECT_EQ(queue.conclude(), (Ports{4, 5, 6}));
  EXPECT_EQ(queue.queue().waiting(), 0U);
  EXPECT_EQ(queue.take_all(), Ports{});
}

TEST(ProbeQueue, APortThatIsSilentSpeaksForItself) {
  Queue queue(1);
  queue.push_all('a', {1, 2});
  queue.push('a', 1);
  EXPECT_EQ(queue.take_all(), Ports{1});
  queue.miss(1);
  EXPECT_EQ(queue.conclude(), Ports{1});
  EXPECT_EQ(queue.take_all(), Ports{2});
}

TEST(ProbeQueue, AHostThatWasHeardSinceIsAskedEverything) {
  Queue queue(3);
  queue.push_all('a', {1, 2, 3, 4, 5});
  EXPECT_EQ(queue.take_all(), (Ports{1, 2, 3}));
  queue.hear(1);
  queue.miss(2);
  queue.miss(3);
  EXPECT_EQ(queue.conclude(), Ports{});
  EXPECT_EQ(queue.take_all(), (Ports{4, 5}));
  queue.miss(4);
  queue.miss(5);
  queue.push_all('a', {6, 7, 8, 9});
  EXPECT_EQ(queue.take_all(), (Ports{6, 7, 8}));
  EXPECT_EQ(queue.conclude(), Ports{}) << "was pushed after those were silent";
}

TEST(ProbeQueue, SilenceFromBeforeAProbeWasPushedSaysNothingOfIt) {
  Queue queue(4);
  queue.push_all('a', {1, 2, 3, 4});
  EXPECT_EQ(queue.take_all(), (Ports{1, 2, 3, 4}));
  for (const int port : {1, 2, 3}) queue.miss(port);
  queue.push_all('a', {5, 6, 7, 8});
  EXPECT_EQ(queue.take_all(), (Ports{5, 6, 7}));
  EXPECT_EQ(queue.conclude(), Ports{});
  queue.miss(5);
  queue.miss(6);
  EXPECT_EQ(queue.conclude(), Ports{});
  queue.miss(7);
  EXPECT_EQ(queue.conclude(), Ports{8});
}

TEST(ProbeQueue, ASilentHostHasMoreRoomUntilItIsHeard) {
  Queue queue(3);
  queue.push_all('a', {1, 2, 3, 4});
  EXPECT_EQ(queue.take_all(), (Ports{1, 2, 3}));
  for (const int port : {1, 2, 3}) queue.miss(port);
  EXPECT_EQ(queue.conclude(), Ports{4});
  queue.push_all('a', {1, 2, 3, 4, 5});
  EXPECT_EQ(queue.take_all(), (Ports{1, 2, 3, 4, 5}));
  queue.hear(1);
  queue.push_all('a', {6, 7});
  EXPECT_EQ(queue.take_all(), Ports{}) << "four are under way";
  queue.release(2);
  EXPECT_EQ(queue.take_all(), Ports{});
  queue.release(3);
  EXPECT_EQ(queue.take_all(), Ports{6});
}

TEST(ProbeQueue, ADatagramIsNeverConcludedUnsent) {
  Queue queue(3);
  queue.push_all('a', {1, 2, 3});
  queue.push('a', 4, true);
  EXPECT_EQ(queue.take_all(), (Ports{1, 2, 3}));
  for (const int port : {1, 2, 3}) queue.miss(port);
  EXPECT_EQ(queue.conclude(), Ports{});
  EXPECT_EQ(queue.take_all(), Ports{4});
}

TEST(ProbeQueue, WhatIsTakenAfterASilenceSaysSo) {
  Queue queue(2);
  queue.push_all('a', {1, 2, 3, 4, 5});
  EXPECT_EQ(queue.take_all(), (Ports{1, 2}));
  EXPECT_FALSE(queue.waited_on_silence(1));
  queue.miss(1);
  EXPECT_EQ(queue.take_all(), Ports{3});
  EXPECT_TRUE(queue.waited_on_silence(3));
  queue.hear(2);
  EXPECT_EQ(queue.take_all(), Ports{4});
  EXPECT_FALSE(queue.waited_on_silence(4));
}

}  // namespace
}  // namespace callbook::net
