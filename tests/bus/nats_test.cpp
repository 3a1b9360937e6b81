// What only real servers do: die by SIGKILL one by one, freeze, refuse who may not connect, hold
// streams that somebody else has made.

#include <cstdio>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/log.h"
#include "bus/nats/nats_bus.h"
#include "tests/bus/nats_surroundings.h"

namespace callbook::testing {
namespace {

using bus::Stream;

constexpr Stream kTied = Stream::kTied;
constexpr Stream kLasting = Stream::kLasting;

class NatsBusTest : public ::testing::Test {
 protected:
  NatsSurroundings& with(size_t servers, const std::string& more = "") {
    around_ = std::make_unique<NatsSurroundings>(servers, kLongAgeMs, more);
    return *around_;
  }
  bool await_connected(Node& node) {
    return around_->wait_until("connected", [&] { return node.connected(); });
  }
  /// Publishes numbered values until `enough`, keeping a few hundred in flight.
  void publish_until(Node& node, const std::function<bool()>& enough) {
    around_->wait_until("published", [&] {
      if (enough()) return true;
      std::vector<std::pair<std::string, std::string>> all;
      while (node.connected() && node.in_flight() + all.size() < 300) {
        ++number_;
        all.emplace_back("k" + std::to_string(number_ % 100), std::to_string(number_));
      }
      if (!all.empty()) node.publish_many(kLasting, all);
      return false;
    });
  }
  /// What was acknowledged to `writer` is on the bus, as a node sees that reads it from its
  /// beginning.
  void expect_nothing_lost(const Node& writer) {
    Node& reader = around_->add_node();
    around_->settle();
    for (const auto& [key, number] : writer.acknowledged_numbers()) {
      ASSERT_TRUE(reader.records(kLasting).contains(key)) << key;
      EXPECT_GE(std::stoull(reader.records(kLasting).at(key).value), number) << key;
    }
    EXPECT_EQ(writer.records(kLasting), reader.records(kLasting));
  }

