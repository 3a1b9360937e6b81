// Calls over gRPC to real servers in this process: what is refused, what is repeated, and where.

#include "callbook/grpc.h"

#include <atomic>
#include <functional>
#include <future>
#include <thread>

#include "callbook/client.h"
#include "orders.grpc.pb.h"
#include <gtest/gtest.h>

namespace callbook::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Handler = std::function<grpc::Status(grpc::ServerContext& context)>;

/// A provider with a guard at its door.
class Provider final : public orders::Orders::Service {
 public:
  explicit Provider(Guard guard, Handler handler = {}, uint16_t port = 0)
      : guard_(std::move(guard)), handler_(std::move(handler)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    EXPECT_NE(port_, 0);
  }
  ~Provider() override { stop(); }

  /// Breaks off the calls under way, and waits for their handlers.
  void stop() { server_->Shutdown(std::chrono::system_clock::now()); }
  Guard& guard() { return guard_; }
  Instance instance(const std::string& id) const {
    Instance made;
    made.id = id;
    made.address = "127.0.0.1";
    made.port = static_cast<uint16_t>(port_);
    return made;
  }
  /// Calls that were let in.
  int served() const { return served_.load(); }

 private:
  grpc::Status Place(grpc::ServerContext* context, const orders::PlaceRequest*,
                     orders::PlaceReply*) override {
    const GrpcAdmission admission(guard_, *context, "orders");
    if (!admission) return admission.status();
    ++served_;
    return handler_ ? handler_(*context) : grpc::Status::OK;
  }

  Guard guard_;
  const Handler handler_;
  std::atomic<int> served_{0};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

Guard ready_guard(std::vector<std::string> services = {"orders"}) {
  Guard guard(std::move(services));
  guard.set_ready();
  return guard;
}

/// Consumes from a list that needs no registry.
class Consumer {
 public:
  explicit Consumer(std::vector<Instance> instances) {
    ServiceOptions options;
    options.fallback = std::move(instances);
    service_.emplace(client_.service("orders", std::move(options)));
  }

  CallResult call(const CallPolicy& policy, const std::string& group = {}) {
    return callbook::call(*service_, policy, [&](const Pick& pick, milliseconds timeout) {
      return attempt(pick, timeout, group);
    });
  }
  Outcome attempt(const Pick& pick, milliseconds timeout, const std::string& group = {}) {
    return grpc_attempt(channels_, pick, timeout, status_,
                        [&](const auto& channel, grpc::ClientContext& context) {
                          ++sent_;
                          if (!group.empty())
                            context.AddMetadata(std::string(kGroupMetadata), group);
                          orders::PlaceReply reply;
                          return orders::Orders::NewStub(channel)->Place(&context, {}, &reply);
                        });
  }
  Service& service() { return *service_; }
  GrpcChannels& channels() { return channels_; }
  const grpc::Status& status() const { return status_; }
  int sent() const { return sent_; }

