// What bus/bus.h promises, of every bus: the simulated one, and JetStream with one server and
// three.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/bus/surroundings.h"

namespace callbook::testing {
namespace {

using bus::Position;
using bus::Stream;

constexpr Stream kTied = Stream::kTied;
constexpr Stream kLasting = Stream::kLasting;

struct Kind {
  const char* name;
  MakeSurroundings make;
};

class BusContract : public ::testing::TestWithParam<Kind> {
 protected:
  Surroundings& with(int64_t tied_age_ms = kLongAgeMs) {
    around_ = GetParam().make(tied_age_ms);
    return *around_;
  }
  /// So many nodes, connected.
  void connect(size_t nodes) {
    for (size_t i = 0; i < nodes; ++i) around_->add_node();
    await_connected(nodes);
  }
  void await_connected(size_t nodes) {
    ASSERT_TRUE(around_->wait_until("connected", [&] {
      for (size_t i = 0; i < nodes; ++i) {
        if (!around_->node(i).connected()) return false;
      }
      return true;
    }));
  }
  void await_nothing_in_flight(Node& node) {
    ASSERT_TRUE(around_->wait_until("settled", [&] { return node.in_flight() == 0; }));
  }

  std::unique_ptr<Surroundings> around_;
};

TEST_P(BusContract, WhatOnePublishesReachesAllInOrder) {
  with();
  connect(2);
  Node& a = around_->node(0);
  Node& b = around_->node(1);
  const uint64_t first = a.publish(kTied, "k", "one");
  const uint64_t second = b.publish(kLasting, "k", "lasting");
  await_nothing_in_flight(a);
  await_nothing_in_flight(b);
  EXPECT_EQ(a.settled(first), true);
  EXPECT_EQ(b.settled(second), true);
  a.publish(kTied, "k", "two");
  await_nothing_in_flight(a);
  around_->settle();
  for (Node* node : {&a, &b}) {
    ASSERT_EQ(node->records(kTied).size(), 1U);
    EXPECT_EQ(node->records(kTied).at("k"), (Node::Record{2, "two"}));
    EXPECT_EQ(node->records(kLasting).at("k"), (Node::Record{1, "lasting"}));
    EXPECT_EQ(node->resets(), 0U);
  }
  EXPECT_EQ(a.position(kTied), b.position(kTied));
  EXPECT_NE(a.position(kTied).generation, a.position(kLasting).generation);
}

TEST_P(BusContract, KeysAndValuesAreAnyBytes) {
  with();
  connect(2);
  Node& a = around_->node(0);
  std::vector<std::pair<std::string, std::string>> all;
  for (int byte = 0; byte < 256; ++byte) {
    all.emplace_back(std::string("i") + static_cast<char>(byte),
                     std::string(1, static_cast<char>(byte)));
  }
  all.emplace_back(". * > $JS.ACK. \r\n", "\r\nPUB x 1\r\n");
  all.emplace_back(std::string(bus::kMaxKeyBytes, '\xff'), std::string(100'000, '\0'));
  all.emplace_back("empty", "");
  a.publish_many(kLasting, all);
  await_nothing_in_flight(a);
  around_->settle();
  EXPECT_EQ(a.acknowledged(), all.size());
  const auto& records = around_->node(1).records(kLasting);
  ASSERT_EQ(records.size(), all.size());
  for (const auto& [key, value] : all) EXPECT_EQ(records.at(key).value, value);
}

TEST_P(BusContract, WhatCannotBePublishedFailsAndHindersNothing) {
  with();
  connect(1);
  Node& node = around_->node(0);
  const uint64_t none = node.publish(kTied, "", "v");
  const uint64_t too_long = node.publish(kTied, std::string(bus::kMaxKeyBytes + 1, 'k'), "v");
  const uint64_t good = node.publish(kTied, "k", "v");
  await_nothing_in_flight(node);
  EXPECT_EQ(node.settled(none), false);
  EXPECT_EQ(node.settled(too_long), false);
  EXPECT_EQ(node.settled(good), true);
}

TEST_P(BusContract, ALateNodeReplaysTheLastOfEveryKey) {
  with();
  connect(1);
  Node& writer = around_->node(0);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::pair<std::string, std::string>> all;
    for (int key = 0; key < 700; ++key) {
      all.emplace_back("k" + std::to_string(key), std::to_string(round * 1'000 + key));
    }
    writer.publish_many(kLasting, all);
    await_nothing_in_flight(writer);
  }
  around_->settle();
  EXPECT_EQ(writer.acknowledged(), 3'500U);
  connect(1);
  around_->settle();
  const Node& late = around_->node(1);
  EXPECT_EQ(late.records(kLasting), writer.records(kLasting));
  EXPECT_EQ(late.position(kLasting), writer.position(kLasting));
  EXPECT_GE(late.messages(), 700U);
}

TEST_P(BusContract, AReplayFromAPositionBringsAllThatIsAboveIt) {
  with();
  connect(1);
  Node& writer = around_->node(0);
  std::vector<std::pair<std::string, std::string>> all;
  for (int key = 0; key < 100; ++key) all.emplace_back("old" + std::to_string(key), "1");
  writer.publish_many(kTied, all);
  await_nothing_in_flight(writer);
  around_->settle();
  const Position middle = writer.position(kTied);
  EXPECT_EQ(middle.version, 100U);
  writer.publish(kTied, "old7", "2");
  writer.publish(kTied, "new", "3");
  await_nothing_in_flight(writer);
  around_->settle();

  Node& joining = around_->add_node();
  joining.begin_at(kTied, middle);
  around_->settle();
  EXPECT_EQ(joining.records(kTied), (Node::Records{{"old7", {101, "2"}}, {"new", {102, "3"}}}));
  writer.publish(kTied, "new", "4");
  await_nothing_in_flight(writer);
  around_->settle();
  EXPECT_EQ(joining.records(kTied).at("new"), (Node::Record{103, "4"}));
  EXPECT_EQ(joining.resets(), 0U);
}

TEST_P(BusContract, WhatIsAskedOfAnotherStreamIsAnsweredByHeads) {
  with();
  connect(1);
  Node& node = around_->node(0);
  node.publish(kTied, "k", "v");
  await_nothing_in_flight(node);
  around_->settle();
  const uint64_t before = node.times_heads();
  node.fetch(kTied, {node.position(kTied).generation + 1, 0});
  node.fetch(kTied, {node.position(kTied).generation, 1'000'000});
  around_->wait_until("heads", [&] { return node.times_heads() > before; });
  EXPECT_EQ(node.head(kTied).version, 1U);
  EXPECT_EQ(node.messages(), 1U);
}

TEST_P(BusContract, ManyPublishersSettleEachOnce) {
  with();
  connect(3);
  constexpr int kEach = 6'000;
  for (int i = 0; i < kEach; i += 1'000) {
    for (size_t n = 0; n < 3; ++n) {
      std::vector<std::pair<std::string, std::string>> all;
      for (int j = i; j < i + 1'000; ++j) {
        const int key = (j * 3 + static_cast<int>(n)) % 2'000;
        all.emplace_back("k" + std::to_string(key), std::to_string(j));
      }
      around_->node(n).publish_many(kTied, all);
    }
    for (size_t n = 0; n < 3; ++n) {
      await_nothing_in_flight(around_->node(n));
    }
  }
  around_->settle();
  for (size_t n = 0; n < 3; ++n) {
    EXPECT_EQ(around_->node(n).acknowledged(), static_cast<size_t>(kEach));
    EXPECT_EQ(around_->node(n).records(kTied), around_->node(0).records(kTied));
    EXPECT_EQ(around_->node(n).position(kTied).version, 3U * kEach);
    EXPECT_EQ(around_->node(n).resets(), 0U);
  }
  EXPECT_EQ(around_->node(0).records(kTied).size(), 2'000U);
}

TEST_P(BusContract, BeyondTheBoundPublicationsFailAtOnce) {
  with();
  connect(1);
  Node& node = around_->node(0);
  std::vector<std::pair<std::string, std::string>> all;
  const size_t most = around_->max_publications();
  for (size_t i = 0; i < most + 10; ++i) all.emplace_back("k" + std::to_string(i), "v");
  node.publish_many(kTied, all);
  node.pump();
  EXPECT_GE(node.failed(), 1U);
  EXPECT_LE(node.failed(), 10U);
  await_nothing_in_flight(node);
  EXPECT_EQ(node.acknowledged() + node.failed(), all.size());
}

TEST_P(BusContract, BeatsReachTheOthersAndNotTheirSender) {
  with();
  connect(3);
  // Others may be subscribing still: a beat is repeated, as nodes do.
  around_->wait_until("beats", [&] {
    around_->node(0).broadcast(std::string("\0beat", 5));
    return !around_->node(1).beats().empty() && !around_->node(2).beats().empty();
  });
  EXPECT_EQ(around_->node(1).beats().front(), std::string("\0beat", 5));
  around_->settle();
  EXPECT_TRUE(around_->node(0).beats().empty());
  EXPECT_EQ(around_->node(0).messages() + around_->node(1).messages(), 0U);
}

TEST_P(BusContract, WhatHasAgedIsGoneAndItsVersionsArePassed) {
  constexpr int64_t kAgeMs = 3'000;
  with(kAgeMs);
  connect(1);
  Node& writer = around_->node(0);
  writer.publish_many(kTied, {{"a", "1"}, {"b", "2"}});
  writer.publish(kLasting, "c", "3");
  await_nothing_in_flight(writer);
  around_->settle();
  // A node that begins at the beginning finds nothing there some time later, and yet the end.
  size_t nodes = 1;
  around_->wait_until("aged", [&] {
    Node& late = around_->add_node();
    ++nodes;
    around_->settle();
    EXPECT_EQ(late.position(kTied).version, 2U);
    EXPECT_EQ(late.records(kLasting).size(), 1U);
    return late.records(kTied).empty() || nodes > 7;
  });
  EXPECT_TRUE(around_->node(nodes - 1).records(kTied).empty());
}

TEST_P(BusContract, AStreamMadeAnewIsAnotherGeneration) {
  with();
  connect(2);
  Node& a = around_->node(0);
  Node& b = around_->node(1);
  a.publish_many(kTied, {{"a", "1"}, {"b", "2"}, {"c", "3"}});
  await_nothing_in_flight(a);
  around_->settle();
  const Position before = a.position(kTied);
  const Position lasting = a.position(kLasting);
  around_->recreate(kTied);
  ASSERT_TRUE(around_->wait_until("noticed", [&] { return a.resets() == 1 && b.resets() == 1; }));
  EXPECT_NE(a.position(kTied).generation, before.generation);
  b.publish(kTied, "d", "4");
  await_nothing_in_flight(b);
  around_->settle();
  for (Node* node : {&a, &b}) {
    EXPECT_EQ(node->records(kTied).at("d"), (Node::Record{1, "4"}));
    EXPECT_EQ(node->records(kTied).size(), 4U) << "what was known is not forgotten";
    EXPECT_EQ(node->position(kLasting), lasting);
    EXPECT_EQ(node->resets(), 1U);
  }
  EXPECT_EQ(a.position(kTied), b.position(kTied));
}

TEST_P(BusContract, TheBusGoesAndComesBackWithWhatItAcknowledged) {
  with();
  connect(2);
  Node& a = around_->node(0);
  Node& b = around_->node(1);
  std::vector<std::pair<std::string, std::string>> all;
  for (int i = 0; i < 3'000; ++i)
    all.emplace_back("k" + std::to_string(i % 500), std::to_string(i));
  a.publish_many(kLasting, all);
  around_->wait_until("some are acknowledged", [&] { return a.acknowledged() > 100; });
  around_->take_away();
  ASSERT_TRUE(around_->wait_until("noticed", [&] { return !a.connected() && !b.connected(); }));
  EXPECT_EQ(a.in_flight(), 0U);
  const uint64_t in_vain = a.publish(kLasting, "away", "1");
  a.pump();
  EXPECT_EQ(a.settled(in_vain), false) << "nothing waits for the bus to come back";
  around_->bring_back();
  await_connected(2);
  const uint64_t again = b.publish(kLasting, "back", "1");
  await_nothing_in_flight(b);
  EXPECT_EQ(b.settled(again), true);
  around_->settle();
  const Node& late = around_->add_node();
  around_->settle();
  std::map<std::string, uint64_t> kept = a.acknowledged_numbers();
  kept["back"] = 1;
  const bool agree = around_->wait_until("all nodes hold the same, and what was acknowledged", [&] {
    for (const auto& [key, number] : kept) {
      const auto found = late.records(kLasting).find(key);
      if (found == late.records(kLasting).end() || std::stoull(found->second.value) < number) {
        return false;
      }
      for (const Node* other : {&a, &b}) {
        const auto its = other->records(kLasting).find(key);
        if (its == other->records(kLasting).end() || its->second != found->second) return false;
      }
    }
    return true;
  });
  for (const Node* node : std::initializer_list<const Node*>{&a, &b, &late}) {
    if (agree) break;
    const auto& records = node->records(kLasting);
    ADD_FAILURE() << "at " << node->position(kLasting).version << " of "
                  << node->head(kLasting).version << ", " << records.size() << " records, "
                  << (records.contains("back") ? "" : "not ") << "the last one";
  }
  EXPECT_EQ(a.resets() + b.resets(), 0U) << "the same stream as before";
}

TEST_P(BusContract, NothingComesAfterStop) {
  with();
  connect(2);
  Node& a = around_->node(0);
  a.publish(kTied, "k", "v");
  a.stop();
  const uint64_t heads = a.times_heads();
  around_->node(1).publish(kTied, "k", "w");
  await_nothing_in_flight(around_->node(1));
  a.pump();
  EXPECT_EQ(a.times_heads(), heads);
  EXPECT_EQ(a.messages(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Each, BusContract,
                         ::testing::Values(Kind{"Simulated", &make_simulated},
                                           Kind{"OneServer", &make_one_server},
                                           Kind{"ThreeServers", &make_three_servers}),
                         [](const auto& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace callbook::testing
