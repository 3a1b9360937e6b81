#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "core/cause.h"
#include "core/key.h"
#include "core/registration.h"
#include "core/session_id.h"
#include "core/stamp.h"

namespace callbook::core {

// The records of the catalog as bytes, for the store and later the bus; written down in
// docs/formats/records.md. A record is always the whole merged state of its key.

/// The facet that the home of a session, or of an own TTL, writes. Ordered by epoch, then stamp.
struct Liveness {
  uint32_t epoch = 0;  ///< 0: nothing is known
  Stamp stamp;
  NodeId home = 0;
  bool ended = false;
  Cause cause = Cause::kNone;  ///< why it ended

  bool newer_than(const Liveness& other) const {
    return epoch != other.epoch ? epoch > other.epoch : stamp > other.stamp;
  }
  bool operator==(const Liveness&) const = default;
};

/// What is known of a registration at its stamp.
enum class RegistrationKind : uint8_t {
  kNone = 0,       ///< nothing
  kBody = 1,       ///< registered, with this body
  kRemoved = 2,    ///< deregistered
  kForgotten = 3,  ///< registered, but its holder has ended and the body was dropped
};

struct InstanceRecord {
  ServiceKeyView service;
  std::string_view id;
  RegistrationKind kind = RegistrationKind::kNone;
  Stamp stamp;
  Cause cause = Cause::kNone;
  int64_t removed_wall_ms = 0;  ///< for kRemoved and kForgotten
  RegistrationView body;        ///< for kBody; its holder also for kForgotten
  Liveness liveness;            ///< of an own TTL
};

struct SessionRecord {
  SessionId id;
  int64_t ttl_ms = 0;
  std::string_view client;
  Stamp opened;
  Liveness liveness;
  int64_t ended_wall_ms = 0;
};

void encode_key(std::string_view datacenter, const InstanceRecord& record, std::string& out);
void encode_key(const SessionRecord& record, std::string& out);
void encode_value(const InstanceRecord& record, std::string& out);
void encode_value(const SessionRecord& record, std::string& out);

using DecodedRecord = std::variant<InstanceRecord, SessionRecord>;

/// Views in the result borrow from `key` and `value`. An empty value (an erased record) gives a
/// record with nothing but its key. Error kCorrupt for anything that encode could not have made.
base::Result<DecodedRecord> decode_record(std::string_view key, std::string_view value);

}  // namespace callbook::core