  std::unique_ptr<NatsSurroundings> around_;
  uint64_t number_ = 0;
};

TEST_F(NatsBusTest, KillingTheOnlyServerLosesNothingAcknowledged) {
  with(1);
  Node& writer = around_->add_node();
  ASSERT_TRUE(await_connected(writer));
  for (int round = 0; round < 8; ++round) {
    const size_t before = writer.acknowledged();
    publish_until(writer, [&] { return writer.acknowledged() > before + 500; });
    around_->take_away();
    around_->bring_back();
    ASSERT_TRUE(around_->wait_until(
        "noticed", [&] { return writer.times_connected() > static_cast<uint64_t>(round) + 1; }));
  }
  EXPECT_GT(writer.acknowledged(), 4'000U);
  expect_nothing_lost(writer);
}

TEST_F(NatsBusTest, KillingAnyServerOfThreeLosesNothingAcknowledged) {
  with(3);
  Node& writer = around_->add_node();
  Node& other = around_->add_node();
  ASSERT_TRUE(await_connected(writer));
  ASSERT_TRUE(await_connected(other));
  const uint64_t generation = writer.head(kLasting).generation;
  for (int round = 0; round < 3; ++round) {
    publish_until(writer, [&, before = writer.acknowledged()] {
      return writer.acknowledged() > before + 1'000;
    });
    // The stream's leader hurts most; then whoever comes.
    const std::string leader = around_->an_operator().leader(around_->stream_name(kLasting));
    const bool by_name = round == 0 && !leader.empty();
    NatsServer& victim =
        by_name ? around_->server_named(leader) : *around_->servers()[static_cast<size_t>(round)];
    victim.kill9();
    publish_until(writer, [&, before = writer.acknowledged()] {
      return writer.acknowledged() > before + 1'000;
    });
    victim.start();
  }
  around_->wait_until("settled", [&] { return writer.in_flight() == 0 && writer.connected(); });
  EXPECT_EQ(writer.head(kLasting).generation, generation) << "whoever leads says the same";
  expect_nothing_lost(writer);
  EXPECT_EQ(other.records(kLasting), writer.records(kLasting));
}

TEST_F(NatsBusTest, AServerRestoredFromACopyMakesEverybodyBeginAnew) {
  with(1);
  Node& writer = around_->add_node();
  Node& other = around_->add_node();
  ASSERT_TRUE(await_connected(writer));
  NatsServer& server = *around_->servers()[0];
  const auto publish_and_settle = [&](const std::string& key) {
    for (int i = 0; i < 100; ++i) writer.publish(kTied, key + std::to_string(i), "1");
    around_->wait_until("settled", [&] { return writer.in_flight() == 0; });
    around_->settle();
  };
  publish_and_settle("saved");
  server.kill9();
  server.save_store();
  server.start();
  around_->wait_until(
      "back", [&] { return writer.times_connected() == 2 && other.times_connected() == 2; });
  publish_and_settle("lost");
  EXPECT_EQ(writer.position(kTied).version, 200U);
  server.kill9();
  server.restore_store();
  server.start();
  around_->wait_until("back", [&] { return writer.times_connected() == 3; });
  EXPECT_EQ(writer.resets(), 0U) << "it is doubted, and the bus is of use meanwhile";
  around_->wait_until("believed", [&] { return writer.resets() == 1 && other.resets() == 1; });
  publish_and_settle("after");
  EXPECT_EQ(other.position(kTied).version, 200U);
  EXPECT_EQ(other.records(kTied).at("after99"), (Node::Record{200, "1"}));
  EXPECT_EQ(writer.resets() + other.resets(), 2U);
}

TEST_F(NatsBusTest, AFrozenServerIsNoticedAndFoundAgain) {
  with(1);
  Node& node = around_->add_node();
  ASSERT_TRUE(await_connected(node));
  around_->servers()[0]->stop();
  node.publish(kTied, "k", "1");
  around_->wait_until("lost", [&] { return !node.connected(); });
  EXPECT_EQ(node.in_flight(), 0U);
  around_->servers()[0]->go_on();
  ASSERT_TRUE(await_connected(node));
  const uint64_t again = node.publish(kTied, "k", "2");
  around_->wait_until("settled", [&] { return node.in_flight() == 0; });
  EXPECT_EQ(node.settled(again), true);
  around_->settle();
  EXPECT_EQ(node.records(kTied).at("k").value, "2");
}

TEST_F(NatsBusTest, AStreamOfAnotherConfigurationIsRefusedWithBothShown) {
  with(1);
  const std::string name = around_->stream_name(kTied);
  around_->an_operator().add_stream(name, "callbook.dc1.tied.*", 5);
  Node& node = around_->add_node();
  around_->wait_until("refused", [&] { return !node.refusals().empty(); });
  const std::string& why = node.refusals().front();
  EXPECT_NE(why.find(name), std::string::npos);
  EXPECT_NE(why.find("Wanted: subjects callbook.dc1.tied.*"), std::string::npos) << why;
  EXPECT_NE(why.find("1 per subject"), std::string::npos) << why;
  EXPECT_NE(why.find("5 per subject"), std::string::npos) << why;
  EXPECT_FALSE(node.connected());
  around_->an_operator().delete_stream(name);
  EXPECT_TRUE(await_connected(node)) << "put right without a restart of the node";
  EXPECT_EQ(node.refusals().size(), 1U);
}

TEST_F(NatsBusTest, WhatIsNoRecordIsPassedOver) {
  with(1);
  Node& node = around_->add_node();
  ASSERT_TRUE(await_connected(node));
  around_->an_operator().publish("callbook.dc1.tied.not=a=token", "x");
  node.publish(kTied, "k", "v");
  around_->wait_until("settled", [&] { return node.in_flight() == 0; });
  around_->settle();
  EXPECT_EQ(node.position(kTied).version, 2U);
  EXPECT_EQ(node.records(kTied).size(), 1U);
}

TEST_F(NatsBusTest, WhatTheServerFindsTooLargeFailsAndHindersNothing) {
  with(1, "max_payload: 4000");
  Node& node = around_->add_node();
  ASSERT_TRUE(await_connected(node));
  const std::string large(5'000, 'v');
  const uint64_t before = node.publish(kTied, "before", "v");
  const uint64_t too_large = node.publish(kTied, "k", large);
  const uint64_t again = node.publish(kTied, "k", large);
  const uint64_t good = node.publish(kTied, "k", std::string(4'000, 'v'));
  around_->wait_until("settled", [&] { return node.in_flight() == 0; });
  EXPECT_EQ(node.settled(before), true);
  EXPECT_EQ(node.settled(too_large), false);
  EXPECT_EQ(node.settled(again), false);
  EXPECT_EQ(node.settled(good), true);
  around_->wait_until("logged", [&] { return around_->logged(0, "more than 4000 bytes") > 0; });
  around_->settle();
  EXPECT_EQ(node.records(kTied).size(), 2U);
  EXPECT_EQ(node.times_connected(), 1U) << "the connection stays";
  EXPECT_EQ(around_->logged(0, "more than 4000 bytes"), 1U);
}

TEST(NatsServers, OneThatCannotStartSaysWhy) {
  NatsServer::Place place;
  NatsServer first(place);
  first.start();
  place.port = static_cast<uint16_t>(std::stoi(first.url().substr(first.url().rfind(':') + 1)));
  NatsServer second(place);
  second.launch();
  EXPECT_FALSE(second.await_ready()) << "the port is the first's";
  EXPECT_FALSE(second.running());

  NatsServer::Place odd;
  odd.more = "no_such_option: 1";
  NatsServer misconfigured(odd);
  try {
    misconfigured.start();
    FAIL() << "it must not start";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("no_such_option"));
  }
}

TEST(NatsBusOptions, ThoseThatCannotWorkAreNamed) {
  class Silence final : public base::Logger {
    void write(base::LogLevel, std::string_view) override {}
  } silence;
  const auto field_of = [&](bus::nats::Options options) {
    const auto made = bus::nats::make_bus(std::move(options), silence, [] {});
    return made.ok() ? std::string() : made.error().field;
  };
  bus::nats::Options good;
  good.servers = {"nats://127.0.0.1:1"};
  EXPECT_EQ(field_of(good), "");
  EXPECT_EQ(field_of({}), "servers");
  auto bad = good;
  bad.cluster = "a.b";
  EXPECT_EQ(field_of(bad), "cluster");
  bad = good;
  bad.replicas = 2;
  EXPECT_EQ(field_of(bad), "replicas");
  bad = good;
  bad.security.token = "t";
  bad.security.user = "u";
  EXPECT_EQ(field_of(bad), "security");
}

}  // namespace
}  // namespace callbook::testing
