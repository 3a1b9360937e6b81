#include "sdk/registry_pool.h"

#include <set>
#include <utility>

#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

using Endpoints = RegistryPool::Endpoints;

const base::Error kRefused{base::ErrorCode::kIo, {}, "Connection refused", {}};

Endpoint at(const std::string& host) {
  return {host, 7070};
}

/// Leaves the order as it was given.
double in_order() {
  return 0.999;
}

std::string current(const RegistryPool& pool) {
  return pool.current() == nullptr ? "none" : pool.current()->host;
}

/// The hosts that are current while each fails in its turn.
std::string turns(RegistryPool& pool, size_t count) {
  std::string hosts;
  for (size_t i = 0; i < count; ++i) {
    hosts += current(pool);
    pool.failed(*pool.current(), kRefused);
  }
  return hosts;
}

/// A lookup that a test answers.
struct Questions {
  RegistryPool::Lookup lookup() {
    return [this](RegistryPool::LookedUp done) { open.push_back(std::move(done)); };
  }
  void answer(base::Result<Endpoints> found) { std::exchange(open, {}).front()(std::move(found)); }
  std::vector<RegistryPool::LookedUp> open;
};

TEST(RegistryPlace, ReadsWhatPeopleWrite) {
  for (const char* text : {"a:1", "a:1,b:2,[::1]:3", "dns:registry.example:7171", "file:/etc/r"}) {
    const auto place = parse_registry_place(text);
    ASSERT_TRUE(place.ok()) << text;
    EXPECT_EQ(place->to_string(), text);
  }
  const auto place = parse_registry_place("dns:registry.example");
  ASSERT_TRUE(place.ok());
  EXPECT_EQ(place->name.port, kDefaultRegistryPort);
  EXPECT_EQ(parse_registry_place(" a:1 , b:2,a:1")->to_string(), "a:1,b:2");
}

TEST(RegistryPlace, RefusesTheRestNamingIt) {
  for (const char* text : {"", ",", "a:1,", "a:1,,b:2", "a:1;b:2", "dns:", "dns:a:b",
                           "file:", "file:relative", "http://a:1", "a:0"}) {
    const auto place = parse_registry_place(text);
    ASSERT_FALSE(place.ok()) << text;
    EXPECT_EQ(place.error().field, "registry") << text;
  }
}

TEST(RegistryPlace, AFileNamesOneALine) {
  const auto endpoints = parse_registry_lines("# ours\n\n  a:1  # the first\r\nb\n[::1]:3");
  ASSERT_TRUE(endpoints.ok());
  EXPECT_EQ(*endpoints, (Endpoints{{"a", 1}, {"b", 7070}, {"::1", 3}}));
  EXPECT_EQ(parse_registry_lines("a:1\nb:x\n").error().detail, "line 2: 'b:x' is no HOST:PORT");
  EXPECT_FALSE(parse_registry_lines("# none\n").ok());
}

TEST(RegistryPool, GoesRound) {
  RegistryPool pool({at("a"), at("b"), at("c")}, in_order);
  EXPECT_EQ(turns(pool, 7), "abcabca");
}

TEST(RegistryPool, TheOrderIsDrawnOnce) {
  std::set<std::string> orders;
  for (const double drawn : {0.0, 0.4, 0.7, 0.999}) {
    RegistryPool pool({at("a"), at("b"), at("c")}, [drawn] { return drawn; });
    const std::string order = turns(pool, 3);
    EXPECT_EQ(turns(pool, 3), order);
    EXPECT_EQ(std::set(order.begin(), order.end()).size(), 3u) << order;
    orders.insert(order);
  }
  EXPECT_GT(orders.size(), 2u);
}

TEST(RegistryPool, SeveralUsersLeaveOneTogether) {
  RegistryPool pool({at("a"), at("b"), at("c")}, in_order);
  pool.failed(at("a"), kRefused);
  pool.failed(at("a"), kRefused);  // the other user was on it too
  EXPECT_EQ(current(pool), "b");
  EXPECT_EQ(turns(pool, 3), "bca");
}

TEST(RegistryPool, SaysWhatWasTried) {
  RegistryPool pool({at("a"), at("b")}, in_order);
  EXPECT_EQ(pool.tried(), "");
  turns(pool, 3);
  EXPECT_EQ(pool.tried(), "b:7070: Connection refused; a:7070: Connection refused");
  pool.failed(at("b"), {base::ErrorCode::kIo, {}, "b:7070: timed out", {}});
  EXPECT_EQ(pool.tried(), "a:7070: Connection refused; b:7070: timed out");
  pool.succeeded(at("a"));
  EXPECT_EQ(pool.tried(), "");
}

TEST(RegistryPool, LearnsWhatARegistryNames) {
  RegistryPool pool({at("a")}, in_order);
  pool.learned({"b:7070", "a:7070", "", "no endpoint", "0.0.0.0:7070", "[::]:7070",
                "127.0.0.1:7070", "b:7070"},
               at("a"));
  EXPECT_EQ(turns(pool, 4), "abab");

  RegistryPool local({{"127.0.0.1", 7070}}, in_order);
  local.learned({"127.0.0.1:7071"}, *local.current());
  EXPECT_EQ(local.size(), 2u);
}

