#include "sdk/registration_keeper.h"

#include <gtest/gtest.h>

#include "sdk/process_id.h"
#include "tests/sdk/fake_registry.h"
#include "tests/sdk/scenario.h"

namespace callbook::sdk::testing {
namespace {

using base::ErrorCode;

struct Owner final : RegistrationKeeper::Owner {
  void on_registered() override { ++registered; }
  void on_trouble(const base::Error& error) override { troubles.push_back(error.code); }
  void on_finished(const base::Status& status) override {
    finished = status.ok() ? "ok" : std::string(base::name_of(status.error().code));
  }
  void on_withdrawn(size_t index, const Withdrawal& one) override {
    told.push_back(std::to_string(index) + " " + one.action + " by " + one.by + ": " + one.reason);
  }
  void on_restored(size_t index) override { told.push_back(std::to_string(index) + " restored"); }
  void on_status_refused(size_t, const base::Error& error) override {
    told.push_back("status: " + error.detail);
  }
  int registered = 0;
  std::vector<ErrorCode> troubles;
  std::vector<std::string> told;
  std::string finished;
};

class RegistrationKeeperTest : public ::testing::Test {
 protected:
  void keep(std::vector<std::string> ids) {
    options.registries = registries ? registries : single_registry(registry.endpoint());
    for (const std::string& id : ids) {
      Instance instance;
      instance.id = id;
      instance.address = "10.0.0.7";
      options.entries.push_back({{kDefaultNamespace, "orders"}, instance, status});
    }
    keeper = std::make_unique<RegistrationKeeper>(
        loop, options, [] { return 0.1; }, owner);
  }
  auto registered(int times) {
    return [this, times] { return owner.registered >= times; };
  }
  auto finished() {
    return [this] { return !owner.finished.empty(); };
  }
  auto stop() {
    return [this] { keeper->stop(); };
  }

  net::EventLoop loop;
  /// Both, `registry` first.
  void use(FakeRegistry& other) {
    registries = std::make_shared<RegistryPool>(
        RegistryPool::Endpoints{registry.endpoint(), other.endpoint()}, [] { return 0.999; });
  }

  FakeRegistry registry{loop};
  RegistryPoolPtr registries;
  RegistrationKeeper::Options options;
  Status status = Status::kUp;  ///< of each instance, at first
  Owner owner;
  std::unique_ptr<RegistrationKeeper> keeper;
  Scenario scenario{loop};
};

TEST_F(RegistrationKeeperTest, RegistersAllThenLeavesAtOnce) {
  keep({"o-1", "a/b c"});
  scenario
      .when(
          "registered and attached",
          [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] {
            EXPECT_TRUE(registry.instances.contains("orders/o-1"));
            EXPECT_TRUE(registry.instances.contains("orders/a/b c"));
            keeper->stop();
          })
      .when("finished", finished())
      .run();
  EXPECT_EQ(owner.finished, "ok");
  EXPECT_TRUE(registry.instances.empty());
  EXPECT_TRUE(registry.sessions.empty());
  EXPECT_TRUE(owner.troubles.empty());
  EXPECT_EQ(registry.count("PUT /v1/sessions/"), 0u);  // the stream is the heartbeat
}

TEST_F(RegistrationKeeperTest, GoesOnWithItsSessionAfterARestart) {
  keep({"o-1"});
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] { registry.kill(); })
      .when(
          "noticed", [&] { return !owner.troubles.empty(); }, [&] { registry.start(); })
      .when("registered again", registered(2), stop())
      .when("finished", finished())
      .run();
  EXPECT_EQ(registry.count("POST /v1/sessions"), 1u);
  EXPECT_EQ(registry.count("PUT /v1/services/orders/instances/o-1"), 2u);
  EXPECT_EQ(owner.finished, "ok");
}

TEST_F(RegistrationKeeperTest, OpensAnewWhereItsSessionIsUnknown) {
  keep({"o-1"});
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] {
            registry.kill();
            registry.sessions.clear();
            registry.instances.clear();
          })
      .when(
          "noticed", [&] { return !owner.troubles.empty(); }, [&] { registry.start(); })
      .when("registered again", registered(2))
      .run();
  EXPECT_EQ(registry.count("POST /v1/sessions"), 2u);
  EXPECT_EQ(registry.sessions, std::set<std::string>{"s2"});
  EXPECT_TRUE(registry.instances.contains("orders/o-1"));
}

TEST_F(RegistrationKeeperTest, WaitsForARegistryThatIsNotThereYet) {
  registry.kill();
  keep({"o-1"});
  scenario
      .when(
          "noticed", [&] { return owner.troubles.size() >= 2; }, [&] { registry.start(); })
      .when("registered", registered(1))
      .run();
  ASSERT_FALSE(owner.troubles.empty());
  EXPECT_EQ(owner.troubles.front(), ErrorCode::kIo);
}

