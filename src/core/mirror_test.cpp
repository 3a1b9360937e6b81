// A registry that shows another data center, fed with what one of its nodes writes.

#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/published_catalog.h"
#include "core/script_test.h"
#include "core/watch_cursor.h"

namespace callbook::core {
namespace {

class Mirror {
 public:
  Mirror() : registry_(options()) {}

  /// All that `node` holds, in parts of three records; without the end if it is cut off.
  void take_snapshot(const Registry& node, base::Now now, bool cut_off = false) {
    bool first = true;
    for (Registry::DumpCursor cursor; !cursor.done(); first = false) {
      RecordBatch batch;
      node.dump(cursor, 3, batch);
      const bool last = cursor.done() && !cut_off;
      std::vector<BusMessage> records;
      for (size_t i = 0; i < batch.size(); ++i) {
        records.push_back({0, batch[i].key, batch[i].value});
      }
      step(MirrorRecords{first, last, records}, now);
    }
  }

  /// What a node has stored since `from`.
  void take_changes(const Script& node, size_t from, base::Now now) {
    std::vector<BusMessage> records;
    for (size_t i = from; i < node.records().size(); ++i) {
      records.push_back({0, node.records()[i].first, node.records()[i].second});
    }
    step(MirrorRecords{false, false, records}, now);
  }

  void step(const Input& input, base::Now now) {
    ASSERT_TRUE(registry_.step(input, now, outputs_).ok());
    outputs_.clear();
    publish();
  }
  void publish() { catalog_.apply(registry_.publish()); }

  Registry& registry() { return registry_; }
  const PublishedCatalog& catalog() const { return catalog_; }
  /// Digest by service, of those that list anybody.
  std::map<std::string, uint64_t> shown() const {
    std::map<std::string, uint64_t> digests;
    catalog_.for_each([&](const ServiceViewPtr& view) {
      if (!view->list.empty()) digests[view->key.name] = view->digest;
    });
    return digests;
  }

 private:
  static RegistryOptions options() {
    RegistryOptions options;
    options.node = "mirror of dc2";
    options.datacenter = "dc2";
    options.mirror = true;
    return options;
  }

