// How long three servers are of no use after the stream's leader has died, with the options of
// production. The figures go to the log; the bounds are twice what is aimed at, because a build
// may run beside it.

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/bus/nats_surroundings.h"

namespace callbook::testing {
namespace {

using bus::Stream;

constexpr size_t kNodes = 3;
constexpr int64_t kProbeMs = 100;
constexpr int64_t kAcknowledgedWithinMs = 30'000;
constexpr int64_t kDeliveredWithinMs = 40'000;

/// Publishes in both streams, ten times a second on every node, and notes when that is of use
/// again.
class Probes {
 public:
  Probes(NatsSurroundings& around, int round) : around_(around), round_(round) {
    for (auto& times : acknowledged_ms_) times.fill(-1);
    for (auto& times : delivered_ms_) times.fill(-1);
  }

  /// Returns whether everything is back at every node.
  bool step() {
    if (around_.now_ms() >= next_ms_) publish();
    bool all = true;
    for (const Stream stream : {Stream::kTied, Stream::kLasting}) {
      for (size_t n = 0; n < kNodes; ++n) all = look(stream, n) && all;
    }
    return all;
  }

  std::array<int64_t, kNodes>& acknowledged_ms(Stream stream) {
    return acknowledged_ms_[bus::index_of(stream)];
  }
  std::array<int64_t, kNodes>& delivered_ms(Stream stream) {
    return delivered_ms_[bus::index_of(stream)];
  }

 private:
  struct Sent {
    Stream stream;
    size_t node;
    uint64_t ticket;
  };

  void publish() {
    next_ms_ = around_.now_ms() + kProbeMs;
    for (size_t n = 0; n < kNodes; ++n) {
      if (!around_.node(n).connected()) continue;
      for (const Stream stream : {Stream::kTied, Stream::kLasting}) {
        const std::string key = key_of(n) + std::to_string(++number_);
        sent_.push_back({stream, n, around_.node(n).publish(stream, key, "1")});
      }
    }
  }

  bool look(Stream stream, size_t n) {
    Node& node = around_.node(n);
    const int64_t passed_ms = around_.now_ms() - begin_ms_;
    int64_t& acknowledged = acknowledged_ms(stream)[n];
    const bool answered = std::any_of(sent_.begin(), sent_.end(), [&](const Sent& one) {
      return one.stream == stream && one.node == n && node.settled(one.ticket) == true;
    });
    if (acknowledged < 0 && answered) acknowledged = passed_ms;
    // Of every node: what one has published itself says nothing of its way to the others.
    int64_t& delivered = delivered_ms(stream)[n];
    bool all = true;
    for (size_t from = 0; from < kNodes; ++from) {
      const auto found = node.records(stream).lower_bound(key_of(from));
      all = all && found != node.records(stream).end() && found->first.starts_with(key_of(from));
    }
    if (delivered < 0 && all) delivered = passed_ms;
    return acknowledged >= 0 && delivered >= 0;
  }

  std::string key_of(size_t node) const {
    return "r" + std::to_string(round_) + " n" + std::to_string(node) + " ";
  }

  NatsSurroundings& around_;
  const int round_;
  const int64_t begin_ms_ = around_.now_ms();
  int64_t next_ms_ = 0;
  uint64_t number_ = 0;
  std::vector<Sent> sent_;
  std::array<std::array<int64_t, kNodes>, bus::kStreamCount> acknowledged_ms_{};
  std::array<std::array<int64_t, kNodes>, bus::kStreamCount> delivered_ms_{};
};

TEST(NatsRecovery, ThreeServersGoOnSoonAfterALeadersDeath) {
  NatsSurroundings around(3, kLongAgeMs);
  bus::nats::Options options;
  options.servers = around.options().servers;
  around.options() = options;
  for (size_t n = 0; n < kNodes; ++n) around.add_node();
  around.settle();
  for (int round = 0; round < 3; ++round) {
    std::string leader;
    ASSERT_TRUE(around.wait_until("all replicas are current", [&] {
      leader = around.an_operator().leader_of_current(around.stream_name(Stream::kLasting));
      const std::string& tied = around.stream_name(Stream::kTied);
      return !leader.empty() && !around.an_operator().leader_of_current(tied).empty();
    }));
    around.settle();
    const bool both = around.an_operator().leader(around.stream_name(Stream::kTied)) == leader;
    NatsServer& victim = around.server_named(leader);
    std::fprintf(stderr, "  [recovery] %ld: %s, the leader, is killed\n", around.now_ms(),
                 leader.c_str());
    victim.kill9();
    Probes probes(around, round);
    EXPECT_TRUE(around.wait_until("everything is back", [&] { return probes.step(); }));
    for (const Stream stream : {Stream::kTied, Stream::kLasting}) {
      const auto& acks = probes.acknowledged_ms(stream);
      const auto& brought = probes.delivered_ms(stream);
      std::fprintf(stderr, "  [recovery] %s%s acknowledged %ld %ld %ld delivered %ld %ld %ld\n",
                   std::string(bus::name_of(stream)).c_str(),
                   stream == Stream::kLasting || both ? "" : " (leader lives)", acks[0], acks[1],
                   acks[2], brought[0], brought[1], brought[2]);
      EXPECT_LT(*std::max_element(acks.begin(), acks.end()), kAcknowledgedWithinMs);
      EXPECT_LT(*std::max_element(brought.begin(), brought.end()), kDeliveredWithinMs);
    }
    victim.start();
  }
  for (size_t n = 0; n < kNodes; ++n) {
    EXPECT_EQ(around.node(n).resets(), 0U) << "whoever leads, it is the same stream";
  }
}

}  // namespace
}  // namespace callbook::testing
