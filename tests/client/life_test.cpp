// What is decided about instances, as programs see it: processes that freeze, operators, what a
// provider says of itself, ids that collide, registries that are silent.

#include <algorithm>
#include <optional>
#include <vector>

#include "callbook/call.h"
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/client/scene.h"

namespace callbook::testing {
namespace {

class LifeTest : public ClientTest {
 protected:
  /// The state in which "orders/ID" is listed; empty: it is not.
  static std::string state_of(const Service& service, const std::string& id) {
    for (const InstancePtr& one : service.instances()) {
      if (one->id == id) return one->state;
    }
    return {};
  }
  static bool until_state(const Service& service, const std::string& id, const std::string& state) {
    return until(service, [&] { return state_of(service, id) == state; });
  }
};

TEST_F(LifeTest, AFrozenProviderIsNoticedThoughItsKernelAnswersAndReturnsWhenItGoesOn) {
  const Listener listener;
  const Listener other;
  Client client(options());
  Service service = client.service("orders");
  Registration staying = client.register_instance(orders("o-1", other.port()));
  ProviderProcess provider;
  provider.start(registry, "o-2", listener.port());
  ASSERT_TRUE(until_state(service, "o-2", "up")) << service.trouble();
  provider.stop();
  const auto stopped = std::chrono::steady_clock::now();
  ASSERT_TRUE(until(service, [&] { return state_of(service, "o-2") != "up"; }));
  const auto noticed = std::chrono::steady_clock::now() - stopped;
  RecordProperty("noticed_ms", static_cast<int>(noticed / milliseconds(1)));
  // The kernel accepts the registry's probes: it is doubted, not gone, and is not called.
  ASSERT_TRUE(until_state(service, "o-2", "unattended"));
  for (int i = 0; i < 200; ++i) ASSERT_EQ(service.pick()->id(), "o-1");
  provider.go_on();
  EXPECT_TRUE(until_state(service, "o-2", "up"));
}

TEST_F(LifeTest, WhatAnOperatorTakesOutStaysOutAndItsProviderIsTold) {
  Client client(options());
  Service service = client.service("orders");
  std::mutex told_mutex;
  std::vector<RegistrationEvent> told;
  RegistrationOptions wanted = orders("o-1", 8'080);
  wanted.on_event = [&](const RegistrationEvent& event) {
    const std::lock_guard<std::mutex> lock(told_mutex);
    told.push_back(event);
  };
  Registration registration = client.register_instance(std::move(wanted));
  ASSERT_TRUE(until_state(service, "o-1", "up")) << service.trouble();
  registry.ask("DELETE", "/v1/services/orders/instances/o-1?by=alice&reason=bad%20disk");
  ASSERT_TRUE(until_state(service, "o-1", ""));
  ASSERT_TRUE(until(service, [&] { return registration.withdrawn().has_value(); }));
  EXPECT_EQ(registration.withdrawn(), (Withdrawal{"deregister", "alice", "bad disk"}));
  EXPECT_TRUE(registration.registered());
  EXPECT_NE(registration.trouble().find("(deregister by alice: bad disk)"), std::string::npos)
      << registration.trouble();
  // Neither a restart of the registry nor a new connection undoes it.
  registry.kill9();
  ASSERT_TRUE(until(service, [&] { return !service.trouble().empty(); }));
  registry.start();
  ASSERT_TRUE(until(service, [&] { return registration.registered(); })) << registration.trouble();
  ASSERT_TRUE(until(service, [&] { return service.age() == milliseconds(0); }));
  EXPECT_EQ(state_of(service, "o-1"), "");
  EXPECT_TRUE(registration.withdrawn().has_value());
  registry.ask("DELETE", "/v1/services/orders/instances/o-1/override?by=bob");
  ASSERT_TRUE(until_state(service, "o-1", "up")) << service.trouble();
  EXPECT_TRUE(until(service, [&] { return !registration.withdrawn().has_value(); }));
  EXPECT_EQ(registration.trouble(), "");
  const std::lock_guard<std::mutex> lock(told_mutex);
  ASSERT_GE(told.size(), 2u);
  EXPECT_EQ(told.front().kind, RegistrationEvent::Kind::kWithdrawn);
  EXPECT_EQ(told.front().withdrawal.by, "alice");
  EXPECT_EQ(told.back().kind, RegistrationEvent::Kind::kRestored);
}

TEST_F(LifeTest, AProviderIsCalledWhileItSaysThatItIsUp) {
  Client client(options());
  Service service = client.service("orders");
  RegistrationOptions wanted = orders("o-1", 8'080);
  wanted.status = Status::kStarting;
  Registration registration = client.register_instance(std::move(wanted));
  ASSERT_TRUE(until_state(service, "o-1", "starting")) << service.trouble();
  EXPECT_FALSE(service.pick().has_value());
  EXPECT_EQ(service.trouble(), "none of 1 instance may be called: 1 is starting");
  EXPECT_EQ(registration.guard().admit("orders").refusal(), Refusal::kNotReady);
  registration.set_status(Status::kUp);
  ASSERT_TRUE(until_state(service, "o-1", "up"));
  EXPECT_TRUE(registration.guard().admit("orders"));
  EXPECT_EQ(service.pick()->id(), "o-1");
  // It is believed of the last one too, and outlives the registry's restart.
  registration.set_status(Status::kFailing, "disk\nfull");
  ASSERT_TRUE(until_state(service, "o-1", "failing"));
  EXPECT_FALSE(service.pick().has_value());
  EXPECT_NE(registry.ask("GET", "/v1/services/orders/instances/o-1").find(R"(disk\\u000afull)"),
            std::string::npos);
  registry.kill9();
  ASSERT_TRUE(until(service, [&] { return !registration.registered(); }));
  registry.start();
  ASSERT_TRUE(until(service, [&] { return registration.registered(); })) << registration.trouble();
  ASSERT_TRUE(until(service, [&] { return service.age() == milliseconds(0); }));
  EXPECT_EQ(state_of(service, "o-1"), "failing");
  registration.set_status(Status::kUp);
  EXPECT_TRUE(until_state(service, "o-1", "up"));
  EXPECT_EQ(registration.trouble(), "");
}

TEST_F(LifeTest, OfManyStatusesTheLastHolds) {
  Client client(options());
  Service service = client.service("orders");
  Registration registration = client.register_instance(orders("o-1", 8'080));
  ASSERT_TRUE(until_state(service, "o-1", "up"));
  for (int i = 0; i < 500; ++i) registration.set_status(Status::kNotReady, std::to_string(i));
  registration.set_status(Status::kFailing, "the last");
  ASSERT_TRUE(until(service, [&] {
    return registry.ask("GET", "/v1/services/orders/instances/o-1").find("the last") !=
           std::string::npos;
  }));
  EXPECT_TRUE(until_state(service, "o-1", "failing"));
}

TEST_F(LifeTest, WithoutAnInstanceThatMayBeCalledTroubleSaysWhy) {
  Client client(options());
  Service service = client.service("orders");
  ASSERT_TRUE(service.wait(kSoon));
  EXPECT_TRUE(until(service, [&] { return service.trouble() == "no instance is registered"; }))
      << service.trouble();
  RegistrationOptions weightless = orders("o-1", 8'080);
  weightless.instance.weight = 0;
  Registration registration = client.register_instance(std::move(weightless));
  ASSERT_TRUE(until_state(service, "o-1", "up"));
  EXPECT_FALSE(service.pick().has_value());
  EXPECT_EQ(service.trouble(), "none of 1 instance may be called: 1 has weight 0");
}

TEST_F(LifeTest, AnIdThatALivingProcessHoldsIsWaitedForOrTakenOver) {
  const Listener listener;
  Client client(options());
  Service service = client.service("orders");
  ProviderProcess provider;
  provider.start(registry, "o-1", listener.port());
  ASSERT_TRUE(until_state(service, "o-1", "up")) << service.trouble();
  {
    RegistrationOptions wanted = orders("o-1", 9);
    wanted.drain_timeout = milliseconds(1);
    Registration waiting = client.register_instance(std::move(wanted));
    ASSERT_TRUE(until(service, [&] {
      return waiting.trouble().find("held by a living session") != std::string::npos;
    })) << waiting.trouble();
    EXPECT_FALSE(waiting.registered());
    provider.kill9();
    EXPECT_TRUE(waiting.wait(kSoon)) << waiting.trouble();
    EXPECT_EQ(waiting.trouble(), "");
  }
  ASSERT_TRUE(until_state(service, "o-1", ""));
  ProviderProcess second;
  second.start(registry, "o-1", listener.port());
  ASSERT_TRUE(until_state(service, "o-1", "up"));
  RegistrationOptions insisting = orders("o-1", 9);
  insisting.take_over = true;
  Registration registration = client.register_instance(std::move(insisting));
  EXPECT_TRUE(registration.wait(kSoon)) << registration.trouble();
}

TEST_F(LifeTest, AListIsNotCurrentWhileTheRegistryIsSilent) {
  const Listener listener;
  Client client(options());
  Service service = client.service("orders");
  Registration registration = client.register_instance(orders("o-1", listener.port()));
  ASSERT_TRUE(until_state(service, "o-1", "up"));
  EXPECT_EQ(service.age(), milliseconds(0));
  registry.stop();
  const auto stopped = std::chrono::steady_clock::now();
  ASSERT_TRUE(until(service, [&] { return service.age() > milliseconds(7'000); }));
  EXPECT_LT(std::chrono::steady_clock::now() - stopped,
            seconds(11));  // before its stream is given up
  EXPECT_EQ(service.trouble(), "");
  EXPECT_EQ(service.pick()->id(), "o-1");
  registry.go_on();
  EXPECT_TRUE(until(service, [&] { return service.age() == milliseconds(0); }));
}

/// What a call to a frozen process is: accepted by its kernel, and never answered.
Outcome call_frozen(uint16_t port, milliseconds patience) {
  const int call = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  EXPECT_EQ(::connect(call, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  pollfd answer{call, POLLIN, 0};
  EXPECT_EQ(::poll(&answer, 1, static_cast<int>(patience.count())), 0);
  ::close(call);
  return Outcome::kFailed;
}

// B1 of the public reports: connections to a frozen instance are accepted, and nothing is answered.
TEST_F(LifeTest, AFrozenInstanceCostsAFewCalls) {
  const Listener frozen;
  const Listener one;
  const Listener other;
  Client client(options());
  Service service = client.service("orders");
  std::vector<Registration> registrations;
  for (const Listener* listener : {&frozen, &one, &other}) {
    const std::string id = fmt::format("o-{}", listener->port());
    registrations.push_back(client.register_instance(orders(id, listener->port())));
  }
  ASSERT_TRUE(until(service, [&] { return service.instances().size() == 3; }));
  int failed = 0;
  int calls = 0;
  const auto end = std::chrono::steady_clock::now() + seconds(5);
  CallPolicy policy;
  policy.max_attempts = 1;
  while (std::chrono::steady_clock::now() < end) {
    const CallResult result = call(service, policy, [&](const Pick& pick, milliseconds) {
      if (pick.instance().port != frozen.port()) return Outcome::kAnswered;
      return call_frozen(frozen.port(), milliseconds(50));
    });
    ++calls;
    if (!result) ++failed;
  }
  // It is tried anew after 0, 0.5 to 1, 1 to 2 and 2 to 4 s: five trials. Each costs a call, and
  // one more if that was chosen before the client's thread had heard of the first.
  EXPECT_GE(failed, 1);
  EXPECT_LE(failed, 10) << "of " << calls;
}

}  // namespace
}  // namespace callbook::testing
