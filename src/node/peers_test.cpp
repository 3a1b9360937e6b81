#include "node/peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callbook::node {
namespace {

std::string card(const std::string& name, const std::string& http, bool serving = true) {
  core::NodeBeat beat;
  beat.node = name;
  beat.serving = serving;
  peer::NodeCard card;
  card.beat = core::encode_beat(beat);
  card.http = http;
  return peer::encode_card(card);
}

std::string host_of(const std::optional<Endpoint>& endpoint) {
  return endpoint ? endpoint->host : "none";
}

TEST(Peers, OwnAndMalformedCardsChangeNothing) {
  Peers peers("n-1");
  const auto own = peers.hear(card("n-1", "a:1"), true, 0);
  ASSERT_TRUE(own.ok());
  EXPECT_FALSE(*own);
  EXPECT_FALSE(peers.hear("nonsense", true, 0).ok());
  peer::NodeCard without_beat;
  without_beat.beat = "no beat";
  EXPECT_FALSE(peers.hear(peer::encode_card(without_beat), true, 0).ok());
  EXPECT_TRUE(peers.all().empty());
}

TEST(Peers, SnapshotsAreAskedOfThoseThatServeInTurn) {
  Peers peers("n-1");
  ASSERT_TRUE(peers.hear(card("n-2", "b:2"), true, 0).ok());
  ASSERT_TRUE(peers.hear(card("n-3", "c:3", false), true, 0).ok());
  ASSERT_TRUE(peers.hear(card("n-4", "nowhere"), true, 0).ok());
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

TEST(Peers, WhoIsSilentForLongIsForgotten) {
  Peers peers("n-1");
  ASSERT_TRUE(peers.hear(card("n-2", "b:2"), true, 0).ok());
  ASSERT_TRUE(peers.hear(card("n-3", "c:3"), false, 5).ok());
  EXPECT_EQ(peers.all().find("n-3")->second.heard_on_bus_ms, 0);
  peers.forget_silent(Peers::kForgottenMs + 1);
  ASSERT_EQ(peers.all().size(), 1u);
  EXPECT_EQ(peers.all().begin()->first, "n-3");
}

}  // namespace
}  // namespace callbook::node
