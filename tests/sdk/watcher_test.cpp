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
    EXPECT_TRUE(directory.whole() || directory.impaired());
    std::string line = directory.service() + ":";
    for (const Change& change : changes) {
      line += std::string(" ") + "+~-"[static_cast<int>(change.kind)] + change.instance->id;
    }
    told.push_back(line);
  }
  void on_trouble(const base::Error& error) override {
    troubles.push_back(error.code);
    last_trouble = error.detail;
  }
  void on_connected() override { ++connected; }
  void on_refused(const base::Error& error) override { refused = base::name_of(error.code); }

  std::vector<std::string> told;
  std::vector<base::ErrorCode> troubles;
  std::string last_trouble;
  int connected = 0;
  std::string refused;
};

using Told = std::vector<std::string>;

class WatcherTest : public ::testing::Test {
 protected:
  void watch(std::vector<std::string> services, int64_t silence_ms = 40'000) {
    options.services = std::move(services);
    options.silence_ms = silence_ms;
    if (!options.registries) options.registries = single_registry(registry.endpoint());
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

  static std::string empty(const std::string& service, const std::string& why) {
    return fmt::format(
        "event:snapshot\nid:b-2\ndata:{{\"service\":\"{}\",\"digest\":\"AAAAAAAAAAA\","
        "\"instances\":[],\"empty\":{}}}\n\n",
        service, why);
  }
  static InstanceList list_of(const std::vector<std::string>& ids) {
    InstanceList list;
    for (const std::string& id : ids) {
      Instance instance;
      instance.id = id;
      instance.address = "h";
      list.put(std::make_shared<const Instance>(instance));
    }
    return list;
  }
  /// Both, `registry` first.
  void use(FakeRegistry& other) {
    options.registries = std::make_shared<RegistryPool>(
        RegistryPool::Endpoints{registry.endpoint(), other.endpoint()}, [] { return 0.999; });
  }
  size_t held() const { return watcher->find("orders")->instances().size(); }

  net::EventLoop loop;
  FakeRegistry registry{loop};
  Watcher::Options options;
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

TEST_F(WatcherTest, ReportsThatOnlyTheLargestSizeHasChanged) {
  registry.on_watch = [](const std::string&) { return snapshot("orders", {"o-1"}); };
  watch({"orders"});
  const auto event = [](const char* largest) {
    return fmt::format("event:delta\ndata:{{\"service\":\"orders\",\"digest\":\"{}\"{}}}\n\n",
                       digest_text(part("o-1")), largest);
  };
  scenario.when("the list", told(1), [&] { registry.push(event(R"(,"largest":9)")); })
      .when("a larger size", told(2),
            [&] {
              EXPECT_EQ(watcher->find("orders")->instances().largest(), 9u);
              registry.push(event(R"(,"largest":9)"));
              registry.push(event(""));
            })
      .when("no more than are listed", told(3))
      .run();
  EXPECT_EQ(observer.told, (Told{"orders: +o-1", "orders:", "orders:"}));
  EXPECT_EQ(watcher->find("orders")->instances().largest(), 1u);
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
      .when("asked anew", [&] { return registry.watch_bodies.size() == 2; })
      .when("corrected", [&] { return watcher->find("orders")->whole(); })
      .run();
  ASSERT_FALSE(registry.watch_bodies.empty());
  EXPECT_EQ(registry.watch_bodies.back(), R"({"services":[{"service":"orders"}]})");
  EXPECT_EQ(observer.troubles, (std::vector{base::ErrorCode::kCorrupt}));
  EXPECT_EQ(observer.told, (Told{"orders: +o-1"}));  // what was contradicted was never in force
}

TEST_F(WatcherTest, ACorrectedListMayComeInParts) {
  const std::string first =
      "event:snapshot\ndata:{\"service\":\"orders\",\"part\":1,\"instances\":["
      "{\"id\":\"o-1\",\"address\":\"h\"}]}\n\n";
  registry.on_watch = [&](const std::string&) {
    return registry.watch_bodies.size() == 1
               ? snapshot("orders", {"o-1"})
               : first + fmt::format(
                             "event:snapshot\ndata:{{\"service\":\"orders\",\"part\":2,"
                             "\"digest\":\"{}\",\"instances\":[{{\"id\":\"o-2\","
                             "\"address\":\"h\"}}]}}\n\n",
                             digest_text(part("o-1") + part("o-2")));
  };
  watch({"orders"});
  scenario.when("the list", told(1), [&] { registry.push(put("o-2", part("o-1"))); })
      .when("corrected", told(2))
      .run();
  EXPECT_EQ(registry.watch_bodies.size(), 2u);
  EXPECT_EQ(observer.told.back(), "orders: +o-2");
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

// --- Several registries ---

const char* const kAlive = "event:alive\ndata:{}\n\n";

TEST_F(WatcherTest, GoesOnAtTheNextRegistryByDigest) {
  FakeRegistry other(loop);
  use(other);
  registry.on_watch = [](const std::string&) { return snapshot("orders", {"o-1"}); };
  other.on_watch = [](const std::string&) { return kAlive; };
  watch({"orders"});
  scenario.when("the list", told(1), [&] { registry.kill(); })
      .when(
          "connected again", [&] { return observer.connected == 2; },
          [&] { other.push(put("o-2", part("o-1") + part("o-2"))); })
      .when("a change", told(2))
      .run();
  EXPECT_EQ(observer.told, (Told{"orders: +o-1", "orders: +o-2"}));
  EXPECT_EQ(other.watch_bodies,
            (Told{fmt::format(R"({{"services":[{{"service":"orders","digest":"{}"}}]}})",
                              digest_text(part("o-1")))}));
  EXPECT_EQ(registry.watch_bodies.size(), 1u);
}

TEST_F(WatcherTest, NamesAllThatItTried) {
  FakeRegistry other(loop);
  use(other);
  registry.kill();
  other.kill();
  watch({"orders"});
  scenario
      .when(
          "all failed", [&] { return observer.troubles.size() >= 2; }, [&] { other.start(); })
      .when("connected", [&] { return !other.watch_bodies.empty(); })
      .run();
  EXPECT_NE(observer.last_trouble.find(registry.endpoint().to_string() + ": "), std::string::npos);
  EXPECT_NE(observer.last_trouble.find(other.endpoint().to_string() + ": "), std::string::npos);
}

TEST_F(WatcherTest, WaitsForWhereTheRegistriesAre) {
  RegistryPool::LookedUp looked_up;
  options.registries = std::make_shared<RegistryPool>(
      "dns:r", [&](RegistryPool::LookedUp done) { looked_up = std::move(done); },
      [] { return 0.0; });
  registry.on_watch = [](const std::string&) { return snapshot("orders", {"o-1"}); };
  watch({"orders"});
  const auto answer =
      loop.after(5, [&] { looked_up(RegistryPool::Endpoints{registry.endpoint()}); });
  scenario.when("the list", told(1)).run();
  EXPECT_TRUE(observer.troubles.empty());
}

TEST_F(WatcherTest, SaysThatNoRegistryIsKnown) {
  bool found = false;
  options.registries = std::make_shared<RegistryPool>(
      "dns:r",
      [&](const RegistryPool::LookedUp& done) {
        if (found) return done(RegistryPool::Endpoints{registry.endpoint()});
        done(base::Error{base::ErrorCode::kIo, {}, "r: not known", {}});
      },
      [] { return 0.0; });
  registry.on_watch = [](const std::string&) { return snapshot("orders", {"o-1"}); };
  watch({"orders"});
  EXPECT_TRUE(observer.troubles.empty());  // nothing is told before the loop runs
  scenario
      .when(
          "told", [&] { return !observer.troubles.empty(); }, [&] { found = true; })
      .when("the list", told(1))
      .run();
  EXPECT_EQ(observer.last_trouble, "dns:r: r: not known");
}

// --- What was known before ---

TEST_F(WatcherTest, BeginsWithWhatWasRestoredAndResumesByItsDigest) {
  options.restored["orders"] = {list_of({"o-1"}), Directory::Source::kCache, 0};
  registry.on_watch = [](const std::string&) { return kAlive; };
  watch({"orders"});
  EXPECT_EQ(held(), 1u);
  EXPECT_EQ(watcher->find("orders")->source(), Directory::Source::kCache);
  EXPECT_EQ(watcher->current_wall_ms("orders"), 0);
  scenario.when("confirmed", told(1)).run();
  EXPECT_EQ(observer.told, (Told{"orders:"}));
  EXPECT_EQ(watcher->find("orders")->source(), Directory::Source::kRegistry);
  EXPECT_GT(watcher->current_wall_ms("orders"), 0);
  EXPECT_NE(registry.watch_bodies.at(0).find(digest_text(part("o-1"))), std::string::npos);
}

TEST_F(WatcherTest, ARestoredListIsConfirmedByAnIdToo) {
  options.restored["orders"] = {list_of({"o-1"}), Directory::Source::kCache, 0};
  registry.on_watch = [](const std::string&) { return snapshot("stock", {"s-1"}); };
  watch({"orders", "stock"});
  scenario.when("both", told(2)).run();
  EXPECT_EQ(observer.told, (Told{"stock: +s-1", "orders:"}));
}

TEST_F(WatcherTest, TellsWhatDiffersFromWhatWasRestored) {
  options.restored["orders"] = {list_of({"o-1", "o-2"}), Directory::Source::kStatic, 0};
  registry.on_watch = [](const std::string&) { return snapshot("orders", {"o-2", "o-3"}); };
  watch({"orders"});
  scenario.when("the list", told(1)).run();
  EXPECT_EQ(observer.told, (Told{"orders: -o-1 +o-3"}));
}

struct FixedClock final : base::Clock {
  base::Now now() const override { return {0, wall_ms}; }
  int64_t wall_ms = 1'000'000'000'000;
};

TEST_F(WatcherTest, ForgetsALargestSizeOfMoreThanAnHourAgo) {
  const FixedClock clock;
  options.clock = &clock;
  registry.on_watch = [](const std::string&) { return kAlive; };
  for (const int64_t age_ms : {Watcher::kLargestMemoryMs - 1, Watcher::kLargestMemoryMs}) {
    Watcher::Restored& restored = options.restored["orders"];
    restored = {list_of({"o-1"}), Directory::Source::kCache, clock.wall_ms - age_ms};
    restored.list.set_largest(9);
    observer.told.clear();
    watch({"orders"});
    Scenario(loop).when("confirmed", told(1)).run();
    const bool old = age_ms == Watcher::kLargestMemoryMs;
    EXPECT_EQ(watcher->find("orders")->instances().largest(), old ? 1u : 9u);
  }
}

TEST_F(WatcherTest, ARegistryMayHaveForgottenOldLists) {
  const FixedClock clock;
  options.clock = &clock;
  const int64_t old_ms = clock.wall_ms - Watcher::kRegistryMemoryMs;
  options.restored["orders"] = {list_of({"o-1"}), Directory::Source::kCache, old_ms};
  registry.on_watch = [](const std::string&) {
    return empty("orders", R"({"reason":"never_registered"})");
  };
  watch({"orders"});
  scenario.when("believed", told(1)).run();
  EXPECT_EQ(held(), 0u);
  EXPECT_TRUE(observer.troubles.empty());
}

TEST_F(WatcherTest, StaticListsDoNotAge) {
  options.restored["orders"] = {list_of({"o-1"}), Directory::Source::kStatic, 0};
  registry.on_watch = [](const std::string&) {
    return empty("orders", R"({"reason":"never_registered"})");
  };
  watch({"orders"});
  scenario.when("refused", [&] { return observer.troubles.size() >= 2; }).run();
  EXPECT_EQ(held(), 1u);
}

// --- What is not believed ---

TEST_F(WatcherTest, ARegistryThatForgotEverythingTakesNothingAway) {
  FakeRegistry other(loop);
  use(other);
  const FixedClock clock;
  options.clock = &clock;
  options.restored["orders"] = {list_of({"o-1", "o-2"}), Directory::Source::kCache,
                                clock.wall_ms - Watcher::kRegistryMemoryMs + 1};
  registry.on_watch = [](const std::string&) {
    return empty("orders", R"({"reason":"never_registered"})");
  };
  other.on_watch = [](const std::string&) { return kAlive; };
  watch({"orders"});
  scenario.when("confirmed by the other", told(1)).run();
  EXPECT_EQ(observer.told, (Told{"orders:"}));
  EXPECT_EQ(held(), 2u);
  EXPECT_EQ(observer.troubles, (std::vector{base::ErrorCode::kCorrupt}));
  EXPECT_EQ(observer.last_trouble,
            registry.endpoint().to_string() +
                ": the list of orders is not taken over: 2 instances are gone, and the registry "
                "says 'never_registered'");
  EXPECT_NE(other.watch_bodies.at(0).find("digest"), std::string::npos);
}

TEST_F(WatcherTest, AnEmptyListWithItsCausesIsBelieved) {
  registry.on_watch = [](const std::string&) { return snapshot("orders", {"o-1", "o-2"}); };
  watch({"orders"});
  scenario
      .when("the list", told(1),
            [&] {
              registry.push(
                  empty("orders", R"({"reason":"all_left","causes":{"session_closed":2}})"));
            })
      .when("empty", told(2))
      .run();
  EXPECT_EQ(observer.told.back(), "orders: -o-1 -o-2");
  EXPECT_TRUE(observer.troubles.empty());
}

TEST_F(WatcherTest, WaitsLongerAndLongerBetweenRefusals) {
  // The service beside it is fine, which must not end the growth of the waits.
  options.restored["orders"] = {list_of({"o-1"}), Directory::Source::kStatic, 0};
  registry.on_watch = [](const std::string&) {
    return snapshot("another", {"s-1"}) + empty("orders", R"({"reason":"never_registered"})");
  };
  watch({"another", "orders"});
  const auto end = loop.after(300, [&] { loop.stop(); });
  loop.run();
  EXPECT_GE(registry.watch_bodies.size(), 2u);
  EXPECT_LE(registry.watch_bodies.size(), 6u);  // after 10, 20, 40, 80 and 160 ms
  EXPECT_EQ(held(), 1u);
}

TEST_F(WatcherTest, ALostHalfIsBelievedWhenRegistriesAgree) {
  FakeRegistry other(loop);
  use(other);
  options.restored["orders"] = {list_of({"o-1", "o-2", "o-3"}), Directory::Source::kCache, 0};
  registry.on_watch =
      other.on_watch = [](const std::string&) { return snapshot("orders", {"o-3"}); };
  const FixedClock clock;
  options.clock = &clock;
  options.restored["orders"].current_wall_ms = clock.wall_ms;
  watch({"orders"});
  scenario.when("believed", told(1)).run();
  EXPECT_EQ(observer.told, (Told{"orders: -o-1 -o-2"}));
  EXPECT_EQ(registry.watch_bodies.size(), 2u);
  EXPECT_EQ(other.watch_bodies.size(), 1u);
}

TEST_F(WatcherTest, RecordsThatCannotBeReadAreSaidOnceAndAskedForAnew) {
  const std::string odd = fmt::format(
      "event:snapshot\nid:b-1\ndata:{{\"service\":\"orders\",\"digest\":\"{}\",\"instances\":"
      "[{{\"id\":\"o-1\",\"address\":\"h\"}},{{\"id\":\"o-2\",\"address\":\"h\","
      "\"weight\":70000}}]}}\n\n",
      digest_text(part("o-1") + 99));
  registry.on_watch = [&](const std::string&) {
    return registry.watch_bodies.size() < 3 ? odd : snapshot("orders", {"o-1", "o-2"});
  };
  watch({"orders"});
  scenario
      .when("impaired", told(1),
            [&] {
              EXPECT_TRUE(watcher->find("orders")->impaired());
              registry.push(put("o-0", part("o-0") + part("o-1") + 99));
            })
      .when("followed meanwhile", told(2), [&] { EXPECT_EQ(held(), 2u); })
      .when("whole", [&] { return watcher->find("orders")->whole(); })
      .run();
  EXPECT_EQ(registry.watch_bodies.size(), 3u);
  EXPECT_EQ(registry.watch_bodies.back(), R"({"services":[{"service":"orders"}]})");
  ASSERT_EQ(observer.troubles, (std::vector{base::ErrorCode::kCorrupt}));
  EXPECT_EQ(observer.last_trouble,
            registry.endpoint().to_string() +
                ": 1 of the list of orders can't be read and is left out: 'o-2': invalid: weight: "
                "the registry's weight is no number in range");
}

}  // namespace
}  // namespace callbook::sdk::testing
