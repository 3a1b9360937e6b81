#include "core/record_codec.h"

#include <random>

#include <gtest/gtest.h>

#include "core/check_rule.h"
#include "core/published_catalog.h"
#include "core/registry.h"

namespace callbook::core {
namespace {

InstanceRecord sample(const NamedPorts& ports, const Metadata& metadata) {
  InstanceRecord record;
  record.service = {"default", "orders"};
  record.id = "o-1";
  record.kind = RegistrationKind::kBody;
  record.stamp = {77, 3};
  record.cause = Cause::kRegistered;
  record.body = {
      "10.0.0.1", 80, "z", 5, ports.bytes(), metadata.bytes(), {HolderKind::kTtl, {}, 4000}, {}};
  record.liveness = {2, {78, 3}, 3, false, Cause::kNone};
  return record;
}

TEST(RecordCodec, ReadsBackWhatItWrote) {
  const NamedPorts ports = *NamedPorts::from({{"grpc", 9090}});
  const Metadata metadata = *Metadata::from({{"a", "1"}});
  const InstanceRecord record = sample(ports, metadata);
  std::string key;
  std::string value;
  encode_key("dc1", record.service, record.id, key);
  encode_value(record, value);
  const auto decoded = decode_record(key, value);
  ASSERT_TRUE(decoded.ok());
  const auto& read = std::get<InstanceRecord>(*decoded);
  EXPECT_EQ(read.id, "o-1");
  EXPECT_EQ(read.service.name, "orders");
  EXPECT_EQ(read.stamp, record.stamp);
  EXPECT_EQ(read.liveness, record.liveness);
  EXPECT_EQ(read.body.metadata, metadata.bytes());
  EXPECT_EQ(read.body.holder, record.body.holder);
  std::string again;
  encode_value(read, again);
  EXPECT_EQ(again, value);
}

TEST(RecordCodec, ReadsBackACheck) {
  const NamedPorts ports = *NamedPorts::from({});
  const Metadata metadata = *Metadata::from({});
  InstanceRecord record = sample(ports, metadata);
  const CheckRule rule{CheckRule::Kind::kHttp, 81, 800, 2, 4, 60'000, "/health"};
  const std::string check = encode(rule);
  record.body.check = check;
  std::string key;
  std::string value;
  encode_key("dc1", record.service, record.id, key);
  encode_value(record, value);
  const auto decoded = decode_record(key, value);
  ASSERT_TRUE(decoded.ok());
  const auto& read = std::get<InstanceRecord>(*decoded);
  EXPECT_EQ(read.body.holder, record.body.holder);
  EXPECT_EQ(decode_check(read.body.check), rule);
  EXPECT_EQ(encode(*decode_check(read.body.check)), check);
  // What is no check is no record.
  record.body.check = "nonsense";
  value.clear();
  encode_value(record, value);
  EXPECT_FALSE(decode_record(key, value).ok());
}

TEST(RecordCodec, CausesOfALaterReleaseSurviveAndAreCountedAsNone) {
  constexpr auto kLater = static_cast<Cause>(200);
  EXPECT_EQ(name_of(kLater), "unknown");
  const NamedPorts ports = *NamedPorts::from({});
  const Metadata metadata = *Metadata::from({});
  InstanceRecord record = sample(ports, metadata);
  record.body.holder = {HolderKind::kPersistent, {}, 0};
  record.liveness = {};
  std::string key;
  encode_key("dc1", record.service, record.id, key);
  std::string listed;
  encode_value(record, listed);
  record.kind = RegistrationKind::kRemoved;
  record.stamp = {79, 3};
  record.cause = kLater;
  record.removed_wall_ms = 5;
  std::string removed;
  encode_value(record, removed);
  const auto decoded = decode_record(key, removed);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(std::get<InstanceRecord>(*decoded).cause, kLater);
  std::string again;
  encode_value(std::get<InstanceRecord>(*decoded), again);
  EXPECT_EQ(again, removed);

  Registry registry(RegistryOptions{});
  Outputs out;
  ASSERT_TRUE(registry.step({MergeRecord{1, key, listed}}, {1, 5}, out).ok());
  ASSERT_TRUE(registry.step({MergeRecord{2, key, removed}}, {1, 5}, out).ok());
  ASSERT_TRUE(registry.step(FinishLoading{2}, {1, 5}, out).ok());
  PublishedCatalog catalog;
  catalog.apply(registry.publish());
  const ServiceViewPtr view = catalog.find({"default", "orders"});
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->departures[index_of(Cause::kNone)], 1u);
}

TEST(RecordCodec, SectionsOfALaterReleaseSurvive) {
  const NamedPorts ports = *NamedPorts::from({});
  const Metadata metadata = *Metadata::from({});
  std::string key;
  std::string value;
  const InstanceRecord record = sample(ports, metadata);
  encode_key("dc1", record.service, record.id, key);
  encode_value(record, value);
  const std::string newer = with_unknown_section(key, value, 200, {5, 1}, "new");
  const auto decoded = decode_record(key, newer);
  ASSERT_TRUE(decoded.ok());
  std::string again;
  encode_value(std::get<InstanceRecord>(*decoded), again);
  EXPECT_EQ(again, newer);
  EXPECT_GT(newer.size(), value.size());
}

TEST(RecordCodec, TheFormerFormatIsReadAndAnUnknownOneRefused) {
  const std::string key = "s" + std::string(16, '\1');
  std::string value;
  base::put_u8(value, 1);
  base::put_varint(value, 6'000);
  base::put_string(value, "client");
  base::put_u64(value, 5);
  base::put_u32(value, 1);
  base::put_varint(value, 3);  // epoch
  base::put_u64(value, uint64_t{99} << 16);
  base::put_u32(value, 1);
  base::put_u32(value, 1);
  base::put_u8(value, 0);
  base::put_u8(value, 0);
  base::put_varint(value, 0);
  const auto decoded = decode_record(key, value);
  ASSERT_TRUE(decoded.ok());
  const auto& session = std::get<SessionRecord>(*decoded);
  EXPECT_EQ(session.liveness.epoch, 3u);
  EXPECT_EQ(session.liveness.announced_wall_ms, 99);
  value[0] = 3;
  EXPECT_FALSE(decode_record(key, value).ok());
}

TEST(RecordCodec, TheNodesOwnRecords) {
  std::string key;
  std::string value;
  encode_mark_key(key);
  encode_value(MarkRecord{77, {StreamPosition{1, 2}, StreamPosition{3, 4}}}, value);
  EXPECT_TRUE(is_private_key(key));
  const auto mark = decode_record(key, value);
  ASSERT_TRUE(mark.ok());
  EXPECT_EQ(std::get<MarkRecord>(*mark).positions[1].version, 4u);
  EXPECT_FALSE(decode_record(key, value.substr(1)).ok());

  key.clear();
  value.clear();
  encode_key(OwedRecord{Stream::kLasting, "key", 5}, key);
  encode_value(OwedRecord{Stream::kLasting, "key", 5}, value);
  EXPECT_TRUE(is_private_key(key));
  const auto owed = decode_record(key, value);
  ASSERT_TRUE(owed.ok());
  EXPECT_EQ(std::get<OwedRecord>(*owed).key, "key");
  EXPECT_EQ(std::get<OwedRecord>(*owed).stream, Stream::kLasting);

  for (const char* zone : {"", "zone-a"}) {
    key.clear();
    value.clear();
    const ServiceKey service{"default", "orders"};
    encode_key(BreakerRecord{service, zone, 9, 77, true}, key);
    encode_value(BreakerRecord{service, zone, 9, 77, true}, value);
    EXPECT_TRUE(is_private_key(key));
    const auto breaker = decode_record(key, value);
    ASSERT_TRUE(breaker.ok());
    const auto& read = std::get<BreakerRecord>(*breaker);
    EXPECT_EQ(read.service, ServiceKeyView(service));
    EXPECT_EQ(read.zone, zone);
    EXPECT_EQ(read.largest, 9u);
    EXPECT_EQ(read.held_since_wall_ms, 77);
    EXPECT_TRUE(read.released);
    EXPECT_TRUE(decode_record(key, "").ok());
    EXPECT_FALSE(decode_record(key + "x", value).ok());
  }
}

TEST(RecordCodec, AnErasedRecordHasOnlyItsKey) {
  std::string key;
  encode_key(SessionId{1, 2}, key);
  const auto decoded = decode_record(key, "");
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(std::get<SessionRecord>(*decoded).id, (SessionId{1, 2}));
}

TEST(RecordCodec, EveryTruncationIsRefusedAndNoChangeOfAByteIsUnsafe) {
  const NamedPorts ports = *NamedPorts::from({{"grpc", 9090}});
  const Metadata metadata = *Metadata::from({{"name", "value"}});
  const InstanceRecord record = sample(ports, metadata);
  std::string key;
  std::string value;
  encode_key("dc1", record.service, record.id, key);
  encode_value(record, value);
  for (size_t length = 1; length < value.size(); ++length) {
    EXPECT_FALSE(decode_record(key, value.substr(0, length)).ok()) << length;
  }
  for (size_t length = 0; length < key.size(); ++length) {
    EXPECT_FALSE(decode_record(key.substr(0, length), value).ok()) << length;
  }
  EXPECT_FALSE(decode_record(key, value + "x").ok());
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::string changed = value;
    changed[random() % changed.size()] = static_cast<char>(random());
    const auto decoded = decode_record(key, changed);
    if (!decoded.ok()) continue;
    std::string again;
    encode_value(std::get<InstanceRecord>(*decoded), again);
    EXPECT_LE(again.size(), value.size() + 16);
  }
}

}  // namespace
}  // namespace callbook::core
