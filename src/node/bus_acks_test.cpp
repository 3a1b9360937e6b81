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
  const core::ServiceKey orders("default", "orders");
  core::RegisterInstance input;
  input.key = {orders, "o-1"};
  core::InstanceRegistered reply;
  EXPECT_FALSE(owed_change(input, reply, "dc1"));  // the bus has it
  reply.owed_version = 12;
  const auto owed = owed_change(input, reply, "dc1");
  ASSERT_TRUE(owed);
  std::string key;
  core::encode_key("dc1", orders, "o-1", key);
  EXPECT_EQ(owed->key, key);
  EXPECT_EQ(owed->version, 12u);
  EXPECT_FALSE(owed_change(core::OpenSession{}, core::SessionOpened{}, "dc1"));
}

}  // namespace
}  // namespace callbook::node
