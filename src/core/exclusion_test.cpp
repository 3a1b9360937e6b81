// What an operator takes out stays out, and what a provider says of itself, as transcripts.

#include <ostream>

#include "core/script_test.h"

namespace callbook::core {
namespace {

struct Case {
  const char* name;
  const char* text;
};

std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.name;
}

class Exclusions : public testing::TestWithParam<Case> {};

TEST_P(Exclusions, GiveTheExpectedOutputs) {
  Script script;
  EXPECT_EQ(script.run(GetParam().text), std::string(GetParam().text).substr(1));
}

const Case kCases[] = {
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
> register orders/o-1 session=q port=81
  updated
  stored 2
  published orders: o-1
> list orders
  orders: services=1 instances=1 sessions=2 tombstones=0
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
};

INSTANTIATE_TEST_SUITE_P(Core, Exclusions, testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace callbook::core
