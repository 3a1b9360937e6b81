#include "sdk/local_health.h"

#include <gtest/gtest.h>

#include "sdk/shares.h"

namespace callbook::sdk {
namespace {

using Fitness = LocalHealth::Fitness;

InstancePtr instance(const std::string& id, const std::string& state = "up",
                     uint32_t weight = 100) {
  Instance made;
  made.id = id;
  made.address = "10.0.0.1";
  made.port = 8'080;
  made.state = state;
  made.weight = weight;
  return std::make_shared<const Instance>(made);
}

/// A list and what is known of it, at a time that the test moves.
struct Scene {
  explicit Scene(const std::vector<InstancePtr>& instances) {
    for (const InstancePtr& one : instances) list.put(one);
  }
  void fail(const std::string& id) { health.failed(list.find(id), now_ms, actions); }
  void answer(bool answered) { health.probed(last_ticket(), answered, now_ms, actions); }
  void pass(int64_t ms) {
    now_ms += ms;
    health.advance(now_ms, actions);
  }
  uint64_t last_ticket() const { return actions.probes.back().ticket; }
  /// "a=100 b=50": the shares, in hundredths of the usual weight.
  std::string shares() const {
    std::string text;
    for (const Share& share : shares_of(list, health, now_ms)) {
      text +=
          (text.empty() ? "" : " ") + share.instance->id + "=" + std::to_string(share.weight / 100);
    }
    return text;
  }

  InstanceList list;
  LocalHealth health{LocalHealthRule{}, [] { return 0.5; }};
  LocalHealth::Actions actions;
  int64_t now_ms = 1'000;
};

TEST(LocalHealth, OneThatFailsIsOutAtOnceProbedAndReported) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  EXPECT_EQ(scene.shares(), "b=100 c=100");
  ASSERT_EQ(scene.actions.probes.size(), 1u);
  EXPECT_EQ(scene.actions.probes[0].port, 8'080);
  EXPECT_EQ(scene.actions.reports, std::vector<std::string>{"a"});
  EXPECT_TRUE(scene.actions.changed);
  // Calls that were under way say nothing new.
  scene.fail("a");
  EXPECT_EQ(scene.actions.probes.size(), 1u);
  EXPECT_EQ(scene.actions.reports.size(), 1u);
}

TEST(LocalHealth, WhoListensAgainReturnsLittleByLittle) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  scene.answer(true);
  EXPECT_EQ(scene.shares(), "a=10 b=100 c=100");
  scene.pass(5'000);
  EXPECT_EQ(scene.shares(), "a=55 b=100 c=100");
  scene.pass(5'000);
  EXPECT_EQ(scene.shares(), "a=100 b=100 c=100");
  EXPECT_EQ(scene.health.size(), 0u);
  EXPECT_FALSE(scene.health.next_ms().has_value());
}

TEST(LocalHealth, ProbesComeRarerAndAFailureOnTheWayBackDoesNotBeginAnew) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  std::vector<int64_t> waits_ms;
  for (int i = 0; i < 9; ++i) {
    scene.answer(false);
    waits_ms.push_back(*scene.health.next_ms() - scene.now_ms);
    scene.pass(waits_ms.back());
  }
  EXPECT_EQ(waits_ms, (std::vector<int64_t>{75, 150, 300, 600, 1'200, 2'400, 4'800, 7'500, 7'500}));
  scene.answer(true);
  scene.fail("a");
  EXPECT_EQ(scene.actions.reports.size(), 2u);
  scene.answer(false);
  EXPECT_EQ(*scene.health.next_ms() - scene.now_ms, 7'500);
}

TEST(LocalHealth, OneThatCannotBeProbedComesBackByItselfAndALostProbeIsRepeated) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  scene.health.probed(scene.last_ticket(), std::nullopt, scene.now_ms, scene.actions);
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kEjected);
  scene.pass(100);
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kReturning);
  scene.fail("b");
  const uint64_t lost = scene.last_ticket();
  scene.pass(1'100);
  EXPECT_NE(scene.last_ticket(), lost);
  scene.health.probed(lost, true, scene.now_ms, scene.actions);
  EXPECT_EQ(scene.health.fitness("b"), Fitness::kEjected);
}

TEST(LocalHealth, OneThatRefusesRestsAndIsThenItsOldSelf) {
  Scene scene({instance("a"), instance("b")});
  scene.health.refused(scene.list.find("a"), scene.now_ms, scene.actions);
  EXPECT_EQ(scene.shares(), "b=100");
  EXPECT_TRUE(scene.actions.reports.empty());
  scene.pass(1'000);
  EXPECT_EQ(scene.shares(), "a=100 b=100");
}

TEST(LocalHealth, AnotherAddressIsAnotherProcess) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  scene.fail("b");
  Instance moved = *instance("a");
  moved.address = "10.0.0.9";
  scene.list.put(std::make_shared<const Instance>(moved));
  scene.list.erase("b");
  scene.health.take_list(scene.list, scene.actions);
  EXPECT_EQ(scene.shares(), "a=100 c=100");
  EXPECT_EQ(scene.health.size(), 0u);
}

TEST(LocalHealth, ASuccessOfOneThatIsOutBringsItBack) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  scene.health.succeeded("a", scene.now_ms, scene.actions);
  EXPECT_EQ(scene.shares(), "a=10 b=100 c=100");
}

TEST(Shares, NeverFewerThanHalfWithoutCallingAll) {
  Scene scene({instance("a"), instance("b"), instance("c"), instance("d")});
  scene.fail("a");
  scene.fail("b");
  EXPECT_EQ(scene.shares(), "c=100 d=100");
  scene.fail("c");
  EXPECT_EQ(scene.shares(), "d=100 a=10 b=10 c=10");
  scene.fail("d");
  EXPECT_EQ(scene.shares(), "a=10 b=10 c=10 d=10");
}

TEST(Shares, StatesOfTheRegistryCount) {
  Scene scene({instance("a"), instance("b", "unattended"), instance("c", "suspect"),
               instance("d", "down"), instance("e", "draining"), instance("f", "out_of_service"),
               instance("g", "up", 0)});
  EXPECT_EQ(scene.shares(), "a=100 b=100");
  EXPECT_EQ(Scene({instance("a", "down"), instance("b", "draining")}).shares(), "");
}

TEST(Shares, WhomTheRegistryDoesNotReachIsCalledWhenTheyAreMost) {
  Scene scene({instance("a"), instance("b", "protected"), instance("c", "protected"),
               instance("d", "of_a_later_release")});
  EXPECT_EQ(scene.shares(), "a=100 b=100 c=100 d=100");
  scene.fail("b");
  EXPECT_EQ(scene.shares(), "a=100 c=100 d=100");
}

TEST(Shares, WhoRefusesIsCalledOnlyIfThereIsNobodyElse) {
  Scene scene({instance("a"), instance("b")});
  scene.health.refused(scene.list.find("a"), scene.now_ms, scene.actions);
  EXPECT_EQ(scene.shares(), "b=100");
  scene.health.refused(scene.list.find("b"), scene.now_ms, scene.actions);
  EXPECT_EQ(scene.shares(), "a=100 b=100");
}

TEST(Shares, WeightsAreKept) {
  Scene scene({instance("a", "up", 65'535), instance("b", "up", 1)});
  EXPECT_EQ(scene.shares(), "a=65535 b=1");
}

}  // namespace
}  // namespace callbook::sdk
