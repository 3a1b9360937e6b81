// What the registry notes for the log of what it does of its own accord.

#include "core/incidents.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/cluster_script.h"
#include "core/registry.h"

namespace callbook::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// A registry that stands alone and removes at once what lapses.
class Alone : public testing::Test {
 protected:
  Alone() : registry_(options()) { EXPECT_TRUE(step(FinishLoading{}).ok()); }

  static RegistryOptions options() {
    RegistryOptions options;
    options.timing.probe_rounds = 0;
    return options;
  }

  base::Result<Reply> step(const Input& input) { return registry_.step(input, now_, out_); }

  void open(uint64_t session, std::string client) {
    ASSERT_TRUE(step(OpenSession{{session, 1}, 6'000, std::move(client)}).ok());
  }
  void put(const std::string& service, const std::string& id, Holder holder) {
    RegisterInstance input;
    input.key = {{kDefaultNamespace, service}, id};
    input.registration.address = "10.0.0.7";
    input.registration.port = 80;
    input.registration.holder = holder;
    ASSERT_TRUE(step(input).ok());
  }
  void advance(int64_t by_ms) {
    for (int64_t left_ms = by_ms; left_ms > 0; left_ms -= 100) {
      now_.mono_ms += 100;
      now_.wall_ms += 100;
      static_cast<void>(step(AdvanceTime{}));
    }
  }
  static Holder of_session(uint64_t session) { return {HolderKind::kSession, {session, 1}, 0}; }

  Registry registry_;
  base::Now now_{1'000'000, 1'700'000'000'000};
  Outputs out_;
};

TEST_F(Alone, WhatAProviderOrAnOperatorWantsIsNone) {
  open(1, "orders@host-7");
  put("orders", "o-1", of_session(1));
  put("orders", "o-2", of_session(1));
  put("orders", "o-2", of_session(1));
  const InstanceKey key{{kDefaultNamespace, "orders"}, "o-1"};
  ASSERT_TRUE(step(SetOverride{key, {}, true, "alice", "bad disk"}).ok());
  ASSERT_TRUE(step(DeregisterInstance{key, {}}).ok());
  ASSERT_TRUE(step(CloseSession{{1, 1}}).ok());
  EXPECT_TRUE(out_.incidents.empty());
}

TEST_F(Alone, AnInstanceIsNamedInFull) {
  open(1, "orders@host-7");
  put("orders", "o-1", of_session(1));
  put("stock", "s-1", {HolderKind::kTtl, {}, 6'000});
  advance(7'000);
  ASSERT_EQ(out_.incidents.all().size(), 1u);
  const Incident& removed = out_.incidents.all()[0];
  EXPECT_EQ(removed.kind, Incident::Kind::kRemoved);
  EXPECT_EQ(removed.cause, Cause::kSessionExpired);
  EXPECT_EQ(removed.count, 2u);
  EXPECT_EQ(removed.services.size(), 2u);
  ASSERT_EQ(removed.first.size(), 2u);
  const Incident::Named& held = removed.first[0];
  EXPECT_EQ(held.instance, (InstanceKey{{kDefaultNamespace, "orders"}, "o-1"}));
  EXPECT_EQ(held.address, "10.0.0.7");
  EXPECT_EQ(held.port, 80);
  EXPECT_EQ(held.session, (SessionId{1, 1}));
  EXPECT_EQ(held.client, "orders@host-7");
  EXPECT_EQ(removed.first[1].instance.id, "s-1");
  EXPECT_EQ(removed.first[1].session, SessionId{}) << "it has a TTL of its own";
  out_.clear();
  EXPECT_TRUE(out_.incidents.empty());
}

TEST_F(Alone, AMassTakesAsLittleMemoryAsTheFirstFew) {
  for (uint64_t i = 1; i <= 2'000; ++i) {
    open(i, "c");
    put(fmt::format("service-{}", i), "i", of_session(i));
  }
  advance(7'000);
  ASSERT_EQ(out_.incidents.all().size(), 1u);
  const Incident& removed = out_.incidents.all()[0];
  EXPECT_EQ(removed.count, 2'000u);
  EXPECT_EQ(removed.first.size(), Incident::kMostNamed);
  EXPECT_EQ(removed.services.size(), Incident::kMostServices);
}

TEST_F(Alone, ASessionWithoutInstancesEndsByItself) {
  open(1, "idle@host-7");
  advance(7'000);
  ASSERT_EQ(out_.incidents.all().size(), 1u);
  const Incident& ended = out_.incidents.all()[0];
  EXPECT_EQ(ended.kind, Incident::Kind::kSessionEnded);
  EXPECT_EQ(ended.cause, Cause::kSessionExpired);
  EXPECT_TRUE(ended.services.empty());
  EXPECT_EQ(ended.first[0].client, "idle@host-7");
}

TEST_F(Alone, ADrainThatIsOverIsARemoval) {
  put("orders", "o-1", {});
  ASSERT_TRUE(step(DeregisterInstance{{{kDefaultNamespace, "orders"}, "o-1"}, {}, {}, 1'000}).ok());
  EXPECT_TRUE(out_.incidents.empty());
  advance(1'200);
  ASSERT_EQ(out_.incidents.all().size(), 1u);
  EXPECT_EQ(out_.incidents.all()[0].cause, Cause::kDrained);
  EXPECT_EQ(out_.incidents.all()[0].first[0].instance.id, "o-1");
}

TEST_F(Alone, AnIdIsTakenOverByTheLaterSession) {
  open(1, "old@host-1");
  put("orders", "o-1", of_session(1));
  now_.mono_ms += 10;
  now_.wall_ms += 10;
  open(2, "new@host-2");
  put("orders", "o-1", of_session(2));
  ASSERT_EQ(out_.incidents.all().size(), 1u);
  const Incident& taken = out_.incidents.all()[0];
  EXPECT_EQ(taken.kind, Incident::Kind::kTakenOver);
  EXPECT_EQ(taken.first[0].instance.id, "o-1");
  EXPECT_EQ(taken.first[0].client, "old@host-1");
  EXPECT_EQ(taken.first[0].session, (SessionId{1, 1}));
  EXPECT_EQ(taken.first[0].heir, (SessionId{2, 1}));
  EXPECT_EQ(taken.first[0].heir_client, "new@host-2");
}

TEST(Incidents, MergingAddsUpWithinTheBounds) {
  Incidents left;
  Incidents right;
  const auto fill = [](Incidents& all, int from, int to) {
    for (int i = from; i < to; ++i) {
      all.add(Incident::Kind::kRemoved, Cause::kDrained, {"default", i % 2 == 0 ? "a" : "b"},
              [&](Incident::Named& named) { named.instance.id = fmt::format("{}", i); });
    }
  };
  fill(left, 0, 7);
  fill(right, 7, 20);
  Incident& sum = left.all()[0];
  sum.merge(right.all()[0]);
  EXPECT_EQ(sum.count, 20u);
  EXPECT_EQ(sum.services.size(), 2u);
  ASSERT_EQ(sum.first.size(), Incident::kMostNamed);
  EXPECT_EQ(sum.first[6].instance.id, "6");
  EXPECT_EQ(sum.first[7].instance.id, "7");
}

std::vector<std::string> told(const ClusterScript& script) {
  constexpr std::string_view kKinds[] = {"removed", "ended", "taken_over", "inherited"};
  std::vector<std::string> lines;
  for (const auto& [node, incident] : script.incidents()) {
    for (const Incident::Named& named : incident.first) {
      lines.push_back(fmt::format("{} {} {} {} client={} heir={} lost={}", node,
                                  kKinds[static_cast<size_t>(incident.kind)],
                                  name_of(incident.cause), named.instance.id, named.client,
                                  named.heir_client, named.lost_node));
    }
  }
  return lines;
}

TEST(IncidentsOfACluster, ANodeSaysWhatItDecidedAndNotWhatItHeard) {
  ClusterScript script;
  script.run(
      "> start A\n> start B\n> advance 3500\n> A open s\n> A register orders/o-1 session=s\n"
      "> advance 7000\n");
  EXPECT_THAT(told(script), ElementsAre("A removed session_expired o-1 client=s heir= lost="));
}

TEST(IncidentsOfACluster, ALostHomeIsNamed) {
  ClusterScript script;
  script.run(
      "> start A\n> start B\n> advance 3500\n> A open s\n> A register orders/o-1 session=s\n");
  EXPECT_THAT(told(script), IsEmpty());
  script.run("> kill A\n> advance 60000\n");
  EXPECT_THAT(told(script), ElementsAre("B inherited home_lost  client=s heir= lost=A",
                                        "B removed home_lost o-1 client=s heir= lost="));
}

TEST(IncidentsOfACluster, TheHomeOfTheEarlierSessionSaysWhoseTheIdIsNow) {
  ClusterScript script;
  script.run(
      "> start A\n> start B\n> advance 3500\n> A open early\n"
      "> A register orders/o-1 session=early\n> advance 100\n> cut A\n> B open late\n"
      "> B register orders/o-1 session=late\n");
  EXPECT_THAT(told(script),
              ElementsAre("B taken_over registered o-1 client=early heir=late lost="));
}

TEST(IncidentsOfACluster, AnIdClaimedOnTwoSidesOfASplitIsTakenOverAtItsEnd) {
  ClusterScript script;
  script.run(
      "> start A\n> start B\n> advance 3500\n> cut A\n> A open early\n"
      "> A register orders/o-1 session=early\n> advance 100\n> B open late\n"
      "> B register orders/o-1 session=late\n");
  EXPECT_THAT(told(script), IsEmpty());
  script.run("> heal A\n");
  EXPECT_THAT(told(script),
              ElementsAre("A taken_over registered o-1 client=early heir=late lost="));
}

}  // namespace
}  // namespace callbook::core