TEST_F(RegistrationKeeperTest, HeartbeatsWhileItCannotAttach) {
  registry.heartbeat_ms = 5;
  registry.problems["/attach"] = {503, "overloaded"};
  keep({"o-1"});
  scenario
      .when(
          "beats", [&] { return registry.count("PUT /v1/sessions/s1/heartbeat") >= 3; },
          [&] { registry.problems.clear(); })
      .when("attached", [&] { return registry.streams() == 1; })
      .run();
  EXPECT_EQ(registry.count("POST /v1/sessions"), 1u);
}

TEST_F(RegistrationKeeperTest, ASilentStreamIsALostOne) {
  registry.heartbeat_ms = 5;
  keep({"o-1"});
  scenario.when("attached again", [&] { return registry.count("GET /v1/sessions/s1/attach") >= 2; })
      .run();
  ASSERT_FALSE(owner.troubles.empty());
  EXPECT_EQ(owner.troubles.front(), ErrorCode::kIo);
}

TEST_F(RegistrationKeeperTest, StopsWhenSuperseded) {
  keep({"o-1"});
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] { registry.push("event:ended\ndata:{\"title\":\"superseded\",\"status\":409}\n\n"); })
      .when("finished", finished())
      .run();
  EXPECT_EQ(owner.finished, "superseded");
  EXPECT_EQ(registry.count("POST /v1/sessions"), 1u);
}

TEST_F(RegistrationKeeperTest, StopsWhenRefused) {
  registry.problems["/instances/"] = {422, "limit_exceeded"};
  keep({"o-1"});
  scenario.when("finished", finished()).run();
  EXPECT_EQ(owner.finished, "limit_exceeded");
  EXPECT_TRUE(registry.sessions.empty());  // it did not leave the session behind
}

TEST_F(RegistrationKeeperTest, ASessionEndedByOthersIsOpenedAnew) {
  keep({"o-1"});
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] {
            registry.sessions.clear();
            registry.push("event:ended\ndata:{\"title\":\"not_found\",\"status\":404}\n\n");
          })
      .when("registered again", registered(2))
      .run();
  EXPECT_EQ(registry.sessions, std::set<std::string>{"s2"});
}

TEST_F(RegistrationKeeperTest, StopsWhenAnEventSaysThatItIsSuperseded) {
  keep({"o-1"});
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] { registry.push("event:superseded\ndata:{\"id\":\"o-1\"}\n\n"); })
      .when("finished", finished())
      .run();
  EXPECT_EQ(owner.finished, "superseded");
}

// --- Life is what the process says ---

TEST_F(RegistrationKeeperTest, SpeaksBesideItsStream) {
  registry.heartbeat_ms = 20;
  keep({"o-1"});
  const auto alive = loop.every(5, [&] { registry.push("event:alive\ndata:{}\n\n"); });
  scenario.when("heartbeats", [&] { return registry.count("PUT /v1/sessions/s1/heartbeat") >= 5; })
      .run();
  ASSERT_EQ(registry.session_bodies.size(), 1u);
  EXPECT_EQ(registry.session_bodies[0], R"({"speaks":true,"process":")" + process_id() + R"("})");
  EXPECT_EQ(registry.count("GET /v1/sessions/s1/attach?speaks=true"), 1u);
  EXPECT_EQ(registry.streams(), 1u);
  EXPECT_TRUE(owner.troubles.empty());
}

TEST_F(RegistrationKeeperTest, ARegistryOfRelease01IsAskedAsItKnows) {
  registry.is_of_release_0_1 = true;
  registry.heartbeat_ms = 20;
  status = Status::kStarting;
  options.take_over = true;
  keep({"o-1"});
  const auto alive = loop.every(5, [&] { registry.push("event:alive\ndata:{}\n\n"); });
  int intervals = 0;
  const auto passing = loop.every(20, [&] { ++intervals; });
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] { intervals = 0; })
      .when("some intervals", [&] { return intervals >= 5; })
      .run();
  EXPECT_EQ(registry.session_bodies, std::vector<std::string>{"{}"});
  EXPECT_EQ(registry.count("POST /v1/sessions"), 2u);
  EXPECT_EQ(registry.count("GET /v1/sessions/s1/attach"), 1u);
  EXPECT_EQ(registry.count("PUT /v1/sessions/"), 0u);  // the stream is the heartbeat
  EXPECT_EQ(registry.count("PUT /v1/services/"), 1u);
  EXPECT_TRUE(owner.troubles.empty());
}

