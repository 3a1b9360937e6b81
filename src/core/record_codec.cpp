#include "core/record_codec.h"

#include <algorithm>

#include "base/encoding.h"
#include "core/check_rule.h"
#include "core/sections.h"

namespace callbook::core {
namespace {

using base::ByteReader;

constexpr uint8_t kInstanceKey = 'i';
constexpr uint8_t kSessionKey = 's';
constexpr uint8_t kOverrideKey = 'v';
constexpr uint8_t kMarkKey = 'm';
constexpr uint8_t kOwedKey = 'o';
constexpr uint8_t kBreakerKey = 'b';
/// 1 was written before there were several nodes: no announcement time, no sections.
constexpr uint8_t kFormat = 2;
constexpr uint8_t kFirstFormat = 1;
// Flags of an override.
constexpr uint8_t kOverrideSet = 1;
constexpr uint8_t kOverrideWeighs = 2;
constexpr uint8_t kOverrideStops = 4;

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

/// Any: of a later release's the number is all that is known, and it is passed on as it came.
Cause get_cause(ByteReader& reader) {
  return static_cast<Cause>(reader.u8());
}

void put_liveness(std::string& out, const Liveness& liveness) {
  base::put_varint(out, liveness.epoch);
  if (liveness.epoch == 0) return;
  put_stamp(out, liveness.stamp);
  base::put_u32(out, liveness.home);
  const int health = static_cast<int>(liveness.health) * 2;
  base::put_u8(out, static_cast<uint8_t>(health + (liveness.ended ? 1 : 0)));
  base::put_u8(out, static_cast<uint8_t>(liveness.cause));
  base::put_varint(out, static_cast<uint64_t>(liveness.announced_wall_ms));
}

Liveness get_liveness(ByteReader& reader, uint8_t format) {
  Liveness liveness;
  const uint64_t epoch = reader.varint();
  if (epoch > UINT32_MAX) reader.fail();
  liveness.epoch = static_cast<uint32_t>(epoch);
  if (liveness.epoch == 0) return liveness;
  liveness.stamp = get_stamp(reader);
  liveness.home = reader.u32();
  const uint8_t state = reader.u8();
  if (state / 2 >= kHealthCount) reader.fail();
  liveness.ended = state % 2 == 1;
  liveness.health = static_cast<Health>(state / 2);
  liveness.cause = get_cause(reader);
  // Of a record without it the best guess is when its home last changed it.
  liveness.announced_wall_ms =
      format == kFirstFormat ? liveness.stamp.wall_ms() : static_cast<int64_t>(reader.varint());
  return liveness;
}

// The kind of a holder that is checked; its rule follows the interval.
constexpr uint8_t kCheckedHolder = 3;

void put_holder(std::string& out, const Holder& holder, std::string_view check) {
  base::put_u8(out, check.empty() ? static_cast<uint8_t>(holder.kind) : kCheckedHolder);
  if (holder.kind == HolderKind::kSession) put_session_id(out, holder.session);
  if (holder.kind == HolderKind::kTtl) base::put_varint(out, static_cast<uint64_t>(holder.ttl_ms));
  if (!check.empty()) base::put_string(out, check);
}

Holder get_holder(ByteReader& reader, std::string_view& check) {
  Holder holder;
  const uint8_t kind = reader.u8();
  if (kind > kCheckedHolder) reader.fail();
  holder.kind = kind == kCheckedHolder ? HolderKind::kTtl : static_cast<HolderKind>(kind);
  if (holder.kind == HolderKind::kSession) holder.session = get_session_id(reader);
  if (holder.kind == HolderKind::kTtl) holder.ttl_ms = static_cast<int64_t>(reader.varint());
  if (kind == kCheckedHolder) {
    check = reader.string();
    if (!decode_check(check)) reader.fail();
  }
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

/// Reads a format that this release knows.
uint8_t get_format(ByteReader& reader) {
  const uint8_t format = reader.u8();
  if (format < kFirstFormat || format > kFormat) reader.fail();
  return format;
}

std::string_view get_sections(ByteReader& reader, uint8_t format) {
  if (format == kFirstFormat) return {};
  const std::string_view sections = reader.rest();
  if (!valid_sections(sections)) reader.fail();
  if (reader.ok()) reader.bytes(sections.size());
  return sections;
}

base::Error corrupt(std::string_view what) {
  return {base::ErrorCode::kCorrupt, "record", std::string(what), std::nullopt};
}

void put_names(std::string& out, std::string_view datacenter, ServiceKeyView service,
               std::string_view id) {
  base::put_string(out, datacenter);
  base::put_string(out, service.space);
  base::put_string(out, service.name);
  base::put_string(out, id);
}

/// Whether the rest of a key names an instance.
bool get_names(ByteReader& key, ServiceKeyView& service, std::string_view& id) {
  key.string();  // the data center: a store and a stream hold only one
  service.space = key.string();
  service.name = key.string();
  id = key.string();
  return key.ok() && key.at_end() && !id.empty() && id.size() <= UINT8_MAX;
}

base::Result<DecodedRecord> decode_instance(ByteReader key, ByteReader value, bool erased) {
  InstanceRecord record;
  if (!get_names(key, record.service, record.id)) return corrupt("malformed instance key");
  if (erased) return DecodedRecord(record);
  const uint8_t format = get_format(value);
  if (!value.ok()) return corrupt("unknown format of an instance record");
  const uint8_t kind = value.u8();
  if (kind > static_cast<uint8_t>(RegistrationKind::kForgotten)) value.fail();
  record.kind = static_cast<RegistrationKind>(kind);
  record.stamp = get_stamp(value);
  record.cause = get_cause(value);
  record.removed_wall_ms = static_cast<int64_t>(value.varint());
  record.body.holder = get_holder(value, record.body.check);
  record.liveness = get_liveness(value, format);
  if (record.kind == RegistrationKind::kBody) get_body(value, record.body);
  record.sections = get_sections(value, format);
  if (record.kind == RegistrationKind::kBody) {
    const auto extras = find_section(record.sections, kExtrasSection);
    // Those of another registration say nothing of this one.
    if (extras && extras->stamp == record.stamp) record.body.extras = extras->bytes;
  }
  if (!value.ok() || !value.at_end()) return corrupt("malformed instance record");
  return DecodedRecord(record);
}

base::Result<DecodedRecord> decode_session(ByteReader key, ByteReader value, bool erased) {
  SessionRecord record;
  record.id = get_session_id(key);
  if (!key.ok() || !key.at_end()) return corrupt("malformed session key");
  if (erased) return DecodedRecord(record);
  const uint8_t format = get_format(value);
  if (!value.ok()) return corrupt("unknown format of a session record");
  record.ttl_ms = static_cast<int64_t>(value.varint());
  record.client = value.string();
  record.opened = get_stamp(value);
  record.liveness = get_liveness(value, format);
  record.ended_wall_ms = static_cast<int64_t>(value.varint());
  if (format != kFirstFormat) record.superseded = value.string();
  record.sections = get_sections(value, format);
  if (!value.ok() || !value.at_end()) return corrupt("malformed session record");
  return DecodedRecord(record);
}

base::Result<DecodedRecord> decode_override(ByteReader key, ByteReader value, bool erased) {
  OverrideRecord record;
  if (!get_names(key, record.service, record.id)) return corrupt("malformed key of an override");
  if (erased) return DecodedRecord(record);
  const uint8_t format = get_format(value);
  if (!value.ok()) return corrupt("unknown format of an override record");
  record.stamp = get_stamp(value);
  const uint8_t flags = value.u8();
  if (flags > (kOverrideSet | kOverrideWeighs | kOverrideStops)) value.fail();
  record.set = (flags & kOverrideSet) != 0;
  record.out_of_service = (flags & kOverrideStops) != 0;
  if ((flags & kOverrideWeighs) != 0) {
    const uint64_t weight = value.varint();
    if (weight > UINT32_MAX) value.fail();
    record.weight = static_cast<uint32_t>(weight);
  }
  record.said_wall_ms = static_cast<int64_t>(value.varint());
  record.by = value.string();
  record.reason = value.string();
  record.sections = get_sections(value, format);
  if (!value.ok() || !value.at_end()) return corrupt("malformed override record");
  return DecodedRecord(record);
}

base::Result<DecodedRecord> decode_mark(ByteReader key, ByteReader value) {
  MarkRecord record;
  if (!key.at_end() || value.u8() != kFormat) return corrupt("malformed mark");
  record.in_touch_wall_ms = static_cast<int64_t>(value.varint());
  for (StreamPosition& position : record.positions) {
    position.generation = value.u64();
    position.version = value.u64();
  }
  if (!value.ok() || !value.at_end()) return corrupt("malformed mark");
  return DecodedRecord(record);
}

base::Result<DecodedRecord> decode_owed(ByteReader key, ByteReader value, bool erased) {
  OwedRecord record;
  const uint8_t stream = key.u8();
  if (stream >= kStreamCount) key.fail();
  record.stream = static_cast<Stream>(stream);
  record.key = key.rest();
  if (!key.ok() || record.key.empty()) return corrupt("malformed key of an owed record");
  if (erased) return DecodedRecord(record);
  record.since_wall_ms = static_cast<int64_t>(value.varint());
  if (!value.ok() || !value.at_end()) return corrupt("malformed owed record");
  return DecodedRecord(record);
}

base::Result<DecodedRecord> decode_breaker(ByteReader key, ByteReader value, bool erased) {
  BreakerRecord record;
  record.service.space = key.string();
  record.service.name = key.string();
  record.zone = key.string();  // none: of the whole service
  if (!key.ok() || !key.at_end()) return corrupt("malformed key of a breaker");
  if (erased) return DecodedRecord(record);
  if (value.u8() != kFormat) return corrupt("unknown format of a breaker");
  const uint64_t largest = value.varint();
  if (largest > UINT32_MAX) value.fail();
  record.largest = static_cast<uint32_t>(largest);
  record.held_since_wall_ms = static_cast<int64_t>(value.varint());
  record.released = value.u8() != 0;
  if (!value.ok() || !value.at_end()) return corrupt("malformed breaker");
  return DecodedRecord(record);
}

}  // namespace

Liveness merge_liveness(const Liveness& a, const Liveness& b) {
  Liveness merged = b.newer_than(a) ? b : a;
  if (!a.newer_than(b) && !b.newer_than(a)) {
    merged.announced_wall_ms = std::max(a.announced_wall_ms, b.announced_wall_ms);
  }
  return merged;
}

void encode_key(std::string_view datacenter, ServiceKeyView service, std::string_view id,
                std::string& out) {
  base::put_u8(out, kInstanceKey);
  put_names(out, datacenter, service, id);
}

void encode_override_key(std::string_view datacenter, ServiceKeyView service, std::string_view id,
                         std::string& out) {
  base::put_u8(out, kOverrideKey);
  put_names(out, datacenter, service, id);
}

void encode_key(const SessionId& session, std::string& out) {
  base::put_u8(out, kSessionKey);
  put_session_id(out, session);
}

void encode_value(const InstanceRecord& record, std::string& out) {
  base::put_u8(out, kFormat);
  base::put_u8(out, static_cast<uint8_t>(record.kind));
  put_stamp(out, record.stamp);
  base::put_u8(out, static_cast<uint8_t>(record.cause));
  base::put_varint(out, static_cast<uint64_t>(record.removed_wall_ms));
  put_holder(out, record.body.holder, record.body.check);
  put_liveness(out, record.liveness);
  if (record.kind == RegistrationKind::kBody) put_body(out, record.body);
  out.append(record.sections);
}

void encode_value(const SessionRecord& record, std::string& out) {
  base::put_u8(out, kFormat);
  base::put_varint(out, static_cast<uint64_t>(record.ttl_ms));
  base::put_string(out, record.client);
  put_stamp(out, record.opened);
  put_liveness(out, record.liveness);
  base::put_varint(out, static_cast<uint64_t>(record.ended_wall_ms));
  base::put_string(out, record.superseded);
  out.append(record.sections);
}

void encode_value(const OverrideRecord& record, std::string& out) {
  base::put_u8(out, kFormat);
  put_stamp(out, record.stamp);
  const int flags = (record.set ? kOverrideSet : 0) | (record.weight ? kOverrideWeighs : 0) |
                    (record.out_of_service ? kOverrideStops : 0);
  base::put_u8(out, static_cast<uint8_t>(flags));
  if (record.weight) base::put_varint(out, *record.weight);
  base::put_varint(out, static_cast<uint64_t>(record.said_wall_ms));
  base::put_string(out, record.by);
  base::put_string(out, record.reason);
  out.append(record.sections);
}

void encode_mark_key(std::string& out) {
  base::put_u8(out, kMarkKey);
}

void encode_value(const MarkRecord& record, std::string& out) {
  base::put_u8(out, kFormat);
  base::put_varint(out, static_cast<uint64_t>(record.in_touch_wall_ms));
  for (const StreamPosition& position : record.positions) {
    base::put_u64(out, position.generation);
    base::put_u64(out, position.version);
  }
}

void encode_key(const OwedRecord& record, std::string& out) {
  base::put_u8(out, kOwedKey);
  base::put_u8(out, static_cast<uint8_t>(record.stream));
  out.append(record.key);
}

void encode_value(const OwedRecord& record, std::string& out) {
  if (record.since_wall_ms != 0) {
    base::put_varint(out, static_cast<uint64_t>(record.since_wall_ms));
  }
}

void encode_key(const BreakerRecord& record, std::string& out) {
  base::put_u8(out, kBreakerKey);
  base::put_string(out, record.service.space);
  base::put_string(out, record.service.name);
  base::put_string(out, record.zone);
}

void encode_value(const BreakerRecord& record, std::string& out) {
  if (record.held_since_wall_ms == 0) return;
  base::put_u8(out, kFormat);
  base::put_varint(out, record.largest);
  base::put_varint(out, static_cast<uint64_t>(record.held_since_wall_ms));
  base::put_u8(out, record.released ? 1 : 0);
}

base::Result<DecodedRecord> decode_record(std::string_view key, std::string_view value) {
  ByteReader key_reader(key);
  const uint8_t kind = key_reader.u8();
  if (kind == kInstanceKey) return decode_instance(key_reader, ByteReader(value), value.empty());
  if (kind == kSessionKey) return decode_session(key_reader, ByteReader(value), value.empty());
  if (kind == kOverrideKey) return decode_override(key_reader, ByteReader(value), value.empty());
  if (kind == kMarkKey) return decode_mark(key_reader, ByteReader(value));
  if (kind == kOwedKey) return decode_owed(key_reader, ByteReader(value), value.empty());
  if (kind == kBreakerKey) return decode_breaker(key_reader, ByteReader(value), value.empty());
  return corrupt("unknown kind of key");
}

bool is_session_key(std::string_view key) {
  return !key.empty() && key.front() == kSessionKey;
}

bool is_mark_key(std::string_view key) {
  return !key.empty() && key.front() == kMarkKey;
}

bool is_private_key(std::string_view key) {
  if (key.empty()) return false;
  const char kind = key.front();
  return kind == kMarkKey || kind == kOwedKey || kind == kBreakerKey;
}

std::string with_unknown_section(std::string_view key, std::string_view value, uint8_t tag,
                                 Stamp stamp, std::string_view bytes) {
  std::string section;
  put_section(section, tag, stamp, bytes);
  auto decoded = decode_record(key, value);
  std::string out;
  if (!decoded.ok()) return out;
  if (auto* instance = std::get_if<InstanceRecord>(&*decoded)) {
    const std::string merged = merge_sections(instance->sections, section);
    instance->sections = merged;
    encode_value(*instance, out);
  } else if (auto* session = std::get_if<SessionRecord>(&*decoded)) {
    const std::string merged = merge_sections(session->sections, section);
    session->sections = merged;
    encode_value(*session, out);
  } else if (auto* said = std::get_if<OverrideRecord>(&*decoded)) {
    const std::string merged = merge_sections(said->sections, section);
    said->sections = merged;
    encode_value(*said, out);
  }
  return out;
}

}  // namespace callbook::core
