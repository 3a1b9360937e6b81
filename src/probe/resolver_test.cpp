#include "probe/resolver.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "probe/test_dns_server.h"

namespace callbook::probe {
namespace {

using Outcome = Lookup::Outcome;
using Addresses = std::vector<std::string>;
using testing::TempDir;

/// Only a failing test ever waits so long.
constexpr int64_t kPatienceMs = 20'000;

/// Time as a test wants it.
class TestClock final : public base::Clock {
 public:
  base::Now now() const override {
    base::Now now = system_.now();
    now.mono_ms += ahead_ms;
    return now;
  }
  int64_t ahead_ms = 0;

 private:
  net::SystemClock system_;
};

/// A resolver and its loop, on the test's thread.
class Asking {
 public:
  explicit Asking(ResolverOptions options) : resolver_(loop_, clock_, std::move(options)) {}

  Lookup ask(const std::string& name, int64_t patience_ms = kPatienceMs) {
    return ask_all({name}, patience_ms).front();
  }
  /// At once; in the order of `names`.
  std::vector<Lookup> ask_all(const std::vector<std::string>& names, int64_t patience_ms) {
    std::vector<Lookup> found(names.size());
    size_t left = names.size();
    bool waits = false;  // what is known comes back at once, and a stop would end the next run
    for (size_t i = 0; i < names.size(); ++i) {
      resolver_.lookup(names[i], patience_ms, [&, i](const Lookup& lookup) {
        found[i] = lookup;
        if (--left == 0 && waits) loop_.stop();
      });
    }
    waits = left > 0;
    if (waits) loop_.run();
    return found;
  }
  /// Until so many look-ups have been answered, whoever asked for them.
  void until_answered(uint64_t count) {
    const auto look = loop_.every(1, [&] {
      if (resolver_.stats().answered >= count) loop_.stop();
    });
    if (resolver_.stats().answered < count) loop_.run();
  }
  TestClock& clock() { return clock_; }
  const Resolver::Stats& stats() const { return resolver_.stats(); }

