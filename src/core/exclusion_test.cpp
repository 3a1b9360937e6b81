// What an operator takes out stays out, and what a provider says of itself, as transcripts.

#include <gtest/gtest.h>

#include "core/published_catalog.h"
#include "core/record_codec.h"
#include "core/script_test.h"

namespace callbook::core {
namespace {

class Exclusions : public testing::TestWithParam<Transcript> {};

TEST_P(Exclusions, GiveTheExpectedOutputs) {
  expect_transcript(Script(), GetParam().text);
}

const Transcript kCases[] = {
    {"WhatAnOperatorDrainedStaysOutThroughANewSessionOfItsProcess", R"(
> open p process=one
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=p
  created
  stored 1
  published orders: o-1
> register orders/o-2 session=p
  created
  stored 1
  published orders: o-1 o-2
> deregister orders/o-1 drain=1000 by=alice reason=disk
  deregistered
  stored 1
  published orders: o-1[draining] o-2
> tied p
  tied
  taken out orders/o-1: drain by alice (disk)
> advance 900
> advance 200
  stored 1
  published orders: o-2
> list orders
  orders: services=1 instances=1 sessions=1 tombstones=0
> register orders/o-1 session=p
  unchanged
  stored 1
> open q process=one
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=q
  updated
  stored 2
> list orders
  orders: services=1 instances=1 sessions=2 tombstones=0
> tied q
  tied
  taken out orders/o-1: drain by alice (disk)
> restore orders/o-1 by=bob
  overridden
  stored 1
  published orders: o-1 o-2
> tied q
  tied
)"},
    {"AnotherProcessTakesItsPlace", R"(
> open p process=one
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=p
  created
  stored 1
  published orders: o-1
> deregister orders/o-1 by=alice
  deregistered
  stored 1
  published orders: nothing; deregistered=1
> list orders
  orders: services=1 instances=0 sessions=1 tombstones=0
> open q process=two
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=q port=81 take_over=1
  updated
  stored 2
  published orders: o-1
> list orders
  orders: services=1 instances=1 sessions=2 tombstones=0
)"},
    {"OneThatWaitsForItsIdDoesNotWhileItsHolderLives", R"(
> open p process=one
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> open q process=two
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=p
  created
  stored 1
  published orders: o-1
> register orders/o-1 session=q port=81
  refused conflict id
> deregister orders/o-1 by=alice
  deregistered
  stored 1
  published orders: nothing; deregistered=1
> register orders/o-1 session=q port=81
  refused conflict id
> tied p
  tied
  taken out orders/o-1: deregister by alice ()
> close p
  ended session_closed instances=1
  stored 1
> register orders/o-1 session=q port=81
  created
  stored 1
  published orders: o-1
)"},
    {"ItIsOfTheProcessWhoseSessionHasJustEnded", R"(
> open p process=one
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=p
  created
  stored 1
  published orders: o-1
> advance 60000
  ended session_expired instances=1
  stored 1
  published orders: nothing; session_expired=1
> list orders
  orders: services=1 instances=0 sessions=0 tombstones=1
> deregister orders/o-1 by=alice
  deregistered
  stored 1
> open q process=two
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=q
  created
  stored 1
  published orders: o-1
> list orders
  orders: services=1 instances=1 sessions=1 tombstones=0
> open r process=one
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=r take_over=1
  updated
  stored 2
  published orders: nothing; deregistered=1
> list orders
  orders: services=1 instances=0 sessions=2 tombstones=0
)"},
    {"OfAClientWithoutAProcessItEndsTenMinutesAfterTheIdWent", R"(
> open p ttl=86400000
  opened ttl=86400000 heartbeat=28800000 epoch=1
  stored 1
> register orders/o-1 session=p
  created
  stored 1
  published orders: o-1
> deregister orders/o-1 by=alice
  deregistered
  stored 1
  published orders: nothing; deregistered=1
> open q ttl=86400000
  opened ttl=86400000 heartbeat=28800000 epoch=1
  stored 1
> register orders/o-1 session=q
  updated
  stored 2
> advance 700000
> close q
  ended session_closed instances=1
  stored 1
> open r ttl=86400000
  opened ttl=86400000 heartbeat=28800000 epoch=1
  stored 1
> register orders/o-1 session=r
  created
  stored 1
> close r
  ended session_closed instances=1
  stored 1
> advance 590000
> advance 20000
  stored 1
> open s ttl=86400000
  opened ttl=86400000 heartbeat=28800000 epoch=1
  stored 1
> register orders/o-1 session=s
  created
  stored 1
  published orders: o-1
)"},
    {"WhatNoProcessHoldsIsDeregisteredAsWell", R"(
> register orders/o-1
  created
  stored 1
  published orders: o-1
> deregister orders/o-1 by=alice
  deregistered
  stored 2
  published orders: nothing; deregistered=1
> register orders/o-1
  created
  stored 1
> list orders
  orders: services=1 instances=0 sessions=0 tombstones=0
> restore orders/o-1 by=alice
  overridden
  stored 1
  published orders: o-1
)"},
    {"AnOwnTtlIsKeptAliveWhileItIsOut", R"(
> register orders/o-1 ttl=5000
  created
  stored 1
  published orders: o-1
> deregister orders/o-1 by=alice
  deregistered
  stored 1
  published orders: nothing; deregistered=1
> advance 4000
> refresh orders/o-1
  refreshed ttl=5000
> advance 4000
> restore orders/o-1 by=bob
  overridden
  stored 1
  published orders: o-1
)"},
    {"AProvidersWordIsItsOwn", R"(
> open p process=one
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=p status=starting
  created
  stored 1
  published orders: o-1[starting]
> status orders/o-1 up
  status set
  stored 1
  published orders: o-1
> status orders/o-1 failing text=disk
  status set
  stored 1
  published orders: o-1[failing]
> register orders/o-1 session=p meta=x
  updated
  stored 1
  published orders: o-1[failing]
> open q process=one
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=q
  updated
  stored 2
  published orders: o-1[failing]
> status orders/o-1 up session=p
  refused conflict session
> close q
  ended session_closed instances=1
  stored 1
  published orders: nothing; session_closed=1
> open r
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=r
  created
  stored 1
  published orders: o-1
> status orders/o-2 up
  refused not_found id
)"},
    {"AnIdOfALivingHolderElsewhereIsNotGivenAway", R"(
> open p process=one
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> open q process=two
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=p
  created
  stored 1
  published orders: o-1
> register orders/o-1 session=q port=81
  refused conflict id
> register orders/o-1 session=q
  updated
  stored 2
> open r process=two
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=r port=82
  updated
  stored 2
  published orders: o-1
> open s process=three speaks=1
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> attach r
  opened ttl=6000 heartbeat=2000 epoch=1
> register orders/o-1 session=s port=83
  refused conflict id
> detach r
> advance 3100
> register orders/o-1 session=s port=83
  updated
  stored 2
  published orders: o-1
)"},
    {"NorToAnInstanceWithoutASession", R"(
> open p speaks=1
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=p
  created
  stored 1
  published orders: o-1
> register orders/o-1 port=81
  refused conflict id
> register orders/o-1 ttl=5000 port=81
  refused conflict id
> deregister orders/o-1 by=alice
  deregistered
  stored 1
  published orders: nothing; deregistered=1
> register orders/o-1 port=81
  refused conflict id
> restore orders/o-1 by=alice
  overridden
  stored 1
  published orders: o-1
> register orders/o-1 port=81 take_over=1
  updated
  stored 1
  published orders: o-1
> register orders/o-1 session=p
  updated
  stored 1
  published orders: o-1
> register orders/o-1 meta=x
  updated
  stored 1
  published orders: o-1
> register orders/o-1 session=p
  updated
  stored 1
  published orders: o-1
> advance 3100
> register orders/o-1 ttl=5000 port=81
  updated
  stored 1
  published orders: o-1
)"},
};

INSTANTIATE_TEST_SUITE_P(Core, Exclusions, testing::ValuesIn(kCases), name_of_case);

/// What `orders/o-1` is listed as once session p, which has said that it is failing, registers it
/// again at a node that knows of the registration before only that it is `known_as`.
InstanceState state_registered_again(RegistrationKind known_as) {
  Script before;
  before.run("> open p\n> register orders/o-1 session=p\n> status orders/o-1 failing\n");
  std::map<std::string, std::string> stored(before.records().begin(), before.records().end());
  for (const auto& [key, value] : before.records()) stored[key] = value;
  Registry registry(RegistryOptions{});
  Outputs out;
  uint64_t version = 0;
  for (const auto& [key, value] : stored) {
    auto record = decode_record(key, value);
    EXPECT_TRUE(record.ok());
    std::string known = value;
    if (auto* instance = std::get_if<InstanceRecord>(&*record)) {
      instance->kind = known_as;
      known.clear();
      encode_value(*instance, known);
    }
    EXPECT_TRUE(registry.step(MergeRecord{++version, key, known}, before.now(), out).ok());
  }
  EXPECT_TRUE(registry.step(FinishLoading{version}, before.now(), out).ok());
  RegisterInstance again;
  again.key = {{kDefaultNamespace, "orders"}, "o-1"};
  again.registration.address = "10.0.0.1";
  again.registration.port = 80;
  again.registration.holder = {HolderKind::kSession, Script::session("p"), 0};
  EXPECT_TRUE(registry.step(again, before.now(), out).ok());
  PublishedCatalog catalog;
  catalog.apply(registry.publish());
  InstanceState state = InstanceState::kDown;
  catalog.find({"default", "orders"})->list.for_each([&](const ListEntry& entry) {
    state = entry.state();
  });
  return state;
}

TEST(Statuses, OutlastABodyThatIsForgottenButNoDeregistration) {
  EXPECT_EQ(state_registered_again(RegistrationKind::kBody), InstanceState::kFailing);
  EXPECT_EQ(state_registered_again(RegistrationKind::kForgotten), InstanceState::kFailing);
  EXPECT_EQ(state_registered_again(RegistrationKind::kRemoved), InstanceState::kUp);
}

}  // namespace
}  // namespace callbook::core
