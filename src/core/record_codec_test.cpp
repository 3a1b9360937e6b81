#include "core/record_codec.h"

#include <random>

#include <gtest/gtest.h>

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
      "10.0.0.1", 80, "z", 5, ports.bytes(), metadata.bytes(), {HolderKind::kTtl, {}, 4000}};
  record.liveness = {2, {78, 3}, 3, false, Cause::kNone};
  return record;
}

TEST(RecordCodec, ReadsBackWhatItWrote) {
  const NamedPorts ports = *NamedPorts::from({{"grpc", 9090}});
  const Metadata metadata = *Metadata::from({{"a", "1"}});
  const InstanceRecord record = sample(ports, metadata);
  std::string key;
  std::string value;
  encode_key("dc1", record, key);
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

TEST(RecordCodec, AnErasedRecordHasOnlyItsKey) {
  std::string key;
  encode_key(SessionRecord{{1, 2}, 0, {}, {}, {}, 0, {}}, key);
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
  encode_key("dc1", record, key);
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