 private:
  net::EventLoop loop_;
  TestClock clock_;
  Resolver resolver_;
};

TEST(Resolver, FindsAddressesOfBothFamilies) {
  TestDnsServer server;
  server.set("both.example", {.addresses = {"127.0.0.2", "::1"}});
  server.set("v4.example", {.addresses = {"127.0.0.3", "127.0.0.4"}});
  Asking asking({.servers = server.endpoint()});
  const Lookup both = asking.ask("both.example");
  EXPECT_EQ(both.outcome, Outcome::kAddresses);
  EXPECT_EQ(both.addresses.size(), 2U);
  EXPECT_NE(std::find(both.addresses.begin(), both.addresses.end(), "::1"), both.addresses.end());
  EXPECT_EQ(asking.ask("v4.example").addresses.size(), 2U);
  EXPECT_EQ(asking.stats().asked, 2U);
  EXPECT_EQ(asking.stats().answered, 2U);
}

TEST(Resolver, ReadsTheHostsFile) {
  TestDnsServer server;
  const Lookup found = Asking({.servers = server.endpoint()}).ask("localhost");
  EXPECT_EQ(found.outcome, Outcome::kAddresses);
  EXPECT_NE(std::find(found.addresses.begin(), found.addresses.end(), "127.0.0.1"),
            found.addresses.end());
  EXPECT_EQ(server.asked("localhost"), 0);
}

TEST(Resolver, TellsANameThatIsNotFromOneThatNobodyKnows) {
  TestDnsServer server;
  server.set("broken.example", {.rcode = 2});
  server.set("empty.example", {});
  Asking asking({.servers = server.endpoint()});
  EXPECT_EQ(asking.ask("gone.example").outcome, Outcome::kNoSuchName);
  EXPECT_EQ(asking.ask("empty.example").outcome, Outcome::kNoSuchName);
  const Lookup broken = asking.ask("broken.example");
  EXPECT_EQ(broken.outcome, Outcome::kNoAnswer);
  EXPECT_EQ(broken.text.rfind("name not resolved: ", 0), 0U) << broken.text;
}

TEST(Resolver, KeepsWhatItFoundAsLongAsItsRecordSays) {
  TestDnsServer server;
  server.set("a.example", {.addresses = {"127.0.0.2"}, .ttl_s = 10});
  Asking asking({.servers = server.endpoint()});
  asking.ask("a.example");
  server.set("a.example", {.addresses = {"127.0.0.3"}, .ttl_s = 10});
  asking.clock().ahead_ms = 5'000;
  EXPECT_EQ(asking.ask("a.example").addresses, Addresses{"127.0.0.2"});
  EXPECT_EQ(server.asked("a.example"), 1);
  asking.clock().ahead_ms = 11'000;
  EXPECT_EQ(asking.ask("a.example").addresses, Addresses{"127.0.0.3"});
  EXPECT_EQ(server.asked("a.example"), 2);
}

TEST(Resolver, TheShortestTimeOfAChainCounts) {
  TestDnsServer server;
  server.set("a.example", {.addresses = {"127.0.0.2"}, .alias = "b.example", .alias_ttl_s = 3});
  Asking asking({.servers = server.endpoint()});
  EXPECT_EQ(asking.ask("a.example").addresses, Addresses{"127.0.0.2"});
  asking.clock().ahead_ms = 3'500;
  asking.ask("a.example");
  EXPECT_EQ(server.asked("a.example"), 2);
}

TEST(Resolver, AsksAgainBeforeItMustForget) {
  TestDnsServer server;
  server.set("a.example", {.addresses = {"127.0.0.2"}, .ttl_s = 10});
  Asking asking({.servers = server.endpoint()});
  asking.ask("a.example");
  server.set("a.example", {.addresses = {"127.0.0.3"}, .ttl_s = 10});
  asking.clock().ahead_ms = 8'000;
  EXPECT_EQ(asking.ask("a.example").addresses, Addresses{"127.0.0.2"}) << "without waiting";
  asking.until_answered(2);
  EXPECT_EQ(asking.ask("a.example").addresses, Addresses{"127.0.0.3"});
}

TEST(Resolver, OneNameIsAskedForOnceHoweverManyWait) {
  TestDnsServer server;
  server.set("a.example", {.addresses = {"127.0.0.2"}});
  Asking asking({.servers = server.endpoint()});
  const auto found = asking.ask_all(std::vector<std::string>(50, "a.example"), kPatienceMs);
  for (const Lookup& one : found) EXPECT_EQ(one.addresses, Addresses{"127.0.0.2"});
  EXPECT_EQ(server.asked("a.example"), 1);
}

TEST(Resolver, ManyNamesAtOnceAreAllFound) {
  TestDnsServer server;
  std::vector<std::string> names;
  for (int i = 0; i < 1'000; ++i) {
    names.push_back("n" + std::to_string(i) + ".example");
    server.set(names.back(), {.addresses = {"127.0.1." + std::to_string(i % 250)}});
  }
  Asking asking({.servers = server.endpoint()});
  const auto found = asking.ask_all(names, kPatienceMs);
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_EQ(found[i].addresses, Addresses{"127.0.1." + std::to_string(i % 250)}) << i;
  }
}

TEST(Resolver, WaitsNoLongerThanItMayButGoesOn) {
  TestDnsServer server;
  server.set("a.example", {.addresses = {"127.0.0.2"}});
  server.set_mute(true);
  Asking asking({.servers = server.endpoint()});
  const Lookup late = asking.ask("a.example", 50);
  EXPECT_EQ(late.outcome, Outcome::kNoAnswer);
  EXPECT_EQ(late.text, "name not resolved: no answer in time");
  server.set_mute(false);
  asking.until_answered(1);
  EXPECT_EQ(asking.ask("a.example").addresses, Addresses{"127.0.0.2"});
}

TEST(Resolver, JudgesNobodyIfNobodyIsFound) {
  TestDnsServer server;
  server.set("a.example", {.addresses = {"127.0.0.2"}});
  server.set_mute(true);
  Asking asking({.servers = server.endpoint()});
  const auto found =
      asking.ask_all({"a.example", "b.example", "c.example", "d.example"}, 50);
  for (const Lookup& one : found) {
    EXPECT_EQ(one.outcome, Outcome::kNotAsked);
    EXPECT_EQ(one.text, "not asked: most names find no resolver that answers");
  }
}

TEST(Resolver, OneNameThatNobodyKnowsIsNoDoubtOfTheResolver) {
  TestDnsServer server;
  server.set("a.example", {.addresses = {"127.0.0.2"}});
  server.set("b.example", {.addresses = {"127.0.0.3"}});
  server.set("mute.example", {.mute = true});
  Asking asking({.servers = server.endpoint()});
  asking.ask_all({"a.example", "b.example", "gone.example"}, kPatienceMs);
  EXPECT_EQ(asking.ask("mute.example", 50).outcome, Outcome::kNoAnswer);
  EXPECT_EQ(asking.ask("gone.example").outcome, Outcome::kNoSuchName);
}

TEST(Resolver, GoesToTheNextServerIfOneIsMute) {
  TestDnsServer mute;
  mute.set_mute(true);
  TestDnsServer server;
  server.set("a.example", {.addresses = {"127.0.0.2"}});
  Asking asking({.servers = mute.endpoint() + "," + server.endpoint()});
  EXPECT_EQ(asking.ask("a.example").addresses, Addresses{"127.0.0.2"});
}

TEST(Resolver, ReadsItsConfigurationAgainWhenThatChanges) {
  TestDnsServer first("127.0.0.1");
  TestDnsServer second("127.0.0.2", first.port());
  first.set("a.example", {.addresses = {"127.0.0.11"}, .ttl_s = 1});
  second.set("a.example", {.addresses = {"127.0.0.12"}, .ttl_s = 1});
  const std::string path = TempDir() + "resolv.conf." + std::to_string(::getpid());
  std::ofstream(path) << "nameserver 127.0.0.1\n";
  Asking asking({.resolv_conf = path, .default_port = first.port()});
  EXPECT_EQ(asking.ask("a.example").addresses, Addresses{"127.0.0.11"});
  std::ofstream(path) << "# elsewhere now\nnameserver 127.0.0.2\n";
  asking.clock().ahead_ms = 5'000;
  EXPECT_EQ(asking.ask("a.example").addresses, Addresses{"127.0.0.12"});
  std::filesystem::remove(path);
}

TEST(Resolver, CallsNobodyOnceItIsGone) {
  TestDnsServer server;
  server.set_mute(true);
  net::EventLoop loop;
  net::SystemClock clock;
  std::optional<Resolver> resolver(std::in_place, loop, clock,
                                   ResolverOptions{.servers = server.endpoint()});
  int calls = 0;
  resolver->lookup("a.example", 10, [&](const Lookup&) { ++calls; });
  resolver->lookup("localhost", 10, [&](const Lookup&) { ++calls; });
  resolver.reset();
  const auto end = loop.after(100, [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(calls, 0);
}

TEST(Resolver, KnowsWhatNamesServers) {
  for (const char* servers : {"", "10.0.0.2", "10.0.0.2:53", "[fd00::2]:53,10.0.0.2", "fd00::2"}) {
    EXPECT_EQ(Resolver::fault_of(servers), "") << servers;
  }
  for (const char* servers : {"dns.example", "10.0.0.2:x", "10.0.0.2:0", "10.0.0", "[fd00::2]", "10.0.0.2,", ",10.0.0.2", ","}) {
    EXPECT_NE(Resolver::fault_of(servers), "") << servers;
  }
}

}  // namespace
}  // namespace callbook::probe
