// What the registry does, as tables of commands and expected outputs.

#include "core/registry.h"

#include <gtest/gtest.h>

#include "core/script_test.h"

namespace callbook::core {
namespace {

struct Case {
  const char* name;
  const char* text;
};

class Commands : public testing::TestWithParam<Case> {};

TEST_P(Commands, GiveTheExpectedOutputs) {
  Script script;
  EXPECT_EQ(script.run(GetParam().text), std::string(GetParam().text).substr(1));
}

const Case kCases[] = {
    {"RegisterUpdateDeregister", R"(
> open a
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-2 session=a
  created
  stored 1
  published orders: o-2
> register orders/o-1 session=a
  created
  stored 1
  published orders: o-1 o-2
> register orders/o-1 session=a port=81
  updated
  stored 1
  published orders: o-1 o-2
> deregister orders/o-2
  deregistered
  stored 1
  published orders: o-1
> deregister orders/o-1
  deregistered
  stored 1
  published orders: nothing; deregistered=2
> deregister orders/o-1
  refused not_found id
)"},
    {"AnOverrideOutlivesTheProvidersRestart", R"(
> register orders/o-1 ttl=5000
  created
  stored 1
  published orders: o-1
> override orders/o-1 out_of_service weight=7 by=alice reason=disk
  overridden
  stored 1
  published orders: o-1[out_of_service][weight 7]
> register orders/o-1 ttl=5000
  unchanged
  stored 1
> register orders/o-1 ttl=5000 port=81
  updated
  stored 1
  published orders: o-1[out_of_service][weight 7]
> deregister orders/o-1
  deregistered
  stored 1
  published orders: nothing; deregistered=1
> register orders/o-1 ttl=5000 port=82
  created
  stored 1
  published orders: o-1[out_of_service][weight 7]
> override orders/o-1 weight=0 by=alice
  overridden
  stored 1
  published orders: o-1[weight 0]
> restore orders/o-1 by=bob
  overridden
  stored 1
  published orders: o-1
> restore orders/o-1 by=bob
  refused not_found id
)"},
    {"DrainingAnInstanceEndsAtItsTimeOrByRegisteringAgain", R"(
> register orders/o-1 meta=x
  created
  stored 1
  published orders: o-1
> deregister orders/o-1 drain=2000
  deregistered
  stored 1
  published orders: o-1[draining]
> advance 1000
> register orders/o-1 meta=x
  updated
  stored 1
  published orders: o-1
> advance 3000
> deregister orders/o-1 drain=2000
  deregistered
  stored 1
  published orders: o-1[draining]
> advance 1900
> advance 100
  stored 1
  published orders: nothing; drained=1
> deregister orders/o-1 drain=2000
  refused not_found id
> deregister orders/o-1 drain=3600001
  refused limit_exceeded drain
)"},
    {"AnOverrideNeedsATargetAWishAndAnAuthor", R"(
> override orders/o-1 weight=1 by=alice
  refused not_found service
> register orders/o-1 ttl=5000
  created
  stored 1
  published orders: o-1
> override orders/o-2 weight=1 by=alice
  refused not_found id
> override orders/o-1 by=alice
  refused invalid weight
> override orders/o-1 weight=65536 by=alice
  refused limit_exceeded weight
> override orders/o-1 weight=1
  refused invalid by
> restore orders/o-1 by=alice
  refused not_found id
)"},
    {"AnUnchangedRegistrationIsStoredButNotPublished", R"(
> register orders/o-1 ttl=5000 meta=x
  created
  stored 1
  published orders: o-1
> register orders/o-1 ttl=5000 meta=x
  unchanged
  stored 1
> register orders/o-1 ttl=5000 meta=y
  updated
  stored 1
  published orders: o-1
> register orders/o-1 ttl=9000 meta=y
  updated
  stored 1
)"},
    {"ASessionThatClosesTakesItsInstances", R"(
> open a
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=a
  created
  stored 1
  published orders: o-1
> register stock/s-1 session=a
  created
  stored 1
  published stock: s-1
> register stock/s-2
  created
  stored 1
  published stock: s-1 s-2
> close a
  ended session_closed instances=2
  stored 1
  published stock: s-2
  published orders: nothing; session_closed=1
> refresh a
  refused not_found session
> register orders/o-1 session=a
  refused not_found session
> close a
  refused not_found session
)"},
    {"ASessionLapsesUnlessItIsRefreshed", R"(
> open a ttl=3000
  opened ttl=3000 heartbeat=1000 epoch=1
  stored 1
> register orders/o-1 session=a
  created
  stored 1
  published orders: o-1
> advance 2900
> refresh a
  refreshed ttl=3000
> advance 2900
> advance 300
  ended session_expired instances=1
  stored 1
  published orders: nothing; session_expired=1
)"},
    {"AnAttachedSessionNeedsNoHeartbeatUntilTheConnectionGoes", R"(
> open a ttl=3000
  opened ttl=3000 heartbeat=1000 epoch=1
  stored 1
> attach a
  opened ttl=3000 heartbeat=1000 epoch=1
> attach a
  opened ttl=3000 heartbeat=1000 epoch=1
> advance 60000
> detach a
> advance 60000
> detach a
> advance 2900
> advance 200
  ended session_expired instances=0
  stored 1
> attach a
  refused not_found session
)"},
    {"AnOwnTtl", R"(
> register orders/o-1 ttl=2000
  created
  stored 1
  published orders: o-1
> advance 1900
> refresh orders/o-1
  refreshed ttl=2000
> advance 1900
> advance 200
  1 own TTLs lapsed
  stored 1
  published orders: nothing; session_expired=1
> refresh orders/o-1
  refused not_found id
> register orders/o-1 ttl=2000
  created
  stored 1
  published orders: o-1
)"},
    {"PersistentInstancesStay", R"(
> register orders/o-1
  created
  stored 1
  published orders: o-1
> refresh orders/o-1
  refused conflict id
> advance 90000000
> list orders
  orders: services=1 instances=1 sessions=0 tombstones=0
)"},
    {"TheLaterSessionWinsAnIdAndTheOtherIsToldToStop", R"(
> open old
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> open new
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=old
  created
  stored 1
  published orders: o-1
> register orders/o-9 session=old
  created
  stored 1
  published orders: o-1 o-9
> register orders/o-1 session=new port=81
  refused conflict id
> register orders/o-1 session=new port=81 take_over=1
  updated
  stored 2
  published orders: o-1 o-9
> refresh old
  refused superseded id
> register orders/o-1 session=old
  refused superseded id
> attach old
  refused superseded id
> refresh new
  refreshed ttl=6000
> advance 4000
> refresh new
  refreshed ttl=6000
> advance 2100
  ended session_expired instances=1
  stored 1
  published orders: o-1
)"},
    {"TheEarlierSessionCannotTakeAnId", R"(
> open first
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> open second
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=second
  created
  stored 1
  published orders: o-1
> register orders/o-1 session=first
  refused superseded id
> refresh second
  refreshed ttl=6000
)"},
    {"ASupersededSessionLapsesEvenIfAttached", R"(
> open old ttl=3000
  opened ttl=3000 heartbeat=1000 epoch=1
  stored 1
> attach old
  opened ttl=3000 heartbeat=1000 epoch=1
> open new ttl=600000
  opened ttl=600000 heartbeat=200000 epoch=1
  stored 1
> register orders/o-1 session=old
  created
  stored 1
  published orders: o-1
> register orders/o-2 session=old
  created
  stored 1
  published orders: o-1 o-2
> register orders/o-1 session=new
  updated
  stored 2
> advance 3100
  ended session_expired instances=1
  stored 1
  published orders: o-1
> detach old
)"},
    {"ResumingAtTheSameNodeKeepsTheEpoch", R"(
> open a ttl=3000
  opened ttl=3000 heartbeat=1000 epoch=1
  stored 1
> advance 2000
> resume a
  opened ttl=3000 heartbeat=1000 epoch=1
> advance 2000
> resume unknown
  refused not_found session
)"},
    {"DeparturesAreForgottenAfterADay", R"(
> open a
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> register orders/o-1 session=a
  created
  stored 1
  published orders: o-1
> close a
  ended session_closed instances=1
  stored 1
  published orders: nothing; session_closed=1
> advance 86400000
> list orders
  orders: services=1 instances=0 sessions=0 tombstones=1
> advance 1
  stored 2
  forgotten
> list orders
  orders: services=0 instances=0 sessions=0 tombstones=0
> open a
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
)"},
};

INSTANTIATE_TEST_SUITE_P(Registry, Commands, testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

RegistryOptions with_limits(Limits limits) {
  RegistryOptions options;
  options.limits = limits;
  return options;
}

TEST(RegistryLimits, AreExact) {
  Limits limits;
  limits.max_sessions = 2;
  limits.max_instances = 3;
  limits.max_services = 2;
  limits.max_instances_per_session = 2;
  Script script(with_limits(limits));
  EXPECT_EQ(script.run(R"(
> open a
> open b
> open c
> register one/1 session=a
> register one/2 session=a
> register one/3 session=a
> register one/2 session=a port=9
> register two/1 session=b
> register three/1 session=b
> register two/2 session=b
> deregister one/1
> register two/2 session=b
)"),
            R"(> open a
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> open b
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> open c
  refused limit_exceeded session
> register one/1 session=a
  created
  stored 1
  published one: 1
> register one/2 session=a
  created
  stored 1
  published one: 1 2
> register one/3 session=a
  refused limit_exceeded session
> register one/2 session=a port=9
  updated
  stored 1
  published one: 1 2
> register two/1 session=b
  created
  stored 1
  published two: 1
> register three/1 session=b
  refused limit_exceeded service
> register two/2 session=b
  refused limit_exceeded id
> deregister one/1
  deregistered
  stored 1
  published one: 2
> register two/2 session=b
  created
  stored 1
  published two: 1 2
)");
}

TEST(Registry, ManySessionsAreAskedForFewerHeartbeats) {
  RegistryOptions options;
  options.timing.max_heartbeats_per_s = 2;
  Script script(options);
  EXPECT_EQ(script.run("> open a\n> open b\n> open c\n> open d\n> open e\n> open f\n"), R"(> open a
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> open b
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> open c
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> open d
  opened ttl=6000 heartbeat=2000 epoch=1
  stored 1
> open e
  opened ttl=6000 heartbeat=2500 epoch=1
  stored 1
> open f
  opened ttl=7500 heartbeat=3000 epoch=1
  stored 1
)");
}

TEST(Registry, RefusesClientsWhileItLoads) {
  Registry registry{RegistryOptions{}};
  Outputs outputs;
  for (const Input& input : {Input(OpenSession{{1, 1}, 0, "x"}), Input(RefreshSession{{1, 1}})}) {
    const auto reply = registry.step(input, {}, outputs);
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().code, base::ErrorCode::kNotReady);
  }
  EXPECT_TRUE(outputs.records.empty());
}

/// Feeds what one registry stored to another, as a restart does.
void load(Registry& registry, const std::vector<std::pair<std::string, std::string>>& records,
          base::Now now) {
  Outputs outputs;
  uint64_t version = 0;
  for (const auto& [key, value] : records) {
    ASSERT_TRUE(registry.step(MergeRecord{++version, key, value}, now, outputs).ok());
  }
  ASSERT_TRUE(registry.step(FinishLoading{version}, now, outputs).ok());
}

constexpr const char* kHistory = R"(
> open a ttl=5000
> open b
> register orders/o-1 session=a zone=z meta=1
> register orders/o-2 session=b
> register orders/o-3 ttl=4000
> register stock/s-1
> register stock/s-2 session=b
> deregister orders/o-2
> close b
> register gone/g-1 ttl=1000
> advance 2000
)";

TEST(Registry, AnOverrideOfTheSameEffectShowsItsNewAuthorAndReason) {
  Registry registry{RegistryOptions()};
  base::Now now{1'000'000, 1'700'000'000'000};
  Outputs out;
  const auto step = [&](const Input& input) { ASSERT_TRUE(registry.step(input, now, out).ok()); };
  const InstanceKey key{{kDefaultNamespace, "orders"}, "o-1"};
  step(FinishLoading{0});
  RegisterInstance registered;
  registered.key = key;
  registered.registration.address = "10.0.0.1";
  step(registered);
  step(SetOverride{key, {}, true, "alice", "bad disk"});
  registry.publish();
  step(SetOverride{key, {}, true, "bob", "worse disk"});
  const Publication publication = registry.publish();
  ASSERT_EQ(publication.size(), 1u);
  const Override& shown = publication[0].view->overrides->at("o-1");
  EXPECT_EQ(shown.by, "bob");
  EXPECT_EQ(shown.reason, "worse disk");
}

TEST(RegistryLoad, ComesBackTheSameAndLeasesStartAnew) {
  Script script;
  script.run(kHistory);
  const auto later = base::Now{50'000, script.now().wall_ms + 3'600'000};
  Registry restarted{without_probes({})};
  load(restarted, script.records(), later);

  const auto counts = restarted.counts();
  EXPECT_EQ(counts.instances, script.registry().counts().instances);
  EXPECT_EQ(counts.sessions, 1u);
  EXPECT_EQ(counts.tombstones, script.registry().counts().tombstones);
  std::map<std::string, std::string> shown;
  for (const ServicePublished& published : restarted.publish()) {
    std::string& text = shown[published.view->key.name];
    published.view->list.for_each(
        [&](const ListEntry& entry) { text += std::string(entry.id()) + " "; });
  }
  EXPECT_EQ(shown, (std::map<std::string, std::string>{
                       {"gone", ""}, {"orders", "o-1 o-3 "}, {"stock", "s-1 "}}));

  Outputs outputs;
  const auto advance_to = [&](int64_t to_ms) {
    for (int64_t ms = 0; ms <= to_ms; ms += 100) {
      ASSERT_TRUE(restarted.step(AdvanceTime{}, {50'000 + ms, later.wall_ms + ms}, outputs).ok());
    }
  };
  advance_to(3'900);
  EXPECT_EQ(outputs.sessions_ended.size() + outputs.instances_expired, 0u);
  advance_to(5'200);
  EXPECT_EQ(outputs.sessions_ended.size(), 1u);
  EXPECT_EQ(outputs.instances_expired, 1u);
}

TEST(RegistryLoad, ADumpInAnyStepsLoadsToTheSame) {
  Script script;
  script.run(kHistory);
  std::string whole;
  for (const size_t step : {size_t{1}, size_t{2}, size_t{1000}}) {
    std::vector<std::pair<std::string, std::string>> records;
    Registry::DumpCursor cursor;
    while (!cursor.done()) {
      RecordBatch batch;
      script.registry().dump(cursor, step, batch);
      for (size_t i = 0; i < batch.size(); ++i) records.emplace_back(batch[i].key, batch[i].value);
    }
    Registry loaded{RegistryOptions{}};
    load(loaded, records, script.now());
    RecordBatch again;
    Registry::DumpCursor full;
    loaded.dump(full, 1'000'000, again);
    ASSERT_TRUE(full.done());
    std::map<std::string, std::string> sorted;
    for (size_t i = 0; i < again.size(); ++i) sorted[std::string(again[i].key)] = again[i].value;
    EXPECT_EQ(sorted, (std::map<std::string, std::string>(records.begin(), records.end())));
    EXPECT_EQ(sorted.size(), 8u);
  }
}

TEST(RegistryLoad, AnotherNodeReadsWhatADumpGivesInParts) {
  Script script;
  script.run(kHistory);
  RecordBatch whole;
  Registry::DumpCursor all;
  script.registry().dump(all, 1'000'000, whole);
  size_t read = 0;
  Outputs outputs;
  for (ReadRecords next{{}, 3}; !next.cursor.done();) {
    const auto reply = script.registry().step(next, script.now(), outputs);
    ASSERT_TRUE(reply.ok());
    const RecordsRead::Part& part = *std::get<RecordsRead>(*reply).part;
    for (size_t i = 0; i < part.records.size(); ++i, ++read) {
      ASSERT_LT(read, whole.size());
      EXPECT_EQ(part.records[i].key, whole[read].key);
      EXPECT_EQ(part.records[i].value, whole[read].value);
    }
    next.cursor = part.next;
  }
  EXPECT_EQ(read, whole.size());
}

TEST(Registry, SaysHowFarItIsWithAnInstance) {
  Script script;
  Outputs outputs;
  const auto read = [&](std::string id) {
    const ReadStamp asked{{{kDefaultNamespace, "orders"}, std::move(id)}};
    return std::get<StampRead>(*script.registry().step(asked, script.now(), outputs));
  };
  EXPECT_EQ(read("o-1").stamp, Stamp{});
  script.run("> register orders/o-1\n");
  const StampRead registered = read("o-1");
  EXPECT_GT(registered.stamp, Stamp{});
  EXPECT_EQ(read("o-2").stamp, Stamp{});
  script.run("> deregister orders/o-1\n");
  EXPECT_GT(read("o-1").stamp, registered.stamp);
  EXPECT_GT(read("o-1").version, registered.version);
}

TEST(RegistryLoad, NobodyReadsWhatIsNotWholeYet) {
  Registry loading{RegistryOptions{}};
  Outputs outputs;
  const auto reply = loading.step(ReadRecords{{}, 3}, {}, outputs);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code, base::ErrorCode::kNotReady);
  RegistryOptions options;
  options.clustered = true;
  Registry joining{options};
  ASSERT_TRUE(joining.step(FinishLoading{}, {}, outputs).ok());
  EXPECT_FALSE(joining.step(ReadRecords{{}, 3}, {}, outputs).ok());
}

TEST(RegistryLoad, AnInstanceWhoseSessionIsLostIsNotServed) {
  Script script;
  script.run("> open a\n> register orders/o-1 session=a\n> register orders/o-2\n");
  auto records = script.records();
  records.erase(records.begin());  // the session's record
  Registry loaded{RegistryOptions{}};
  load(loaded, records, script.now());
  EXPECT_EQ(loaded.counts().instances, 1u);
  const Publication publication = loaded.publish();
  ASSERT_EQ(publication.size(), 1u);
  EXPECT_EQ(publication[0].view->departures[static_cast<size_t>(Cause::kHomeLost)], 1u);
}

/// Release 0.1 took addresses as they were written; what it stored, or another node of it
/// announces, is listed as it is and can be taken out.
TEST(RegistryLoad, AddressesOfEarlierReleasesAreKept) {
  Script script;
  script.run("> register orders/o-1\n");
  auto records = script.records();
  const std::string written = "HOST.ex.";  // as long as the script's own, so that lengths fit
  std::string& value = records.at(0).second;
  value.replace(value.find("10.0.0.1"), written.size(), written);
  Registry loaded{RegistryOptions{}};
  load(loaded, records, script.now());
  const Publication publication = loaded.publish();
  ASSERT_EQ(publication.size(), 1u);
  const ListEntry* const entry = publication[0].view->list.find("o-1");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->instance().address(), written);
  Outputs outputs;
  DeregisterInstance gone{{{"default", "orders"}, "o-1"}, {}};
  EXPECT_TRUE(loaded.step(gone, script.now(), outputs).ok());
}

TEST(RegistryLoad, MalformedRecordsAreRefused) {
  Registry registry{RegistryOptions{}};
  Outputs outputs;
  for (const char* key : {"", "x", "i", "s123"}) {
    const auto reply = registry.step(MergeRecord{1, key, "abc"}, {}, outputs);
    ASSERT_FALSE(reply.ok());
    EXPECT_EQ(reply.error().code, base::ErrorCode::kCorrupt);
  }
}

}  // namespace
}  // namespace callbook::core