TEST_F(RegistrationKeeperTest, ARegistryThatComesBackAsAnotherReleaseIsAskedAnew) {
  registry.is_of_release_0_1 = true;
  keep({"o-1"});
  const auto restart_as_release_0_1 = [&](bool old) {
    registry.kill();
    registry.is_of_release_0_1 = old;
  };
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] { restart_as_release_0_1(false); })
      .when(
          "noticed", [&] { return owner.troubles.size() == 1; }, [&] { registry.start(); })
      .when(
          "attached, speaking", [&] { return owner.registered == 2 && registry.streams() == 1; },
          [&] {
            EXPECT_EQ(registry.count("GET /v1/sessions/s1/attach?speaks=true"), 1u);
            restart_as_release_0_1(true);
          })
      .when(
          "noticed", [&] { return owner.troubles.size() >= 2; }, [&] { registry.start(); })
      .when("attached, mute", [&] { return owner.registered == 3 && registry.streams() == 1; })
      .run();
  EXPECT_EQ(registry.count("GET /v1/sessions/s1/attach?speaks=true"), 2u);
  EXPECT_EQ(registry.count("GET /v1/sessions/s1/attach"), 4u);
  EXPECT_EQ(registry.sessions, std::set<std::string>{"s1"});
}

TEST_F(RegistrationKeeperTest, AStatusIsSentWithTheRegistrationAndOnItsOwn) {
  status = Status::kStarting;
  keep({"o-1"});
  scenario
      .when("registered", registered(1),
            [&] {
              EXPECT_NE(registry.instances["orders/o-1"].find(R"("status":"starting")"),
                        std::string::npos);
              keeper->set_status(0, {Status::kFailing, "disk full"});
              keeper->set_status(0, {Status::kNotReady, "soon"});
              keeper->set_status(0, {Status::kUp, ""});
            })
      .when(
          "the last", [&] { return registry.statuses.size() >= 2; }, [&] { registry.kill(); })
      .when(
          "noticed", [&] { return !owner.troubles.empty(); }, [&] { registry.start(); })
      .when("again, behind its registration", [&] { return registry.statuses.size() >= 3; })
      .run();
  const std::vector<std::string> expected = {R"({"status":"failing","text":"disk full"})",
                                             R"({"status":"up"})", R"({"status":"up"})"};
  EXPECT_EQ(registry.statuses, expected);
  EXPECT_EQ(registry.instances["orders/o-1"].find("status"), std::string::npos);
  EXPECT_EQ(registry.count("PUT /v1/services/orders/instances/o-1/status?session=s1"), 3u);
}

TEST_F(RegistrationKeeperTest, AStatusThatTheRegistryDoesNotKnowIsTold) {
  registry.is_of_release_0_1 = true;
  keep({"o-1"});
  scenario
      .when("registered", registered(1),
            [&] {
              keeper->set_status(0, {Status::kFailing, "disk full"});
            })
      .when("told", [&] { return !owner.told.empty(); })
      .run();
  EXPECT_EQ(owner.told, std::vector<std::string>{"status: " + registry.endpoint().to_string() +
                                                 " is of a release that takes no status"});
  EXPECT_TRUE(registry.statuses.empty());
}

TEST_F(RegistrationKeeperTest, AnOperatorsWordIsToldAndNotContradicted) {
  keep({"o-0", "o-1"});
  const auto event = [](const char* name, const char* id) {
    return std::string("event:") + name + "\ndata:{\"service\":\"orders\",\"id\":\"" + id +
           R"(","action":"drain","by":"alice","reason":"bad disk"})" + "\n\n";
  };
  const std::string alive = "event:alive\ndata:{}\n\n";
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] { registry.push(event("drained", "o-1") + event("drained", "o-9") + alive); })
      .when(
          "told", [&] { return owner.told.size() == 1; }, [&] { registry.kill(); })
      .when(
          "noticed", [&] { return !owner.troubles.empty(); }, [&] { registry.start(); })
      .when(
          "attached again", [&] { return owner.registered == 2 && registry.streams() == 1; },
          [&] { registry.push(event("drained", "o-1") + event("restored", "o-1") + alive); })
      .when(
          "restored", [&] { return owner.told.size() == 2; }, stop())
      .when("finished", finished())
      .run();
  const std::string drained = "1 drain by alice: bad disk";
  EXPECT_EQ(owner.told, (std::vector<std::string>{drained, "1 restored"}));
  EXPECT_EQ(registry.count("PUT /v1/services/orders/instances/o-0"), 2u);
  EXPECT_EQ(registry.count("PUT /v1/services/orders/instances/o-1"), 1u);
  EXPECT_EQ(registry.count("POST /v1/sessions"), 1u);
}

// --- Several registries ---

