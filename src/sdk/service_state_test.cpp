#include "sdk/service_state.h"

#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

/// A service of instances "o-0", "o-1", …, as its client's thread publishes it.
struct Scene {
  explicit Scene(size_t instances, Choice choice = Choice::kLeastLoaded) {
    ServiceOptions options;
    options.choice = choice;
    state = std::make_shared<ServiceState>(
        ServiceName{kDefaultNamespace, "orders"}, options,
        [this](const Feedback& feedback) { told.push_back(feedback); });
    std::vector<Member> members;
    for (size_t i = 0; i < instances; ++i) {
      Instance one;
      one.id = "o-" + std::to_string(i);
      one.address = "10.0.0.1";
      candidates.push_back(std::make_shared<Candidate>());
      members.push_back({std::make_shared<const Instance>(one), candidates.back(), 100});
    }
    publish(std::move(members), {});
  }
  void publish(std::vector<Member> members, std::string none_is_callable) const {
    const Selection::Settings settings{state->options().choice, {}, 0};
    state->publish(std::unique_ptr<const ServiceState::View>(
        new ServiceState::View{Selection(std::move(members), settings),
                               {},
                               Source::kRegistry,
                               std::move(none_is_callable)}));
  }
  /// Picks until it is that of `id`.
  Pick pick(const std::string& id) const {
    for (int i = 0; i < 10'000; ++i) {
      auto pick = state->pick({});
      if (pick->id() == id) return std::move(*pick);
    }
    ADD_FAILURE() << id << " is never chosen";
    return std::move(*state->pick({}));
  }

  std::vector<Feedback> told;
  std::vector<std::shared_ptr<Candidate>> candidates;
  std::shared_ptr<ServiceState> state;
};

TEST(ServiceState, OneOnTrialIsGivenOneCallAtATime) {
  const Scene scene(3, Choice::kRoundRobin);  // which is no friend of those that have less to do
  scene.candidates[0]->on_trial = true;
  {
    const Pick trial = scene.pick("o-0");
    for (int i = 0; i < 1'000; ++i) ASSERT_NE(scene.state->pick({})->id(), "o-0");
  }
  scene.pick("o-0");
}

TEST(ServiceState, OneOnTrialIsChosenIfThereIsNoOther) {
  const Scene scene(1);
  scene.candidates[0]->on_trial = true;
  const Pick trial = scene.pick("o-0");
  EXPECT_EQ(scene.state->pick({})->id(), "o-0");
}

TEST(ServiceState, AKeyWhoseInstanceIsTakenGoesToAnotherAndComesBack) {
  const Scene scene(3, Choice::kConsistentHash);
  PickOptions keyed;
  keyed.key = "a key";
  const std::string home = scene.state->pick(keyed)->id();
  Candidate& candidate = *scene.candidates[static_cast<size_t>(home.back() - '0')];
  candidate.doubted = true;
  const std::string other = scene.state->pick(keyed)->id();
  EXPECT_NE(other, home);
  EXPECT_EQ(scene.state->pick(keyed)->id(), other);
  const std::vector<std::string> avoid = {other};
  keyed.avoid = &avoid;
  EXPECT_NE(scene.state->pick(keyed)->id(), other);
  EXPECT_NE(scene.state->pick(keyed)->id(), home);
  keyed.avoid = nullptr;
  candidate.doubted = false;
  EXPECT_EQ(scene.state->pick(keyed)->id(), home);
  for (const auto& one : scene.candidates) one->doubted = true;
  EXPECT_EQ(scene.state->pick(keyed)->id(), home);
}

TEST(ServiceState, HowCallsToOneThatIsWatchedEndIsTold) {
  Scene scene(2);
  scene.pick("o-0").succeeded();
  { const Pick wordless = scene.pick("o-0"); }
  EXPECT_TRUE(scene.told.empty());
  scene.candidates[0]->watched = true;
  scene.candidates[0]->period = 7;
  scene.pick("o-0").succeeded();
  ASSERT_FALSE(scene.told.empty());
  EXPECT_EQ(scene.told.back().kind, Feedback::Kind::kSucceeded);
  scene.told.clear();
  { const Pick wordless = scene.pick("o-0"); }
  ASSERT_EQ(scene.told.size(), 1u);
  EXPECT_EQ(scene.told[0].kind, Feedback::Kind::kEnded);
  EXPECT_EQ(scene.told[0].period, 7u);
  EXPECT_EQ(scene.candidates[0]->outstanding, 0u);
}

TEST(ServiceState, AFailureFromBeforeAnInstanceWasLeftOutIsNotHeldAgainstIt) {
  Scene scene(1);
  Pick old = scene.pick("o-0");
  scene.candidates[0]->period = 1;
  old.failed("late");
  EXPECT_TRUE(scene.told.empty());
  EXPECT_FALSE(scene.candidates[0]->doubted);
  scene.pick("o-0").failed("now");
  EXPECT_EQ(scene.told.size(), 1u);
  EXPECT_TRUE(scene.candidates[0]->doubted);
}

TEST(ServiceState, TroubleSaysWhyNoneMayBeCalledAndWhatIsWrongWithTheRegistry) {
  const Scene scene(1);
  EXPECT_EQ(scene.state->trouble(), "");
  scene.state->set_trouble("tried a:7070");
  EXPECT_EQ(scene.state->trouble(), "tried a:7070");
  scene.publish({}, "none may be called");
  EXPECT_EQ(scene.state->trouble(), "none may be called; tried a:7070");
  scene.state->set_trouble({});
  EXPECT_EQ(scene.state->trouble(), "none may be called");
}

}  // namespace
}  // namespace callbook::sdk
