#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "core/bus_position.h"
#include "core/cause.h"
#include "core/health.h"
#include "core/key.h"
#include "core/registration.h"
#include "core/session_id.h"
#include "core/stamp.h"

namespace callbook::core {

// The records of the catalog as bytes, for the store and the bus; written down in
// docs/formats/records.md. A record is always the whole merged state of its key.

/// The facet that the home of a session, or of an own TTL, writes. Ordered by epoch, then stamp.
struct Liveness {
  uint32_t epoch = 0;  ///< 0: nothing is known
  Stamp stamp;
  NodeId home = 0;
  bool ended = false;
  /// Why it ended. Of one that lives: kHomeLost when this home took it over unasked, else why its
  /// health is what it is.
  Cause cause = Cause::kNone;
  /// When the home last announced it. No facet: says how old a rumour is, not what is true.
  int64_t announced_wall_ms = 0;
  Health health = Health::kUp;

  bool newer_than(const Liveness& other) const {
    return epoch != other.epoch ? epoch > other.epoch : stamp > other.stamp;
  }
  bool operator==(const Liveness&) const = default;
};

/// The newer of two, with the later announcement where they are the same.
Liveness merge_liveness(const Liveness& a, const Liveness& b);

/// What is known of a registration at its stamp.
enum class RegistrationKind : uint8_t {
  kNone = 0,       ///< nothing
  kBody = 1,       ///< registered, with this body
  kRemoved = 2,    ///< deregistered
  kForgotten = 3,  ///< registered, but its holder has ended and the body was dropped
};

/// The stream on which a record travels. What is known of a lease alone is tied to it.
constexpr Stream stream_of(RegistrationKind kind, HolderKind holder) {
  return kind == RegistrationKind::kNone ? Stream::kTied : stream_of(holder);
}

struct InstanceRecord {
  ServiceKeyView service;
  std::string_view id;
  RegistrationKind kind = RegistrationKind::kNone;
  Stamp stamp;
  Cause cause = Cause::kNone;
  int64_t removed_wall_ms = 0;  ///< for kRemoved and kForgotten
  RegistrationView body;        ///< for kBody; its holder also for kForgotten
  Liveness liveness;            ///< of an own TTL
  std::string_view sections;    ///< facets unknown to this release (sections.h)
};

struct SessionRecord {
  SessionId id;
  int64_t ttl_ms = 0;
  std::string_view client;
  Stamp opened;
  Liveness liveness;
  int64_t ended_wall_ms = 0;
  /// An instance that a session opened later has taken: the client is to stop. Once said, it stays.
  std::string_view superseded;
  std::string_view sections;
};

/// What an operator says of an instance. Its key is its own, so that neither writer can erase what
/// the other says.
struct OverrideRecord {
  ServiceKeyView service;
  std::string_view id;
  Stamp stamp;
  bool set = false;
  std::optional<uint32_t> weight;
  bool out_of_service = false;
  int64_t said_wall_ms = 0;
  std::string_view by;
  std::string_view reason;
  std::string_view sections;
};

/// What a node remembers of a breaker that holds, or held. In the store only.
struct BreakerRecord {
  ServiceKeyView service;
  std::string_view zone;  ///< empty: of the whole service
  uint32_t largest = 0;
  int64_t held_since_wall_ms = 0;
  bool released = false;
};

/// How far a node was in touch with the others, last written down. In the store only.
struct MarkRecord {
  int64_t in_touch_wall_ms = 0;
  BusPositions positions;
};

/// A record that the bus is owed. In the store only.
struct OwedRecord {
  Stream stream = Stream::kTied;
  std::string_view key;
  int64_t since_wall_ms = 0;  ///< 0: no longer
};

void encode_key(std::string_view datacenter, ServiceKeyView service, std::string_view id,
                std::string& out);
void encode_key(const SessionId& session, std::string& out);
void encode_override_key(std::string_view datacenter, ServiceKeyView service, std::string_view id,
                         std::string& out);
void encode_value(const InstanceRecord& record, std::string& out);
void encode_value(const SessionRecord& record, std::string& out);
void encode_value(const OverrideRecord& record, std::string& out);
/// Key and value of the node's own records; an OwedRecord that is no longer owed has an empty
/// value.
void encode_mark_key(std::string& out);
void encode_value(const MarkRecord& record, std::string& out);
void encode_key(const OwedRecord& record, std::string& out);
void encode_value(const OwedRecord& record, std::string& out);
/// One that no longer holds has an empty value.
void encode_key(const BreakerRecord& record, std::string& out);
void encode_value(const BreakerRecord& record, std::string& out);

using DecodedRecord = std::variant<InstanceRecord, SessionRecord, OverrideRecord, MarkRecord,
                                   OwedRecord, BreakerRecord>;

/// Views in the result borrow from `key` and `value`. An empty value (an erased record) gives a
/// record with nothing but its key. Error kCorrupt for anything that encode could not have made.
base::Result<DecodedRecord> decode_record(std::string_view key, std::string_view value);

/// Whether the record belongs to the node that keeps it alone, and must not be taken from others.
bool is_private_key(std::string_view key);
bool is_session_key(std::string_view key);
/// Whether it is the mark's. A mark vouches for every record before it: while some of them are
/// refused by a full disk, it must not be written, or a restart would believe to have applied them.
bool is_mark_key(std::string_view key);

/// `value` as a node of a later release would write it, with one more section: for tests.
std::string with_unknown_section(std::string_view key, std::string_view value, uint8_t tag,
                                 Stamp stamp, std::string_view bytes);

}  // namespace callbook::core