// It goes on with what was opened long ago, but answers nothing new.
TEST_F(RegistrationKeeperTest, LeavesARegistryThatAnswersNoHeartbeats) {
  FakeRegistry other(loop);
  use(other);
  other.sessions.insert("s1");
  registry.heartbeat_ms = 20;
  other.heartbeat_ms = 20;
  registry.problems["/heartbeat"] = {503, "overloaded"};
  keep({"o-1"});
  const auto alive = loop.every(5, [&] {
    for (FakeRegistry* one : {&registry, &other}) one->push("event:alive\ndata:{}\n\n");
  });
  scenario.when("registered there", [&] { return owner.registered == 2 && other.streams() == 1; })
      .run();
  EXPECT_GE(registry.count("PUT /v1/sessions/s1/heartbeat"), 2u);
  EXPECT_EQ(other.count("GET /v1/sessions/s1/attach?speaks=true"), 1u);
}

TEST_F(RegistrationKeeperTest, GoesOnWithItsSessionAtTheNextRegistry) {
  FakeRegistry other(loop);
  use(other);
  other.sessions.insert("s1");  // one cluster
  keep({"o-1"});
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] { registry.kill(); })
      .when(
          "registered there", [&] { return owner.registered == 2 && other.streams() == 1; }, stop())
      .when("finished", finished())
      .run();
  EXPECT_EQ(owner.finished, "ok");
  EXPECT_EQ(other.count("POST /v1/sessions"), 0u);
  EXPECT_EQ(other.count("GET /v1/sessions/s1/attach"), 1u);
  EXPECT_EQ(other.count("PUT /v1/services/orders/instances/o-1"), 1u);
  EXPECT_EQ(other.count("DELETE /v1/sessions/s1"), 1u);
}

TEST_F(RegistrationKeeperTest, OpensAnewAtARegistryThatDoesNotKnowItsSession) {
  FakeRegistry other(loop);
  use(other);
  keep({"o-1"});
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] { registry.kill(); })
      .when("registered there", registered(2))
      .run();
  EXPECT_EQ(other.count("POST /v1/sessions"), 1u);
  EXPECT_TRUE(other.instances.contains("orders/o-1"));
}

TEST_F(RegistrationKeeperTest, LeavesARegistryThatDoesNotAnswerItsRequests) {
  FakeRegistry other(loop);
  use(other);
  registry.problems["/v1/sessions"] = {503, "not_ready"};
  keep({"o-1"});
  scenario.when("registered", registered(1)).run();
  EXPECT_EQ(registry.count("POST /v1/sessions"), 1u);
  EXPECT_EQ(owner.troubles, (std::vector{ErrorCode::kNotReady}));
  EXPECT_TRUE(other.instances.contains("orders/o-1"));
}

TEST_F(RegistrationKeeperTest, TurnsToTheNodesThatAreNamedWithTheSession) {
  FakeRegistry other(loop);
  other.sessions.insert("s1");
  registry.nodes = {registry.endpoint().to_string(), other.endpoint().to_string()};
  keep({"o-1"});
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] { registry.kill(); })
      .when("registered there", registered(2))
      .run();
  EXPECT_TRUE(other.instances.contains("orders/o-1"));
}

TEST_F(RegistrationKeeperTest, LeavesByTheNextRegistryWhenItsOwnIsGone) {
  FakeRegistry other(loop);
  use(other);
  other.sessions.insert("s1");
  keep({"o-1"});
  scenario
      .when(
          "attached", [&] { return owner.registered == 1 && registry.streams() == 1; },
          [&] { registry.kill(); })
      .when(
          "noticed", [&] { return !owner.troubles.empty(); }, stop())
      .when("finished", finished())
      .run();
  EXPECT_EQ(owner.finished, "ok");
  EXPECT_TRUE(other.sessions.empty());
}

TEST_F(RegistrationKeeperTest, WaitsForWhereTheRegistriesAre) {
  RegistryPool::LookedUp looked_up;
  registries = std::make_shared<RegistryPool>(
      "dns:r", [&](RegistryPool::LookedUp done) { looked_up = std::move(done); },
      [] { return 0.0; });
  keep({"o-1"});
  const auto answer = loop.after(5, [&] {
    looked_up(base::Error{ErrorCode::kIo, {}, "r: not known", {}});
  });
  scenario
      .when(
          "said", [&] { return !owner.troubles.empty(); },
          [&] { looked_up(RegistryPool::Endpoints{registry.endpoint()}); })
      .when("registered", registered(1))
      .run();
}

TEST_F(RegistrationKeeperTest, EndsAtOnceWhileItLooksForRegistries) {
  registries = std::make_shared<RegistryPool>(
      "dns:r", [](const RegistryPool::LookedUp&) {}, [] { return 0.0; });
  keep({"o-1"});
  keeper->stop();
  EXPECT_EQ(owner.finished, "ok");
}

}  // namespace
}  // namespace callbook::sdk::testing