TEST(RegistryPool, LearnsSoManyAndNoMore) {
  RegistryPool pool({at("a")}, in_order);
  std::vector<std::string> nodes;
  for (int i = 0; i < 10'000; ++i) nodes.push_back("n" + std::to_string(i) + ":1");
  pool.learned(nodes, at("a"));
  pool.learned(nodes, at("a"));
  EXPECT_EQ(pool.size(), 1 + RegistryPool::kMaxLearned);
}

TEST(RegistryPool, WaitsForTheLookup) {
  Questions questions;
  RegistryPool pool("dns:r", questions.lookup(), in_order);
  EXPECT_EQ(current(pool), "none");
  EXPECT_TRUE(pool.is_waiting());
  EXPECT_EQ(pool.nobody().detail, "dns:r: is being looked up");
  int told = 0;
  const auto listener = std::make_shared<std::function<void()>>([&told] { ++told; });
  pool.when_looked_up(listener);
  pool.when_looked_up(std::make_shared<std::function<void()>>([&told] { told += 100; }));  // gone
  questions.answer(Endpoints{at("a"), at("b")});
  EXPECT_EQ(told, 1);
  EXPECT_EQ(current(pool), "a");
  EXPECT_FALSE(pool.is_waiting());
}

TEST(RegistryPool, ALookupThatFailsIsSaidAndRepeated) {
  Questions questions;
  RegistryPool pool("dns:r", questions.lookup(), in_order);
  questions.answer(base::Error{base::ErrorCode::kIo, {}, "r: not known", {}});
  EXPECT_FALSE(pool.is_waiting());
  EXPECT_EQ(pool.nobody().detail, "dns:r: r: not known");
  pool.found_none();
  pool.found_none();
  ASSERT_EQ(questions.open.size(), 1u);
  questions.answer(Endpoints{at("a")});
  EXPECT_EQ(current(pool), "a");
}

TEST(RegistryPool, LooksAgainWhenAllHaveFailedInARow) {
  Questions questions;
  RegistryPool pool("dns:r", questions.lookup(), in_order);
  questions.answer(Endpoints{at("a"), at("b")});
  pool.learned({"n:7070"}, at("a"));
  EXPECT_EQ(turns(pool, 2), "ab");
  EXPECT_TRUE(questions.open.empty());
  pool.succeeded(at("n"));
  EXPECT_EQ(turns(pool, 2), "na");
  EXPECT_TRUE(questions.open.empty());
  EXPECT_EQ(turns(pool, 1), "b");
  ASSERT_EQ(questions.open.size(), 1u);
  EXPECT_EQ(current(pool), "n");  // meanwhile
  questions.answer(Endpoints{at("c"), at("d")});
  EXPECT_EQ(current(pool), "n");  // learned ones stay, and who is in use
  EXPECT_EQ(turns(pool, 4), "ncdn");
}

TEST(RegistryPool, AnAnswerThatNamesNobodyChangesNothing) {
  Questions questions;
  RegistryPool pool("file:/r", questions.lookup(), in_order);
  questions.answer(Endpoints{at("a")});
  turns(pool, 1);
  questions.answer(Endpoints{});
  EXPECT_EQ(current(pool), "a");
  turns(pool, 1);
  questions.answer(base::Error{base::ErrorCode::kIo, {}, "gone", {}});
  EXPECT_EQ(current(pool), "a");
}

TEST(RegistryPool, AnAnswerMayComeTooLate) {
  Questions questions;
  { const RegistryPool pool("dns:r", questions.lookup(), in_order); }
  questions.answer(Endpoints{at("a")});
}

TEST(RegistryPool, ThatARegistryIsOldIsKnownUntilItFails) {
  RegistryPool pool(Endpoints{at("a"), at("b")}, in_order);
  pool.found_old(at("a"));
  pool.found_old(at("a"));
  EXPECT_TRUE(pool.is_old(at("a")));
  EXPECT_FALSE(pool.is_old(at("b")));
  pool.failed(at("b"), kRefused);
  EXPECT_TRUE(pool.is_old(at("a")));
  pool.failed(at("a"), kRefused);
  EXPECT_FALSE(pool.is_old(at("a")));
}

TEST(Backoff, GrowsWhenAllOfThePoolHaveFailed) {
  Backoff backoff([] { return 0.5; });
  std::vector<int64_t> waits_ms;
  for (int i = 0; i < 7; ++i) waits_ms.push_back(backoff.next_ms(3));
  EXPECT_EQ(waits_ms, (std::vector<int64_t>{50, 50, 50, 100, 100, 100, 200}));
  backoff.reset();
  EXPECT_EQ(backoff.next_ms(), 50);
  EXPECT_EQ(backoff.next_ms(), 100);
}

}  // namespace
}  // namespace callbook::sdk