 private:
  Client client_{ClientOptions{.registry = "127.0.0.1:1"}};
  std::optional<Service> service_;
  GrpcChannels channels_{grpc::InsecureChannelCredentials()};
  grpc::Status status_;
  int sent_ = 0;
};

/// A port at which nobody listens.
Instance closed_port(const std::string& id) {
  const Provider gone(ready_guard());
  return gone.instance(id);
}

CallPolicy idempotent() {
  CallPolicy policy;
  policy.idempotent = true;
  return policy;
}

TEST(Grpc, ACallThatIsLetInIsServedAndOver) {
  Provider provider(ready_guard());
  Consumer consumer({provider.instance("o-1")});
  EXPECT_TRUE(consumer.call({}));
  EXPECT_EQ(provider.served(), 1);
  EXPECT_TRUE((provider.guard().drain(), provider.guard().wait_idle(seconds(20))));
}

/// One attempt at a provider that must not serve it, and what it said.
void expect_refusal(Guard guard, const std::string& group, const std::string& why) {
  Provider provider(std::move(guard));
  Consumer consumer({provider.instance("o-1")});
  auto pick = consumer.service().pick();
  ASSERT_TRUE(pick.has_value());
  EXPECT_EQ(consumer.attempt(*pick, seconds(20), group), Outcome::kRefused);
  EXPECT_EQ(consumer.status().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(consumer.status().error_message().find(why), std::string::npos)
      << consumer.status().error_message();
  EXPECT_EQ(consumer.sent(), 1);
  EXPECT_EQ(provider.served(), 0);
}

TEST(Grpc, WhoDrainsRefusesBeforeItServes) {
  Guard guard = ready_guard();
  guard.drain();
  expect_refusal(guard, "", "draining");
}

TEST(Grpc, WhoIsNotReadyRefusesBeforeItServes) {
  expect_refusal(Guard({"orders"}), "", "not_ready");
}

TEST(Grpc, WhoDoesNotServeTheGroupRefusesBeforeItServes) {
  expect_refusal(ready_guard({"orders/eu"}), "us", "not_served");
}

TEST(Grpc, AGroupThatIsServedIsServed) {
  Provider provider(ready_guard({"orders/eu"}));
  Consumer consumer({provider.instance("o-1")});
  EXPECT_TRUE(consumer.call({}, "eu"));
  EXPECT_EQ(provider.served(), 1);
}

/// Makes calls until one needed a second attempt, which at random takes a few.
void expect_retry_elsewhere(Consumer& consumer, const CallPolicy& policy) {
  for (int calls = 0; calls < 200; ++calls) {
    const CallResult result = consumer.call(policy);
    ASSERT_TRUE(result) << result.error;
    if (result.attempts == 2) return;
  }
  FAIL() << "no call needed a second attempt";
}

TEST(Grpc, ARefusedCallGoesElsewhereWhateverItDoes) {
  Provider draining(ready_guard());
  draining.guard().drain();
  Provider serving(ready_guard());
  Consumer consumer({draining.instance("o-1"), serving.instance("o-2")});
  expect_retry_elsewhere(consumer, {});
  EXPECT_EQ(draining.served(), 0);
}

TEST(Grpc, NothingIsSentToAClosedPort) {
  Consumer consumer({closed_port("o-1")});
  auto pick = consumer.service().pick();
  ASSERT_TRUE(pick.has_value());
  EXPECT_EQ(consumer.attempt(*pick, seconds(20)), Outcome::kNotSent);
  EXPECT_EQ(consumer.sent(), 0);
  EXPECT_EQ(consumer.status().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(Grpc, ACallThatWasNotSentGoesElsewhereWhateverItDoes) {
  Provider serving(ready_guard());
  Consumer consumer({closed_port("o-1"), serving.instance("o-2")});
  expect_retry_elsewhere(consumer, {});
}

TEST(Grpc, WhoListensAgainIsReachedWithoutThePauseThatGrpcMakes) {
  const Instance instance = closed_port("o-1");
  Consumer consumer({instance});
  auto pick = consumer.service().pick();
  ASSERT_TRUE(pick.has_value());
  ASSERT_EQ(consumer.attempt(*pick, seconds(20)), Outcome::kNotSent);
  const Provider back(ready_guard(), {}, instance.port);
  const auto channel = consumer.channels().channel(*pick);
  int in_vain = 0;
  while (consumer.attempt(*pick, seconds(20)) != Outcome::kAnswered && in_vain < 100) {
    ++in_vain;
    channel->WaitForStateChange(GRPC_CHANNEL_TRANSIENT_FAILURE,
                                std::chrono::system_clock::now() + milliseconds(100));
  }
  EXPECT_LE(in_vain, 4);  // the pause is at least 0.8 s
}

/// A provider whose process ends, as far as its callers can tell, while a handler runs.
class DyingProvider {
 public:
  DyingProvider() : provider_(ready_guard(), [this](grpc::ServerContext&) { return hold(); }) {
    killer_ = std::thread([this] {
      begun_.get_future().wait();
      provider_.stop();
    });
  }
  ~DyingProvider() {
    if (provider_.served() == 0) begun_.set_value();
    release();
    killer_.join();
  }
  void release() {
    if (!released_.exchange(true)) released_promise_.set_value();
  }
  Provider& provider() { return provider_; }

 private:
  grpc::Status hold() {
    if (provider_.served() == 1) begun_.set_value();
    release_.wait();
    return grpc::Status::OK;
  }

  std::promise<void> begun_;
  std::promise<void> released_promise_;
  std::shared_future<void> release_ = released_promise_.get_future().share();
  std::atomic<bool> released_{false};
  Provider provider_;
  std::thread killer_;
};

TEST(Grpc, WhatFailedAfterTheHandlerBeganIsNotRepeated) {
  DyingProvider dying;
  Consumer consumer({dying.provider().instance("o-1")});
  const CallResult result = consumer.call({});
  EXPECT_EQ(result.outcome, Outcome::kFailed) << result.error;
  EXPECT_EQ(result.attempts, 1u);
  EXPECT_NE(result.error.find("may have been served"), std::string::npos) << result.error;
  EXPECT_EQ(dying.provider().served(), 1);
}

TEST(Grpc, WhatFailedAfterTheHandlerBeganIsRepeatedIfThatDoesNoHarm) {
  DyingProvider dying;
  Provider serving(ready_guard());
  Consumer consumer({dying.provider().instance("o-1"), serving.instance("o-2")});
  expect_retry_elsewhere(consumer, idempotent());
  EXPECT_EQ(dying.provider().served(), 1);
}

TEST(Grpc, AnAttemptThatIsNotAnsweredInTimeIsRepeatedElsewhere) {
  std::promise<void> over;
  const std::shared_future<void> released = over.get_future().share();
  Provider silent(ready_guard(), [released](grpc::ServerContext&) {
    released.wait();
    return grpc::Status::OK;
  });
  Provider serving(ready_guard());
  Consumer consumer({silent.instance("o-1"), serving.instance("o-2")});
  CallPolicy policy = idempotent();
  policy.deadline = seconds(60);
  policy.attempt_timeout = milliseconds(300);
  expect_retry_elsewhere(consumer, policy);
  EXPECT_GE(silent.served(), 1);
  over.set_value();
}

TEST(Grpc, TheDeadlineIsKeptAndTheHandlerIsToldOfIt) {
  std::promise<void> over;
  const std::shared_future<void> released = over.get_future().share();
  std::atomic<int64_t> left_ms{0};
  Provider silent(ready_guard(), [&left_ms, released](grpc::ServerContext& context) {
    const auto left = context.deadline() - std::chrono::system_clock::now();
    left_ms = std::chrono::duration_cast<milliseconds>(left).count();
    released.wait();
    return grpc::Status::OK;
  });
  Consumer consumer({silent.instance("o-1")});
  CallPolicy policy = idempotent();
  policy.deadline = milliseconds(1'000);
  const CallResult result = consumer.call(policy);  // would not return without one
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_NE(result.error, "");
  over.set_value();
  silent.stop();
  EXPECT_EQ(silent.served(), 1);
  EXPECT_LE(left_ms.load(), 1'100);  // gRPC rounds what it sends
}

TEST(Grpc, WhatAHandlerAnswersIsAnAnswerWhateverItSays) {
  for (const grpc::StatusCode code :
       {grpc::StatusCode::INVALID_ARGUMENT, grpc::StatusCode::NOT_FOUND, grpc::StatusCode::UNKNOWN,
        grpc::StatusCode::INTERNAL, grpc::StatusCode::RESOURCE_EXHAUSTED}) {
    Provider provider(ready_guard(),
                      [code](grpc::ServerContext&) { return grpc::Status(code, "no"); });
    Consumer consumer({provider.instance("o-1")});
    const CallResult result = consumer.call(idempotent());
    EXPECT_TRUE(result) << code;
    EXPECT_EQ(result.attempts, 1u) << code;
    EXPECT_EQ(consumer.status().error_code(), code);
  }
}

TEST(Grpc, UnavailableWithoutTheSignOfARefusalMayHaveBeenServed) {
  Provider provider(ready_guard(), [](grpc::ServerContext&) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the database is away");
  });
  Consumer consumer({provider.instance("o-1")});
  const CallResult result = consumer.call({});
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.attempts, 1u);
}

TEST(Grpc, ThereIsOneChannelForEachEndpointAsLongAsItIsUsed) {
  Provider provider(ready_guard());
  Consumer consumer({provider.instance("o-1")});
  auto pick = consumer.service().pick();
  ASSERT_TRUE(pick.has_value());
  const auto channel = consumer.channels().channel(*pick);
  EXPECT_EQ(consumer.channels().channel(*pick), channel);
  consumer.channels().forget_idle(std::chrono::hours(1));
  EXPECT_EQ(consumer.channels().size(), 1u);
  consumer.channels().forget_idle(milliseconds(-1));
  EXPECT_EQ(consumer.channels().size(), 0u);
  EXPECT_NE(consumer.channels().channel(*pick), channel);
}

}  // namespace
}  // namespace callbook::testing
