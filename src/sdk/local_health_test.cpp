#include "sdk/local_health.h"

#include <algorithm>

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
  /// A call that was chosen just now.
  void fail(const std::string& id) {
    health.failed(list.find(id), health.period(id), now_ms, actions);
  }
  void succeed(const std::string& id) { health.succeeded(id, now_ms, actions); }
  void answer(bool answered) {
    answered_ticket = last_ticket();
    health.probed(answered_ticket, answered, now_ms, actions);
  }
  bool has_new_probe() const { return !actions.probes.empty() && last_ticket() != answered_ticket; }
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
  uint64_t answered_ticket = 0;
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

TEST(LocalHealth, ACallThatSucceedsAndTimeBringItBackLittleByLittle) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  scene.answer(true);
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kOnTrial);
  for (int i = 0; i < 4; ++i) scene.succeed("a");
  EXPECT_EQ(scene.shares(), "a=10 b=100 c=100");
  EXPECT_FALSE(scene.health.is_watched("a"));
  scene.pass(5'000);
  EXPECT_EQ(scene.shares(), "a=55 b=100 c=100");
  scene.pass(5'000);
  EXPECT_EQ(scene.shares(), "a=100 b=100 c=100");
  EXPECT_EQ(scene.health.size(), 0u);
  EXPECT_FALSE(scene.health.next_ms().has_value());
}

// The kernel of a process that is stopped accepts connections.
TEST(LocalHealth, ThatItListensDoesNotBringItBackHoweverLong) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  scene.answer(true);
  EXPECT_EQ(scene.shares(), "a=10 b=100 c=100");
  EXPECT_FALSE(scene.health.next_ms().has_value());
  scene.pass(3'600'000);
  EXPECT_EQ(scene.shares(), "a=10 b=100 c=100");
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kOnTrial);
}

TEST(LocalHealth, ItsShareDoublesWithEachCallThatSucceedsAndNotByTimeAlone) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  scene.answer(true);
  std::vector<uint32_t> percents;
  for (int i = 0; i < 4; ++i) {
    scene.succeed("a");
    scene.pass(20'000);
    percents.push_back(scene.health.share_percent("a", scene.now_ms));
  }
  EXPECT_EQ(percents, (std::vector<uint32_t>{20, 40, 80, 100}));
  EXPECT_EQ(scene.health.size(), 0u);
}

// A frozen instance under load: a connection is made at each probe, and each call hangs and fails.
// The client's 1,000 calls a second are spread over ten; one at a time is tried.
TEST(LocalHealth, AFrozenOneCostsAFewCallsAndThenFewerAndFewer) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  constexpr int64_t kTimeoutMs = 1'000;
  const int64_t begin_ms = scene.now_ms;
  std::vector<int64_t> failed_at_ms;
  scene.fail("a");
  while (scene.now_ms - begin_ms < 600'000) {
    if (scene.health.fitness("a") == Fitness::kOnTrial) {
      scene.pass(kTimeoutMs);
      scene.fail("a");
      failed_at_ms.push_back(scene.now_ms - begin_ms);
    } else if (scene.health.fitness("a") == Fitness::kEjected && scene.has_new_probe()) {
      scene.answer(true);
    } else {
      const auto next_ms = scene.health.next_ms();
      ASSERT_GT(next_ms.value_or(0), scene.now_ms);
      scene.pass(*next_ms - scene.now_ms);
    }
  }
  const auto within = [&](int64_t ms) {
    return std::count_if(failed_at_ms.begin(), failed_at_ms.end(),
                         [ms](int64_t at_ms) { return at_ms <= ms; });
  };
  EXPECT_LE(within(17'000), 5);
  EXPECT_LE(within(60'000), 7);
  EXPECT_LE(within(600'000), 19);
}

TEST(LocalHealth, AFailureOnTrialPutsTheNextOneOffForLongerAndLonger) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  std::vector<int64_t> waits_ms;
  for (int i = 0; i < 8; ++i) {
    scene.answer(true);
    scene.fail("a");
    waits_ms.push_back(*scene.health.next_ms() - scene.now_ms);
    scene.pass(waits_ms.back());
  }
  EXPECT_EQ(waits_ms,
            (std::vector<int64_t>{750, 1'500, 3'000, 6'000, 12'000, 24'000, 45'000, 45'000}));
  EXPECT_EQ(scene.actions.reports.size(), 9u);
}

TEST(LocalHealth, CallsFromBeforeItWasLeftOutSayNothingOfItsTrial) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  scene.answer(true);
  scene.health.failed(scene.list.find("a"), 0, scene.now_ms, scene.actions);
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kOnTrial);
  scene.succeed("a");
  scene.health.failed(scene.list.find("a"), 0, scene.now_ms, scene.actions);
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kReturning);
  scene.fail("a");
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kEjected);
}

TEST(LocalHealth, FourCallsThatEndWithoutAWordCountAsASuccess) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  const auto end = [&](int times, uint64_t period) {
    for (int i = 0; i < times; ++i) {
      scene.health.ended("a", period, scene.now_ms, scene.actions);
    }
  };
  end(4, scene.health.period("a"));  // while it is out: calls that were under way
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kEjected);
  scene.answer(true);
  end(4, 0);
  end(3, scene.health.period("a"));
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kOnTrial);
  end(1, scene.health.period("a"));
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kReturning);
  end(12, scene.health.period("a"));
  scene.pass(10'000);
  EXPECT_EQ(scene.health.size(), 0u);
}

