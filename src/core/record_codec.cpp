#include "core/record_codec.h"

#include "base/encoding.h"

namespace callbook::core {
namespace {

using base::ByteReader;

constexpr uint8_t kInstanceKey = 'i';
constexpr uint8_t kSessionKey = 's';
constexpr uint8_t kFormat = 1;

void put_stamp(std::string& out, const Stamp& stamp) {
  base::put_u64(out, stamp.hlc);
  base::put_u32(out, stamp.node);
}

Stamp get_stamp(ByteReader& reader) {
  const uint64_t hlc = reader.u64();
  return {hlc, reader.u32()};
}

void put_session_id(std::string& out, const SessionId& id) {
  base::put_u64(out, id.high);
  base::put_u64(out, id.low);
}

SessionId get_session_id(ByteReader& reader) {
  const uint64_t high = reader.u64();
  return {high, reader.u64()};
}

Cause get_cause(ByteReader& reader) {
  const uint8_t cause = reader.u8();
  if (cause >= kCauseCount) reader.fail();
  return static_cast<Cause>(cause);
}

void put_liveness(std::string& out, const Liveness& liveness) {
  base::put_varint(out, liveness.epoch);
  if (liveness.epoch == 0) return;
  put_stamp(out, liveness.stamp);
  base::put_u32(out, liveness.home);
  base::put_u8(out, liveness.ended ? 1 : 0);
  base::put_u8(out, static_cast<uint8_t>(liveness.cause));
}

Liveness get_liveness(ByteReader& reader) {
  Liveness liveness;
  const uint64_t epoch = reader.varint();
  if (epoch > UINT32_MAX) reader.fail();
  liveness.epoch = static_cast<uint32_t>(epoch);
  if (liveness.epoch == 0) return liveness;
  liveness.stamp = get_stamp(reader);
  liveness.home = reader.u32();
  const uint8_t ended = reader.u8();
  if (ended > 1) reader.fail();
  liveness.ended = ended == 1;
  liveness.cause = get_cause(reader);
  return liveness;
}

void put_holder(std::string& out, const Holder& holder) {
  base::put_u8(out, static_cast<uint8_t>(holder.kind));
  if (holder.kind == HolderKind::kSession) put_session_id(out, holder.session);
  if (holder.kind == HolderKind::kTtl) base::put_varint(out, static_cast<uint64_t>(holder.ttl_ms));
}

Holder get_holder(ByteReader& reader) {
  Holder holder;
  const uint8_t kind = reader.u8();
  if (kind > static_cast<uint8_t>(HolderKind::kTtl)) reader.fail();
  holder.kind = static_cast<HolderKind>(kind);
  if (holder.kind == HolderKind::kSession) holder.session = get_session_id(reader);
  if (holder.kind == HolderKind::kTtl) holder.ttl_ms = static_cast<int64_t>(reader.varint());
  return holder;
}

void put_body(std::string& out, const RegistrationView& body) {
  base::put_string(out, body.address);
  base::put_varint(out, body.port);
  base::put_string(out, body.zone);
  base::put_varint(out, body.weight);
  base::put_string(out, body.ports);
  base::put_string(out, body.metadata);
}

void get_body(ByteReader& reader, RegistrationView& body) {
  body.address = reader.string();
  const uint64_t port = reader.varint();
  body.zone = reader.string();
  const uint64_t weight = reader.varint();
  body.ports = reader.string();
  body.metadata = reader.string();
  if (port > UINT16_MAX || weight > UINT32_MAX || body.address.size() > UINT8_MAX) reader.fail();
  body.port = static_cast<uint16_t>(port);
  body.weight = static_cast<uint32_t>(weight);
  const auto ignore = [](auto&&...) {};
  if (!for_each_port(body.ports, ignore) || !for_each_metadata(body.metadata, ignore))
    reader.fail();
}

base::Error corrupt(std::string_view what) {
  return {base::ErrorCode::kCorrupt, "record", std::string(what), std::nullopt};
}

base::Result<DecodedRecord> decode_instance(ByteReader key, ByteReader value, bool erased) {
  InstanceRecord record;
  key.string();  // the data center: a store and a stream hold only one
  record.service.space = key.string();
  record.service.name = key.string();
  record.id = key.string();
  if (!key.ok() || !key.at_end() || record.id.empty() || record.id.size() > UINT8_MAX) {
    return corrupt("malformed instance key");
  }
  if (erased) return DecodedRecord(record);
  if (value.u8() != kFormat) return corrupt("unknown format of an instance record");
  const uint8_t kind = value.u8();
  if (kind > static_cast<uint8_t>(RegistrationKind::kForgotten)) value.fail();
  record.kind = static_cast<RegistrationKind>(kind);
  record.stamp = get_stamp(value);
  record.cause = get_cause(value);
  record.removed_wall_ms = static_cast<int64_t>(value.varint());
  record.body.holder = get_holder(value);
  record.liveness = get_liveness(value);
  if (record.kind == RegistrationKind::kBody) get_body(value, record.body);
  if (!value.ok() || !value.at_end()) return corrupt("malformed instance record");
  return DecodedRecord(record);
}

base::Result<DecodedRecord> decode_session(ByteReader key, ByteReader value, bool erased) {
  SessionRecord record;
  record.id = get_session_id(key);
  if (!key.ok() || !key.at_end()) return corrupt("malformed session key");
  if (erased) return DecodedRecord(record);
  if (value.u8() != kFormat) return corrupt("unknown format of a session record");
  record.ttl_ms = static_cast<int64_t>(value.varint());
  record.client = value.string();
  record.opened = get_stamp(value);
  record.liveness = get_liveness(value);
  record.ended_wall_ms = static_cast<int64_t>(value.varint());
  if (!value.ok() || !value.at_end()) return corrupt("malformed session record");
  return DecodedRecord(record);
}

}  // namespace

void encode_key(std::string_view datacenter, const InstanceRecord& record, std::string& out) {
  base::put_u8(out, kInstanceKey);
  base::put_string(out, datacenter);
  base::put_string(out, record.service.space);
  base::put_string(out, record.service.name);
  base::put_string(out, record.id);
}

void encode_key(const SessionRecord& record, std::string& out) {
  base::put_u8(out, kSessionKey);
  put_session_id(out, record.id);
}

void encode_value(const InstanceRecord& record, std::string& out) {
  base::put_u8(out, kFormat);
  base::put_u8(out, static_cast<uint8_t>(record.kind));
  put_stamp(out, record.stamp);
  base::put_u8(out, static_cast<uint8_t>(record.cause));
  base::put_varint(out, static_cast<uint64_t>(record.removed_wall_ms));
  put_holder(out, record.body.holder);
  put_liveness(out, record.liveness);
  if (record.kind == RegistrationKind::kBody) put_body(out, record.body);
}

void encode_value(const SessionRecord& record, std::string& out) {
  base::put_u8(out, kFormat);
  base::put_varint(out, static_cast<uint64_t>(record.ttl_ms));
  base::put_string(out, record.client);
  put_stamp(out, record.opened);
  put_liveness(out, record.liveness);
  base::put_varint(out, static_cast<uint64_t>(record.ended_wall_ms));
}

base::Result<DecodedRecord> decode_record(std::string_view key, std::string_view value) {
  ByteReader key_reader(key);
  const uint8_t kind = key_reader.u8();
  if (kind == kInstanceKey) return decode_instance(key_reader, ByteReader(value), value.empty());
  if (kind == kSessionKey) return decode_session(key_reader, ByteReader(value), value.empty());
  return corrupt("unknown kind of key");
}

}  // namespace callbook::core
