#include "node/bus_acks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/record_codec.h"

namespace callbook::node {
namespace {

using base::ErrorCode;

/// What those who wait were told, by the name that they were given.
struct Told {
  BusAcks acks;
  std::vector<std::string> said;

  void wait(const std::string& key, uint64_t version, int64_t until_ms, const std::string& name) {
    acks.wait({key, version}, until_ms, [this, name](const base::Status& status) {
      said.push_back(
          name + (status.ok() ? " safe" : " " + std::string(base::name_of(status.error().code))));
    });
  }
};

TEST(BusAcks, OfOneKeyAllThroughTheAcknowledgedVersionAreSafe) {
  Told told;
  told.wait("a", 5, 1'000, "a5");
  told.wait("a", 7, 1'000, "a7");
  told.wait("b", 5, 1'000, "b5");
  told.acks.settle({"a", 4});
  EXPECT_TRUE(told.said.empty());
  told.acks.settle({"a", 6});
  EXPECT_THAT(told.said, testing::ElementsAre("a5 safe"));
  told.acks.settle({"a", 7});
  told.acks.settle({"b", 9});
  EXPECT_THAT(told.said, testing::ElementsAre("a5 safe", "a7 safe", "b5 safe"));
  EXPECT_EQ(told.acks.size(), 0u);
}

TEST(BusAcks, WhoWaitsForTooLongIsToldThatTheChangeIsInEffect) {
  Told told;
  told.wait("a", 5, 1'000, "early");
  told.wait("a", 6, 2'000, "late");
  told.acks.expire(999);
  EXPECT_TRUE(told.said.empty());
  told.acks.expire(1'000);
  EXPECT_THAT(told.said, testing::ElementsAre("early applied_not_logged"));
  told.acks.fail_all();
  EXPECT_THAT(told.said,
              testing::ElementsAre("early applied_not_logged", "late applied_not_logged"));
  told.acks.settle({"a", 9});
  EXPECT_EQ(told.said.size(), 2u);
}

TEST(OwedChange, IsTheRecordOfTheInputAtTheVersionOfTheReply) {
  const core::Registry registry{core::RegistryOptions{}};
  const core::ServiceKey orders("default", "orders");
  core::RegisterInstance input;
  input.key = {orders, "o-1"};
  core::InstanceRegistered reply;
  EXPECT_FALSE(owed_change(input, reply, registry));  // the bus has it
  reply.owed_version = 12;
  const auto owed = owed_change(input, reply, registry);
  ASSERT_TRUE(owed);
  std::string key;
  core::encode_key("dc1", orders, "o-1", key);
  EXPECT_EQ(owed->key, key);
  EXPECT_EQ(owed->version, 12u);
}

TEST(OwedChange, OfASessionIsWhatTheOutboxHolds) {
  core::RegistryOptions options;
  options.clustered = true;
  core::Registry registry{options};
  core::Outputs outputs;
  base::Now now{1'000, 1'000'000};
  ASSERT_TRUE(registry.step(core::FinishLoading{}, now, outputs).ok());
  ASSERT_TRUE(registry.step(core::ReportBus{{{{1, 0}, {1, 0}}}}, now, outputs).ok());
  for (; registry.loading() && now.mono_ms < 20'000; now.mono_ms += 100) {
    ASSERT_TRUE(registry.step(core::AdvanceTime{}, now, outputs).ok());
  }
  const core::OpenSession open{{7, 8}, 0, "", {}};
  const auto reply = registry.step(open, now, outputs);
  ASSERT_TRUE(reply.ok());
  const auto owed = owed_change(open, *reply, registry);
  ASSERT_TRUE(owed);
  core::Publications publications;
  registry.publish_due(now, publications);
  ASSERT_EQ(publications[0].size(), 1u);
  EXPECT_EQ(owed->key, publications[0][0].key);
  outputs.clear();
  const core::SettlePublication settle{publications[0][0].version, true};
  ASSERT_TRUE(registry.step(settle, now, outputs).ok());
  ASSERT_EQ(outputs.settled.size(), 1u);
  EXPECT_EQ(outputs.settled[0].key, owed->key);
  EXPECT_GE(outputs.settled[0].version, owed->version);
  EXPECT_FALSE(owed_change(open, *reply, registry));
}

}  // namespace
}  // namespace callbook::node
