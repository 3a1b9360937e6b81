// Merging is commutative, associative and idempotent: the same facts in any order, doubled, or
// dropped and repeated later, give the same catalog.

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/provider_status.h"
#include "core/registry.h"
#include "core/sections.h"

namespace callbook::core {
namespace {

constexpr int kRounds = 120;
constexpr int kFactsPerRound = 3'000;
constexpr base::Now kNow{1'000'000, 1'700'000'000'000};

struct Fact {
  std::string key;
  std::string value;
};

/// Random facts as a cluster could produce them: stamps never repeat, and the end of a session or
/// of an own TTL is the last that is said of it (what is revived is announced again, whole).
class FactMaker {
 public:
  explicit FactMaker(uint64_t seed) : random_(seed) {}

  std::vector<Fact> make(int count) {
    std::vector<Fact> facts;
    for (int s = 0; s < kSessions; ++s) add_session(s, facts);
    while (static_cast<int>(facts.size()) < count) add_instance(facts);
    return facts;
  }

 private:
  static constexpr int kSessions = 40;

  uint64_t below(uint64_t n) { return random_() % n; }
  Stamp stamp() {
    // Unique, in no order: the counter in the low bits, noise above it.
    const uint64_t wall = 1'700'000'000'000 - below(3'600'000);
    return {wall << 16 | ++count_, static_cast<NodeId>(below(3))};
  }

  void add(const SessionRecord& record, std::vector<Fact>& facts) {
    Fact fact;
    encode_key(record.id, fact.key);
    encode_value(record, fact.value);
    facts.push_back(std::move(fact));
  }

  void add_session(int number, std::vector<Fact>& facts) {
    SessionRecord record;
    record.id = {static_cast<uint64_t>(number) + 1, 7};
    record.ttl_ms = 6'000;
    record.client = "client";
    record.opened = stamp();
    if (below(10) == 0) return;  // never heard of
    const uint32_t epochs = 1 + static_cast<uint32_t>(below(3));
    for (uint32_t epoch = 1; epoch <= epochs; ++epoch) {
      record.liveness = {epoch, stamp(), static_cast<NodeId>(below(3)), false, Cause::kNone};
      add(record, facts);
    }
    if (below(2) == 0) {
      living_.insert(record.id);
      return;
    }
    record.liveness = {epochs + 1, stamp(), 1, true,
                       below(2) == 0 ? Cause::kSessionClosed : Cause::kSessionExpired};
    record.ended_wall_ms = static_cast<int64_t>(record.liveness.stamp.hlc >> 16);
    add(record, facts);
  }

  void add_instance(std::vector<Fact>& facts) {
    InstanceRecord record;
    const std::string service = "service-" + std::to_string(below(8));
    const std::string id = "i-" + std::to_string(below(60));
    const std::string address = "10.0.0." + std::to_string(below(200));
    record.service = {kDefaultNamespace, service};
    record.id = id;
    record.stamp = stamp();
    record.body.address = address;
    record.body.port = static_cast<uint16_t>(below(5));
    const uint64_t kind = below(10);
    if (kind < 2) {
      record.kind = RegistrationKind::kRemoved;
      record.cause = Cause::kDeregistered;
      record.removed_wall_ms = static_cast<int64_t>(record.stamp.hlc >> 16);
    } else if (kind < 3) {
      record.kind = RegistrationKind::kNone;  // only word of a lapse
      record.stamp = {};
      record.liveness = {100 + static_cast<uint32_t>(below(3)), stamp(), 1, true,
                         Cause::kSessionExpired};
    } else {
      record.kind = RegistrationKind::kBody;
      record.cause = Cause::kRegistered;
      choose_holder(kind, record);
    }
    std::string sections;
    if (record.kind == RegistrationKind::kBody && below(3) == 0) {
      sections = status_of(record.body.holder);
      record.sections = sections;
    }
    add(record, facts);
    const bool of_living =
        record.kind == RegistrationKind::kBody && living_.contains(record.body.holder.session);
    if (!of_living || below(4) != 0) return;
    // A node that took its session for ended announced it without its body.
    record.kind = RegistrationKind::kForgotten;
    record.cause = Cause::kSessionExpired;
    record.removed_wall_ms = record.stamp.wall_ms();
    add(record, facts);
  }

  void add(const InstanceRecord& record, std::vector<Fact>& facts) {
    Fact fact;
    encode_key("dc1", record.service, record.id, fact.key);
    encode_value(record, fact.value);
    facts.push_back(std::move(fact));
  }

  /// What its holder says of it, or what another session said of it before.
  std::string status_of(const Holder& holder) {
    const SessionId session = below(5) == 0 ? SessionId{below(kSessions) + 1, 7} : holder.session;
    const ProviderStatus status{static_cast<ProviderState>(below(kProviderStateCount)), {}};
    return with_section({}, kStatusSection, stamp(), encode(status, session));
  }