TEST(LocalHealth, OneThatTheRegistryHearsAgainIsTriedAtOnce) {
  Scene scene({instance("a", "suspect"), instance("b"), instance("c")});
  scene.fail("a");
  scene.answer(true);
  scene.fail("a");
  EXPECT_GT(*scene.health.next_ms(), scene.now_ms);
  scene.health.take_list(scene.list, scene.actions);  // no news
  EXPECT_GT(*scene.health.next_ms(), scene.now_ms);
  scene.list.put(instance("a"));
  scene.health.take_list(scene.list, scene.actions);
  EXPECT_EQ(*scene.health.next_ms(), scene.now_ms);
}

TEST(LocalHealth, ProbesComeRarer) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  std::vector<int64_t> waits_ms;
  for (int i = 0; i < 9; ++i) {
    scene.answer(false);
    waits_ms.push_back(*scene.health.next_ms() - scene.now_ms);
    scene.pass(waits_ms.back());
  }
  EXPECT_EQ(waits_ms, (std::vector<int64_t>{75, 150, 300, 600, 1'200, 2'400, 4'800, 7'500, 7'500}));
}

TEST(LocalHealth, OneThatCannotBeProbedIsTriedByItselfAndALostProbeIsRepeated) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.fail("a");
  scene.health.probed(scene.last_ticket(), std::nullopt, scene.now_ms, scene.actions);
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kEjected);
  scene.pass(100);
  EXPECT_EQ(scene.health.fitness("a"), Fitness::kOnTrial);
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
  EXPECT_EQ(scene.shares(), "a=10 b=10 c=10 d=100");
  scene.fail("d");
  EXPECT_EQ(scene.shares(), "a=10 b=10 c=10 d=10");
}

TEST(Shares, WhatMayBeCalledIsTheRegistrysRule) {
  const std::vector<InstancePtr> instances = {instance("a"),
                                              instance("b", "unattended"),
                                              instance("c", "suspect"),
                                              instance("d", "down"),
                                              instance("e", "draining"),
                                              instance("f", "out_of_service"),
                                              instance("g", "up", 0),
                                              instance("h", "protected"),
                                              instance("i", "starting"),
                                              instance("j", "up"),
                                              instance("k", "a_later_state"),
                                              instance("l", "up"),
                                              instance("m", "up"),
                                              instance("n", "up")};
  Scene scene(instances);  // 6 of 14 are up
  EXPECT_EQ(scene.shares(), "a=100 b=100 c=100 h=100 j=100 l=100 m=100 n=100");
  scene.list.erase("d");
  scene.list.erase("e");  // 6 of 12
  EXPECT_EQ(scene.shares(), "a=100 c=100 j=100 l=100 m=100 n=100");
  scene.list.set_largest(13);  // there were more lately
  EXPECT_EQ(scene.shares(), "a=100 b=100 c=100 h=100 j=100 l=100 m=100 n=100");
  EXPECT_EQ(Scene({instance("a", "down"), instance("b", "draining")}).shares(), "");
}

TEST(Shares, OneThatIsSuspectKeepsItsShare) {
  Scene scene({instance("a"), instance("b"), instance("c")});
  scene.list.put(instance("c", "suspect"));
  EXPECT_EQ(scene.shares(), "a=100 b=100 c=100");
  scene.fail("c");
  EXPECT_EQ(scene.shares(), "a=100 b=100");
}

TEST(Shares, WhatMayNotBeCalledIsNotEvenIfAllOthersFail) {
  Scene scene({instance("a"), instance("b", "failing"), instance("c", "down")});
  scene.fail("a");
  EXPECT_EQ(scene.shares(), "a=10");
}

TEST(Shares, SaysWhyNoneMayBeCalled) {
  const auto why = [](const std::vector<InstancePtr>& instances) {
    return why_none_is_callable(Scene(instances).list);
  };
  EXPECT_EQ(why({}), "no instance is registered");
  EXPECT_EQ(why({instance("a", "up", 0)}), "none of 1 instance may be called: 1 has weight 0");
  EXPECT_EQ(why({instance("a", "down"), instance("b", "up", 0), instance("c", "down"),
                 instance("d", "starting"), instance("e", "suspect", 0)}),
            "none of 5 instances may be called: 2 are down, 1 is starting, 2 have weight 0");
  EXPECT_EQ(why({instance("a", "down"), instance("b", "up", 1)}), "");
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