  Registry registry_;
  Outputs outputs_;
  PublishedCatalog catalog_;
};

RegistryOptions of_dc2() {
  RegistryOptions options;
  options.datacenter = "dc2";
  return options;
}

/// What the node itself shows, read from a registry that takes the same snapshot at once.
std::map<std::string, uint64_t> shown_by(Script& script, base::Now now) {
  Mirror fresh;
  fresh.take_snapshot(script.registry(), now);
  return fresh.shown();
}

constexpr const char* kHistory = R"(
> open a ttl=60000
> open b ttl=60000
> register orders/o-1 session=a zone=z meta=1
> register orders/o-2 session=b
> register stock/s-1 session=b
> register stock/s-2
> register stock/s-3 ttl=50000
> override stock/s-2 out_of_service by=alice reason=disk
)";

TEST(Mirror, ShowsNothingUntilTheSnapshotIsWhole) {
  Script dc2(of_dc2());
  dc2.run(kHistory);
  Mirror mirror;
  mirror.take_snapshot(dc2.registry(), dc2.now(), true);
  EXPECT_TRUE(mirror.registry().loading());
  EXPECT_TRUE(mirror.shown().empty());
  mirror.take_snapshot(dc2.registry(), dc2.now());
  EXPECT_FALSE(mirror.registry().loading());
  EXPECT_EQ(mirror.shown().size(), 2u);
  EXPECT_EQ(mirror.registry().counts().instances, dc2.registry().counts().instances);
  EXPECT_EQ(mirror.registry().counts().sessions, 2u);
}

TEST(Mirror, FollowsEveryChange) {
  Script dc2(of_dc2());
  dc2.run(kHistory);
  Mirror mirror;
  mirror.take_snapshot(dc2.registry(), dc2.now());
  size_t seen = dc2.records().size();
  for (const char* change :
       {"> register orders/o-3 session=a\n", "> register orders/o-1 session=a meta=2\n",
        "> deregister orders/o-2\n", "> restore stock/s-2 by=alice reason=done\n",
        "> override orders/o-3 weight=7 by=bob reason=try\n", "> close b\n",
        "> register stock/s-3 ttl=50000 meta=9\n", "> deregister stock/s-2 drain=1000\n",
        "> advance 2000\n", "> open c ttl=60000\n> register stock/s-9 session=c\n"}) {
    dc2.run(change);
    mirror.take_changes(dc2, seen, dc2.now());
    seen = dc2.records().size();
    EXPECT_EQ(mirror.shown(), shown_by(dc2, dc2.now())) << change;
    EXPECT_EQ(mirror.registry().counts().instances, dc2.registry().counts().instances) << change;
  }
}

TEST(Mirror, KeepsWhatItHasWhileNothingIsHeardAndNobodyForSilence) {
  Script dc2(of_dc2());
  dc2.run(kHistory);
  Mirror mirror;
  mirror.take_snapshot(dc2.registry(), dc2.now());
  const auto before = mirror.shown();
  base::Now now = dc2.now();
  for (int minute = 0; minute < 600; ++minute) {
    now.mono_ms += 60'000;
    now.wall_ms += 60'000;
    mirror.step(AdvanceTime{}, now);
  }
  EXPECT_EQ(mirror.shown(), before);
}

TEST(Mirror, ASnapshotTakesOutWhatHasGoneSince) {
  Script dc2(of_dc2());
  dc2.run(kHistory);
  Mirror mirror;
  mirror.take_snapshot(dc2.registry(), dc2.now());
  // All of it is forgotten there, tombstones and all, while nobody follows.
  Script anew(of_dc2());
  anew.run("> open z ttl=60000\n> register other/x-1 session=z\n");
  mirror.take_snapshot(anew.registry(), dc2.now(), true);
  EXPECT_EQ(mirror.shown().size(), 3u) << "a snapshot that is cut off takes nothing out";
  mirror.take_snapshot(anew.registry(), dc2.now());
  EXPECT_EQ(mirror.shown(), shown_by(anew, dc2.now()));
  EXPECT_EQ(mirror.registry().counts().instances, 1u);
  EXPECT_EQ(mirror.registry().counts().sessions, 1u);
  EXPECT_EQ(mirror.registry().counts().tombstones, 0u);
}

TEST(Mirror, ADataCenterThatBeginsAnewIsBelieved) {
  // Long-lived there: high epochs and stamps. Made anew, it begins with low ones, under the same
  // ids.
  Script before(of_dc2());
  before.now().wall_ms += 3'600'000;
  for (int life = 0; life < 3; ++life) {
    before.run("> register orders/dead ttl=1000\n> advance 2500\n");
    before.run("> register orders/shown ttl=1000\n> advance 2500\n");
  }
  before.run(
      "> register orders/shown ttl=60000\n> open s ttl=60000\n> register orders/o-1 session=s\n"
      "> override orders/o-1 weight=1 by=a reason=r\n> register orders/kept\n");
  Mirror mirror;
  mirror.take_snapshot(before.registry(), before.now());
  EXPECT_EQ(mirror.shown(), shown_by(before, before.now()));

  Script anew(of_dc2());
  anew.run(
      "> register orders/dead ttl=60000\n> register orders/shown ttl=1000\n> advance 2500\n"
      "> open s ttl=60000\n> register orders/o-1 session=s meta=2\n> register orders/kept meta=3\n"
      "> override orders/o-1 weight=9 by=b reason=q\n");
  mirror.take_snapshot(anew.registry(), before.now());
  EXPECT_EQ(mirror.shown(), shown_by(anew, before.now()));
  EXPECT_EQ(mirror.registry().counts().instances, 3u);
  const size_t seen = anew.records().size();
  anew.run("> close s\n> deregister orders/kept\n");
  mirror.take_changes(anew, seen, before.now());
  EXPECT_EQ(mirror.shown(), shown_by(anew, before.now()));
}

TEST(Mirror, AnInstanceWaitsForTheRecordOfItsSession) {
  Script dc2(of_dc2());
  dc2.run("> open a ttl=60000\n> register orders/o-1 session=a\n");
  std::vector<BusMessage> without;
  std::vector<BusMessage> session;
  for (const auto& [key, value] : dc2.records()) {
    (is_session_key(key) ? session : without).push_back({0, key, value});
  }
  Mirror mirror;
  mirror.step(MirrorRecords{true, true, without}, dc2.now());
  EXPECT_TRUE(mirror.shown().empty());
  mirror.step(MirrorRecords{false, false, session}, dc2.now());
  EXPECT_EQ(mirror.shown(), shown_by(dc2, dc2.now()));
  EXPECT_EQ(mirror.shown().size(), 1u);
}

TEST(Mirror, WhoWatchesIsToldThatAServiceHasGone) {
  Script dc2(of_dc2());
  dc2.run("> register orders/old\n");
  Mirror mirror;
  const PublishedCatalog& shown = mirror.catalog();
  const ServiceKey orders(kDefaultNamespace, "orders");
  const auto take = [&](const Script& node) {
    std::vector<BusMessage> records;
    for (const auto& [key, value] : node.records()) records.push_back({0, key, value});
    mirror.step(MirrorRecords{true, true, records}, {1, 1});
  };
  take(dc2);
  // One that reads at once, and one that reads only when the service is there again.
  WatchCursor quick = WatchCursor::blank();
  WatchCursor slow = WatchCursor::blank();
  for (WatchCursor* cursor : {&quick, &slow}) {
    ASSERT_EQ(cursor->owed(shown.find(orders).get()).kind, Owed::Kind::kSnapshot);
    cursor->sent_snapshot(shown.find(orders).get(), "old", true);
  }
  take(Script(of_dc2()));  // made anew: nothing is there
  const ServiceView* view = shown.find(orders).get();
  ASSERT_TRUE(view != nullptr && view->list.empty()) << "its last view comes before it is gone";
  EXPECT_EQ(quick.owed(view).kind, Owed::Kind::kSnapshot);
  quick.sent_snapshot(view, "", true);
  mirror.publish();
  EXPECT_EQ(shown.find(orders), nullptr);
  WatchCursor slower = slow;
  EXPECT_EQ(slower.owed(nullptr).kind, Owed::Kind::kSnapshot) << "of nothing";
  Script anew(of_dc2());
  anew.run("> register orders/new\n");
  take(anew);
  view = shown.find(orders).get();
  ASSERT_TRUE(view != nullptr);
  EXPECT_EQ(slow.owed(view).kind, Owed::Kind::kSnapshot) << "no delta on top of another's list";
  EXPECT_EQ(quick.owed(view).kind, Owed::Kind::kDelta) << "on top of the empty list";
}

TEST(Mirror, AServiceThatIsThereAgainAtOnceIsShown) {
  Script dc2(of_dc2());
  dc2.run("> register orders/old\n");
  Mirror mirror;
  const PublishedCatalog& shown = mirror.catalog();
  const auto& [key, value] = dc2.records().back();
  const std::vector<BusMessage> there = {{0, key, value}};
  const std::vector<BusMessage> gone = {{0, key, ""}};
  std::vector<BusMessage> gone_and_there = gone;
  gone_and_there.push_back(there.front());
  mirror.step(MirrorRecords{true, true, there}, {1, 1});
  for (int round = 0; round < 3; ++round) {
    mirror.step(MirrorRecords{false, false, gone_and_there}, {1, 1});
    const ServiceViewPtr& view = shown.find({kDefaultNamespace, "orders"});
    ASSERT_TRUE(view != nullptr) << round;
    EXPECT_EQ(view->list.size(), 1u);
    EXPECT_EQ(shown.service_count(), 1u);
    mirror.publish();
    EXPECT_EQ(shown.find({kDefaultNamespace, "orders"}), view);
  }
}

TEST(Mirror, NeverOwesNorStoresMarks) {
  Script dc2(of_dc2());
  dc2.run(kHistory);
  Mirror mirror;
  mirror.take_snapshot(dc2.registry(), dc2.now());
  EXPECT_EQ(mirror.registry().outbox_size(), 0u);
  Outputs outputs;
  ASSERT_TRUE(mirror.registry().step(AdvanceTime{}, dc2.now(), outputs).ok());
  EXPECT_TRUE(outputs.beat.empty());
  EXPECT_TRUE(outputs.probes.empty());
}

}  // namespace
}  // namespace callbook::core