  void choose_holder(uint64_t kind, InstanceRecord& record) {
    if (kind < 7) {
      record.body.holder = {HolderKind::kSession, {below(kSessions) + 1, 7}, 0};
    } else if (kind < 9) {
      record.body.holder = {HolderKind::kTtl, {}, 5'000};
      record.liveness = {1 + static_cast<uint32_t>(below(5)), record.stamp, record.stamp.node,
                         false, Cause::kNone};
    }
  }

  std::mt19937_64 random_;
  uint64_t count_ = 0;
  std::set<SessionId> living_;  ///< known, and not ended
};

struct Ending {
  std::map<std::string, std::string> records;
  std::map<std::string, uint64_t> digests;
  uint32_t instances = 0;

  bool operator==(const Ending&) const = default;
};

Ending merge_all(const std::vector<Fact>& facts, const std::vector<size_t>& order) {
  Registry registry{RegistryOptions{}};
  Outputs outputs;
  for (size_t i : order) {
    const auto reply = registry.step(MergeRecord{1, facts[i].key, facts[i].value}, kNow, outputs);
    EXPECT_TRUE(reply.ok());
  }
  EXPECT_TRUE(registry.step(FinishLoading{1}, kNow, outputs).ok());
  Ending ending;
  RecordBatch batch;
  Registry::DumpCursor cursor;
  registry.dump(cursor, SIZE_MAX / 2, batch);
  for (size_t i = 0; i < batch.size(); ++i)
    ending.records[std::string(batch[i].key)] = batch[i].value;
  for (const ServicePublished& published : registry.publish()) {
    uint64_t digest = 0;
    published.view->list.for_each([&](const ListEntry& entry) { digest += entry.digest_part(); });
    EXPECT_EQ(digest, published.view->digest);
    ending.digests[published.view->key.name] = digest;
  }
  ending.instances = registry.counts().instances;
  return ending;
}

std::string describe(const std::string& key, const std::string& value) {
  const auto decoded = decode_record(key, value);
  if (const auto* session = std::get_if<SessionRecord>(&*decoded)) {
    return fmt::format("session {} epoch {} ended {}", session->id.high, session->liveness.epoch,
                       session->liveness.ended);
  }
  const auto& one = std::get<InstanceRecord>(*decoded);
  return fmt::format(
      "{}/{} kind {} stamp {}@{} cause {} removed {} holder {} {} liveness {} {}@{} ended {}",
      one.service.name, one.id, static_cast<int>(one.kind), one.stamp.hlc, one.stamp.node,
      name_of(one.cause), one.removed_wall_ms, static_cast<int>(one.body.holder.kind),
      one.body.holder.session.high, one.liveness.epoch, one.liveness.stamp.hlc,
      one.liveness.stamp.node, one.liveness.ended);
}

/// The first record in which two endings differ, for a reader of a failure.
std::string difference(const Ending& a, const Ending& b) {
  for (const auto& [key, value] : a.records) {
    const auto other = b.records.find(key);
    if (other == b.records.end()) return "only in one: " + describe(key, value);
    if (other->second != value) return describe(key, value) + "\n" + describe(key, other->second);
  }
  return "records agree, but for some that only the other has";
}

TEST(Merge, AnyOrderGivesTheSameCatalog) {
  uint64_t operations = 0;
  uint64_t instances = 0;
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t seed = 1'000 + static_cast<uint64_t>(round);
    const std::vector<Fact> facts = FactMaker(seed).make(kFactsPerRound);
    std::vector<size_t> straight(facts.size());
    for (size_t i = 0; i < straight.size(); ++i) straight[i] = i;
    const Ending expected = merge_all(facts, straight);
    instances += expected.instances;
    operations += straight.size();

    std::mt19937_64 random(seed);
    for (int variant = 0; variant < 2; ++variant) {
      std::vector<size_t> order = straight;
      std::shuffle(order.begin(), order.end(), random);
      // A fifth comes twice, a fifth of the first arrivals is lost and sent again at the end.
      std::vector<size_t> late;
      std::vector<size_t> arrivals;
      for (size_t i : order) {
        const uint64_t luck = random() % 5;
        (luck == 0 ? late : arrivals).push_back(i);
        if (luck == 1)
          arrivals.insert(
              arrivals.begin() + static_cast<std::ptrdiff_t>(random() % arrivals.size()), i);
      }
      arrivals.insert(arrivals.end(), late.begin(), late.end());
      operations += arrivals.size();
      const Ending ending = merge_all(facts, arrivals);
      ASSERT_TRUE(ending == expected) << "seed " << seed << " variant " << variant << "\n"
                                      << difference(ending, expected);
    }
  }
  EXPECT_GE(operations, 1'000'000u);
  EXPECT_GE(instances, 100u * kRounds) << "the facts must leave something alive to compare";
}

}  // namespace
}  // namespace callbook::core
