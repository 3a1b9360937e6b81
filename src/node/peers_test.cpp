#include "node/peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callbook::node {
namespace {

constexpr const char* kCluster = "dc1/main";

std::string card(const std::string& name, const std::string& http, bool serving = true,
                 const std::string& cluster = kCluster) {
  core::NodeBeat beat;
  beat.node = name;
  beat.serving = serving;
  peer::NodeCard card;
  card.beat = core::encode_beat(beat);
  card.cluster = cluster;
  card.http = http;
  card.release = "0.1.0";
  return peer::encode_card(card);
}

std::string host_of(const std::optional<Endpoint>& endpoint) {
  return endpoint ? endpoint->host : "none";
}

TEST(Peers, OwnAndMalformedCardsAreNotTakenIn) {
  Peers peers("n-1", kCluster);
  const auto own = peers.hear(card("n-1", "a:1"), true, 0);
  ASSERT_TRUE(own.ok());  // for those who know whether it is this node's
  EXPECT_TRUE(own->own_id);
  EXPECT_FALSE(peers.hear(card("n-1", "a:1", true, "dc1/other"), true, 0).ok());
  EXPECT_FALSE(peers.hear("nonsense", true, 0).ok());
  peer::NodeCard without_beat;
  without_beat.beat = "no beat";
  EXPECT_FALSE(peers.hear(peer::encode_card(without_beat), true, 0).ok());
  EXPECT_TRUE(peers.all().empty());
}

TEST(Peers, ANameWithTheSameIdIsTheSameName) {
  Peers peers("reg-1150", kCluster);
  const auto twin = peers.hear(card("reg-33055", "b:2"), true, 0);
  ASSERT_TRUE(twin.ok());
  EXPECT_TRUE(twin->own_id);
  EXPECT_TRUE(peers.all().empty());
}

TEST(Peers, SnapshotsAreAskedOfThoseThatServeInTurn) {
  Peers peers("n-1", kCluster);
  ASSERT_TRUE(peers.hear(card("n-2", "b:2"), true, 0).ok());
  ASSERT_TRUE(peers.hear(card("n-3", "c:3", false), true, 0).ok());
  ASSERT_TRUE(peers.hear(card("n-4", "d:4", false), true, 0).ok());
  ASSERT_TRUE(peers.hear(card("n-5", "e:5"), true, 0).ok());
  std::string last;
  EXPECT_EQ(host_of(peers.next_source(last, 0)), "b");
  EXPECT_EQ(host_of(peers.next_source(last, 0)), "e");
  EXPECT_EQ(host_of(peers.next_source(last, 0)), "b");
  ASSERT_TRUE(peers.hear(card("n-5", "e:5"), true, 1'000).ok());
  const int64_t later = Peers::kSilentMs + 1;
  EXPECT_EQ(host_of(peers.next_source(last, later)), "e");
  EXPECT_EQ(host_of(peers.next_source(last, later)), "e");
  EXPECT_EQ(host_of(peers.next_source(last, 3 * Peers::kSilentMs)), "none");
}

TEST(Peers, WhatClientsMustNotBeToldIsRefused) {
  Peers peers("n-1", kCluster);
  using base::ErrorCode;
  const auto refusal = [&](const std::string& bytes) {
    const auto heard = peers.hear(bytes, true, 0);
    return heard.ok() ? "taken" : std::string(base::name_of(heard.error().code));
  };
  EXPECT_EQ(refusal(card("n-2", "b:2", true, "dc1/other")), "conflict");
  EXPECT_EQ(refusal(card("n 2", "b:2")), "invalid");
  EXPECT_EQ(refusal(card("\xff", "b:2")), "invalid");
  for (const char* http : {"nowhere", "b:0", "0.0.0.0:7", "[::]:7", "b\xff:7", "b\"\n:7", ""}) {
    EXPECT_EQ(refusal(card("n-2", http)), "invalid") << http;
  }
  EXPECT_TRUE(peers.all().empty());
  for (size_t i = 0; i < Peers::kMaxPeers; ++i) {
    ASSERT_EQ(refusal(card("p-" + std::to_string(i), "b:2")), "taken");
  }
  EXPECT_EQ(refusal(card("one-more", "b:2")), "limit_exceeded");
  EXPECT_EQ(refusal(card("p-7", "c:3")), "taken");
  const auto rival = peers.hear(card("n-1", "b:2"), true, 0);
  ASSERT_TRUE(rival.ok());  // a node of this one's name is noticed all the same
  EXPECT_TRUE(rival->own_id);
  EXPECT_EQ(peers.all().size(), Peers::kMaxPeers);
}

TEST(Peers, WhoIsSilentForLongIsForgotten) {
  Peers peers("n-1", kCluster);
  ASSERT_TRUE(peers.hear(card("n-2", "b:2"), true, 0).ok());
  ASSERT_TRUE(peers.hear(card("n-3", "c:3"), false, 5).ok());
  EXPECT_EQ(peers.all().find("n-3")->second.heard_on_bus_ms, 0);
  peers.forget_silent(Peers::kForgottenMs + 1);
  ASSERT_EQ(peers.all().size(), 1u);
  EXPECT_EQ(peers.all().begin()->first, "n-3");
}

}  // namespace
}  // namespace callbook::node
