// The client library as programs use it, with real registries that start, die and come back.

#include "callbook/client.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <thread>

#include "callbook/call.h"
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/client/scene.h"

namespace callbook::testing {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::StartsWith;

/// A caller's connection to an instance.
class Connection {
 public:
  explicit Connection(const Pick& pick)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(pick.instance().port);
    ::inet_pton(AF_INET, pick.instance().address.c_str(), &address.sin_addr);
    is_open_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Connection() { ::close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool is_open() const { return is_open_; }
  bool hears_within(milliseconds timeout) const {
    pollfd readable{socket_, POLLIN, 0};
    return ::poll(&readable, 1, static_cast<int>(timeout.count())) > 0;
  }

 private:
  int socket_;
  bool is_open_ = false;
};

/// An attempt that only connects.
Outcome connect_to(const Pick& pick, milliseconds) {
  const Connection connection(pick);
  return connection.is_open() ? Outcome::kAnswered : Outcome::kNotSent;
}

/// One that waits for an answer, which does not come.
Outcome wait_for_answer(const Pick& pick, milliseconds timeout) {
  const Connection connection(pick);
  return connection.hears_within(timeout) ? Outcome::kAnswered : Outcome::kFailed;
}

TEST_F(ClientTest, RegistersAndDiscoversInFiveLines) {
  Client client(options());
  Registration registration = client.register_instance(orders("o-1", 8'080));
  Service service = client.service("orders");
  ASSERT_TRUE(until(service, [&] { return service.pick().has_value(); })) << service.trouble();
  EXPECT_EQ(service.pick()->endpoint(), "127.0.0.1:8080");
  EXPECT_TRUE(registration.wait(kSoon));
  EXPECT_EQ(service.source(), Source::kRegistry);
  EXPECT_EQ(service.trouble(), "");
  EXPECT_EQ(registration.trouble(), "");
}

TEST_F(ClientTest, GoesOnWithoutARegistryAndRegistersAgainWhenItIsBack) {
  Listener listener;
  Client client(options());
  Service service = client.service("orders");
  Registration registration = client.register_instance(orders("o-1", listener.port()));
  ASSERT_TRUE(until(service, [&] { return service.pick().has_value(); }));
  registry.kill9();
  ASSERT_TRUE(until(service, [&] { return !service.trouble().empty(); }));
  EXPECT_NE(service.trouble().find(registry.endpoint()), std::string::npos) << service.trouble();
  EXPECT_GT(service.age()->count(), -1);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(call(service, {}, connect_to));
  registry.start();
  ASSERT_TRUE(until(service, [&] { return service.trouble().empty(); }));
  EXPECT_TRUE(until(service, [&] { return registration.registered(); })) << registration.trouble();
  EXPECT_TRUE(call(service, {}, connect_to));
}

TEST_F(ClientTest, AfterItsOwnRestartWithoutARegistryItHasTheListOfBefore) {
  const TemporaryDirectory cache;
  Listener listener;
  {
    Client client(options(cache.path()));
    Registration registration = client.register_instance(orders("o-1", listener.port()));
    Client consumer(options(cache.path()));
    Service service = consumer.service("orders");
    ASSERT_TRUE(until(service, [&] { return service.pick().has_value(); }));
    registry.kill9();  // so that nobody hears that it leaves
  }
  Client client(options(cache.path()));
  Service service = client.service("orders");
  EXPECT_EQ(service.source(), Source::kCache);
  EXPECT_TRUE(service.wait(milliseconds(0)));
  ASSERT_TRUE(service.age().has_value());
  EXPECT_TRUE(call(service, {}, connect_to));
}

TEST_F(ClientTest, ADamagedCacheIsIgnoredWithAWarning) {
  const TemporaryDirectory cache;
  {
    Client client(options(cache.path()));
    Registration registration = client.register_instance(orders("o-1", 8'080));
    Service service = client.service("orders");
    ASSERT_TRUE(until(service, [&] { return service.pick().has_value(); }));
  }
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(cache.path())) {
    std::ofstream(entry.path(), std::ios::trunc) << "not a list";
    ++files;
  }
  ASSERT_EQ(files, 1);
  registry.kill9();
  Client client(options(cache.path()));
  Service service = client.service("orders");
  EXPECT_EQ(service.source(), Source::kNone);
  EXPECT_NE(log().find("it is not used"), std::string::npos) << log();
}

TEST_F(ClientTest, WithNeitherRegistryNorCacheThereIsTheFallbackOrAClearWord) {
  registry.kill9();
  Listener listener;
  Client client(options());
  ServiceOptions with_fallback;
  Instance known;
  known.id = "o-1";
  known.address = "127.0.0.1";
  known.port = listener.port();
  with_fallback.fallback = {known};
  Service orders = client.service("orders", with_fallback);
  EXPECT_EQ(orders.source(), Source::kFallback);
  EXPECT_TRUE(call(orders, {}, connect_to));
  Service billing = client.service("billing");
  EXPECT_FALSE(billing.pick().has_value());
  ASSERT_TRUE(until(billing, [&] {
    return billing.trouble().find(registry.endpoint()) != std::string::npos;
  })) << billing.trouble();
  CallPolicy hasty;
  hasty.deadline = milliseconds(50);
  const CallResult result = call(billing, hasty, connect_to);
  EXPECT_FALSE(result);
  EXPECT_EQ(result.error, "there is nobody to call");
}

TEST_F(ClientTest, WhoFailsIsLeftOutAtOnceAlsoWithoutARegistry) {
  Listener alive;
  Listener other;
  auto dying = std::make_unique<Listener>();
  Client client(options());
  Service service = client.service("orders");
  Registration one = client.register_instance(orders("o-1", alive.port()));
  Registration two = client.register_instance(orders("o-2", dying->port()));
  Registration three = client.register_instance(orders("o-3", other.port()));
  ASSERT_TRUE(until(service, [&] { return service.instances().size() == 3; }));
  registry.kill9();
  dying.reset();
  uint32_t attempts = 0;
  for (int i = 0; i < 300; ++i) {
    const CallResult result = call(service, {}, connect_to);
    ASSERT_TRUE(result) << result.error;
    attempts += result.attempts;
  }
  EXPECT_LE(attempts, 300u + 5);
}

TEST_F(ClientTest, ACallThatIsNearlyOverBlamesNobodyForTheTimeItLacks) {
  Listener alive;
  Listener other;
  Client client(options());
  Service service = client.service("orders");
  Registration one = client.register_instance(orders("o-1", alive.port()));
  Registration two = client.register_instance(orders("o-2", other.port()));
  ASSERT_TRUE(until(service, [&] { return service.instances().size() == 2; }));
  CallPolicy late;
  late.deadline = milliseconds(20);
  late.attempt_timeout = seconds(1);
  std::string called;
  const CallResult result = call(service, late, [&](const Pick& pick, milliseconds timeout) {
    called = pick.id();
    return wait_for_answer(pick, timeout);
  });
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.attempts, 1u);
  bool chosen_again = false;
  for (int i = 0; i < 100 && !chosen_again; ++i) chosen_again = service.pick()->id() == called;
  EXPECT_TRUE(chosen_again);
}

TEST_F(ClientTest, ADrainTellsConsumersFirstThenShutsTheDoorAndWaitsForCalls) {
  Listener listener;
  Client consumer(options());
  Service service = consumer.service("orders");
  Client provider(options());
  Registration staying = provider.register_instance(orders("o-1", listener.port()));
  Registration leaving = provider.register_instance(orders("o-2", listener.port()));
  ASSERT_TRUE(until(service, [&] { return service.instances().size() == 2; }));
  auto admission = std::make_unique<Guard::Admission>(leaving.guard().admit("orders"));
  ASSERT_TRUE(*admission);
  std::atomic<bool> drained{false};
  std::thread drain([&] {
    const Registration::Drained result = leaving.drain(seconds(20));
    EXPECT_TRUE(result.seen);
    EXPECT_TRUE(result.idle);
    drained = true;
  });
  // Told, but not shut out: until the door shuts a late call is let in.
  ASSERT_TRUE(until(service, [&] {
    for (const InstancePtr& one : service.instances()) {
      if (one->id == "o-2" && one->state == "draining") return true;
    }
    return false;
  }));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(service.pick()->id(), "o-1");
  ASSERT_TRUE(until(service, [&] { return leaving.guard().draining(); }));
  EXPECT_EQ(leaving.guard().admit("orders").refusal(), Refusal::kDraining);
  EXPECT_FALSE(drained);
  admission.reset();
  drain.join();
  EXPECT_TRUE(until(service, [&] { return service.instances().size() == 1; }));
}

TEST_F(ClientTest, ADrainTurnsLateCallersAwayForAMomentBeforeItReturns) {
  Client client(options());
  Registration registration = client.register_instance(orders("o-1", 8'080));
  ASSERT_TRUE(registration.wait(kSoon));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(registration.drain(kSoon).seen);
  // A lower bound: that the machine is slow does not matter.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(500));
}

TEST_F(ClientTest, AServersOwnGuardOpensWithTheRegistrationAndShutsWithIt) {
  Client client(options());
  const Guard guard({"orders"});
  EXPECT_EQ(guard.admit("orders").refusal(), Refusal::kNotReady);
  RegistrationOptions with_guard = orders("o-1", 8'080);
  with_guard.guard = guard;
  Registration registration = client.register_instance(with_guard);
  EXPECT_TRUE(guard.admit("orders"));
  registration.drain(seconds(20));
  EXPECT_EQ(guard.admit("orders").refusal(), Refusal::kDraining);
}

TEST_F(ClientTest, PicksAndServicesOutliveTheirClient) {
  Listener listener;
  auto client = std::make_unique<Client>(options());
  Service service = client->service("orders");
  auto registration =
      std::make_unique<Registration>(client->register_instance(orders("o-1", listener.port())));
  ASSERT_TRUE(until(service, [&] { return service.pick().has_value(); }));
  std::optional<Pick> pick = service.pick();
  // A registration keeps the client's thread; without it that ends.
  registration.reset();
  client.reset();
  pick->failed("nobody hears it");
  EXPECT_NE(service.trouble(), "");
  EXPECT_NO_THROW(service.pick());
}

/// Whether there is a way to others at all, as there is wherever tests usually run.
bool has_route() {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in anybody{};
  anybody.sin_family = AF_INET;
  anybody.sin_port = htons(9);
  ::inet_pton(AF_INET, "192.0.2.1", &anybody.sin_addr);
  const bool routed = ::connect(socket, reinterpret_cast<sockaddr*>(&anybody), sizeof anybody) == 0;
  ::close(socket);
  return routed;
}

TEST_F(ClientTest, AProviderStartsThoughTheNameOfTheRegistryCannotBeResolved) {
  Client client({.registry = "registry.invalid:7070"});
  RegistrationOptions wanted = orders("o-1", 80);
  wanted.drain_timeout = milliseconds(1);
  if (!has_route()) {
    EXPECT_THROW(client.register_instance(std::move(wanted)), std::invalid_argument);
    return;
  }
  const Registration registration = client.register_instance(std::move(wanted));
  EXPECT_NE(registration.instance().address, "");
  EXPECT_NE(registration.instance().address, "127.0.0.1");
  EXPECT_FALSE(registration.registered());
}

/// Containers of one image may all be called "localhost".
TEST_F(ClientTest, TheDefaultIdNamesTheAddress) {
  Client client(options());
  const auto id_at = [&](const std::string& service, const std::string& address) {
    RegistrationOptions wanted;
    wanted.service = service;
    wanted.instance.address = address;
    wanted.instance.port = 8'080;
    wanted.drain_timeout = milliseconds(1);
    const Registration registration = client.register_instance(std::move(wanted));
    EXPECT_TRUE(registration.wait(seconds(20))) << registration.trouble();
    return registration.instance().id;
  };
  EXPECT_THAT(id_at("orders", "10.0.0.7"),
              AllOf(StartsWith("orders-"), EndsWith("-10.0.0.7-8080")));
  EXPECT_THAT(id_at("orders", "::FFFF:10.0.0.8"), EndsWith("-10.0.0.8-8080"));
  EXPECT_THAT(id_at("orders", "FD00::7"), EndsWith("-fd00::7-8080"));
  // Of a name that fills an id, the address is still part of it.
  const std::string longest(128, 's');
  const std::string one = id_at(longest, "10.0.0.7");
  EXPECT_EQ(one.size(), 128U);
  EXPECT_NE(one, id_at(longest, "10.0.0.8"));
}

TEST_F(ClientTest, WhatCannotBeRightIsRefusedAtOnce) {
  EXPECT_THROW(Client({.registry = "127.0.0.1:notaport"}), std::invalid_argument);
  Client client(options());
  EXPECT_THROW(client.service("a b"), std::invalid_argument);
  EXPECT_THROW(client.register_instance({}), std::invalid_argument);
  RegistrationOptions bad = orders("o 1", 80);
  EXPECT_THROW(client.register_instance(std::move(bad)), std::invalid_argument);
  RegistrationOptions twice = orders("o-1", 80);
  twice.served = {"orders/eu"};
  twice.guard = Guard({"orders"});
  EXPECT_THROW(client.register_instance(std::move(twice)), std::invalid_argument);
}

}  // namespace
}  // namespace callbook::testing
