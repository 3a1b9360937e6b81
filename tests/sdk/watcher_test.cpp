#include "sdk/watcher.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sdk/list_digest.h"
#include "tests/sdk/fake_registry.h"
#include "tests/sdk/scenario.h"

namespace callbook::sdk::testing {
namespace {

/// Writes down what it is told: "orders: +o-1 -o-2".
struct Observer final : Watcher::Observer {
  void on_change(const Directory& directory, const std::vector<Change>& changes) override {
    EXPECT_TRUE(directory.whole());
    std::string line = directory.service() + ":";
    for (const Change& change : changes) {
      line += std::string(" ") + "+~-"[static_cast<int>(change.kind)] + change.instance->id;
    }
    told.push_back(line);
  }
  void on_trouble(const base::Error& error) override { troubles.push_back(error.code); }
  void on_connected() override { ++connected; }
  void on_refused(const base::Error& error) override { refused = base::name_of(error.code); }

  std::vector<std::string> told;
  std::vector<base::ErrorCode> troubles;
  int connected = 0;
  std::string refused;
};

using Told = std::vector<std::string>;

class WatcherTest : public ::testing::Test {
 protected:
  void watch(std::vector<std::string> services, int64_t silence_ms = 40'000) {
    Watcher::Options options;
    options.endpoint = registry.endpoint();
    options.services = std::move(services);
    options.silence_ms = silence_ms;
    watcher = std::make_unique<Watcher>(
        loop, options, [] { return 0.1; }, observer);
  }
  auto told(size_t times) {
    return [this, times] { return observer.told.size() >= times; };
  }

  static uint64_t part(const std::string& id) {
    Instance instance;
    instance.id = id;
    instance.address = "h";
    return digest_part(instance);
  }
  static std::string snapshot(const std::string& service, const std::vector<std::string>& ids) {
    std::string instances;
    uint64_t digest = 0;
    for (const std::string& id : ids) {
      instances +=
          fmt::format("{}{{\"id\":\"{}\",\"address\":\"h\"}}", instances.empty() ? "" : ",", id);
      digest += part(id);
    }
    return fmt::format(
        "event:snapshot\nid:b-1\ndata:{{\"service\":\"{}\",\"digest\":\"{}\","
        "\"instances\":[{}]}}\n\n",
        service, digest_text(digest), instances);
  }
  static std::string put(const std::string& id, uint64_t digest) {
    return fmt::format(
        "event:delta\ndata:{{\"service\":\"orders\",\"digest\":\"{}\","
        "\"put\":{{\"{}\":{{\"address\":\"h\"}}}}}}\n\n",
        digest_text(digest), id);
  }

  net::EventLoop loop;
  FakeRegistry registry{loop};
  Observer observer;
  std::unique_ptr<Watcher> watcher;
  Scenario scenario{loop};
};

TEST_F(WatcherTest, FollowsSeveralServices) {
  registry.on_watch = [](const std::string&) {
    return snapshot("orders", {"o-1"}) + snapshot("stock", {});
  };
  watch({"stock", "orders"});
  scenario
      .when("both lists", told(2), [&] { registry.push(put("o-2", part("o-1") + part("o-2"))); })
      .when("a change", told(3))
      .run();
  EXPECT_EQ(observer.told, (Told{"orders: +o-1", "stock:", "orders: +o-2"}));
  EXPECT_EQ(observer.connected, 1);
  EXPECT_EQ(registry.watch_bodies,
            (Told{R"({"services":[{"service":"orders"},{"service":"stock"}]})"}));
}

TEST_F(WatcherTest, ComesBackWithTheDigestOfWhatItHolds) {
  registry.on_watch = [](const std::string& body) {
    const bool resumed = body.find("digest") != std::string::npos;
    return resumed ? "event:alive\ndata:{}\n\n" : snapshot("orders", {"o-1"});
  };
  watch({"orders"});
  scenario.when("the list", told(1), [&] { registry.kill(); })
      .when(
          "noticed", [&] { return !observer.troubles.empty(); }, [&] { registry.start(); })
      .when(
          "connected again", [&] { return observer.connected == 2; },
          [&] { registry.push(put("o-2", part("o-1") + part("o-2"))); })
      .when("a change", told(2))
      .run();
  EXPECT_EQ(observer.told, (Told{"orders: +o-1", "orders: +o-2"}));
  ASSERT_FALSE(registry.watch_bodies.empty());
  EXPECT_EQ(registry.watch_bodies.back(),
            fmt::format(R"({{"services":[{{"service":"orders","digest":"{}"}}]}})",
                        digest_text(part("o-1"))));
}

TEST_F(WatcherTest, ReportsWhatChangedWhileItWasAway) {
  std::vector<std::string> ids = {"o-1", "o-2"};
  registry.on_watch = [&ids](const std::string&) { return snapshot("orders", ids); };
  watch({"orders"});
  scenario
      .when("the list", told(1),
            [&] {
              registry.kill();
              ids = {"o-2", "o-3"};
              registry.start();
            })
      .when("the difference", told(2))
      .run();
  EXPECT_EQ(observer.told, (Told{"orders: +o-1 +o-2", "orders: -o-1 +o-3"}));
}

TEST_F(WatcherTest, AsksAnewForAListThatADigestContradicts) {
  registry.on_watch = [](const std::string&) { return snapshot("orders", {"o-1"}); };
  watch({"orders"});
  scenario.when("the list", told(1), [&] { registry.push(put("o-2", part("o-1"))); })
      .when("corrected", told(2))
      .run();
  ASSERT_FALSE(registry.watch_bodies.empty());
  EXPECT_EQ(registry.watch_bodies.back(), R"({"services":[{"service":"orders"}]})");
  EXPECT_EQ(observer.troubles, (std::vector{base::ErrorCode::kCorrupt}));
  ASSERT_FALSE(observer.told.empty());
  EXPECT_EQ(observer.told.back(), "orders: +o-2 -o-2");
}

TEST_F(WatcherTest, MalformedEventsBreakTheStreamNotTheProgram) {
  registry.on_watch = [this](const std::string&) {
    return registry.watch_bodies.size() == 1 ? "event:snapshot\ndata:{\"service\":7}\n\n"
                                             : snapshot("orders", {"o-1"});
  };
  watch({"orders"});
  scenario.when("the list", told(1)).run();
  EXPECT_EQ(observer.troubles, (std::vector{base::ErrorCode::kInvalid}));
}

TEST_F(WatcherTest, AServerThatSaysNothingIsLeft) {
  registry.on_watch = [](const std::string&) { return snapshot("orders", {"o-1"}); };
  watch({"orders"}, 20);
  scenario.when("asked again", [&] { return registry.watch_bodies.size() >= 2; }).run();
  ASSERT_FALSE(observer.troubles.empty());
  EXPECT_EQ(observer.troubles.front(), base::ErrorCode::kIo);
  EXPECT_EQ(observer.told.size(), 1u);
}

TEST_F(WatcherTest, WaitsOutOverloadAndEndsWhenRefused) {
  registry.problems["/v1/watch"] = {503, "overloaded"};
  watch({"orders"});
  scenario
      .when(
          "tried again", [&] { return observer.troubles.size() >= 2; },
          [&] {
            registry.problems["/v1/watch"] = {400, "invalid"};
          })
      .when("refused", [&] { return !observer.refused.empty(); })
      .run();
  EXPECT_EQ(observer.refused, "invalid");
  ASSERT_FALSE(observer.troubles.empty());
  EXPECT_EQ(observer.troubles.front(), base::ErrorCode::kOverloaded);
}

}  // namespace
}  // namespace callbook::sdk::testing
