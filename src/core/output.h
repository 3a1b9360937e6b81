#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "core/bus_position.h"
#include "core/cause.h"
#include "core/check_rule.h"
#include "core/dump_cursor.h"
#include "core/exclusion.h"
#include "core/incidents.h"
#include "core/key.h"
#include "core/session_id.h"
#include "core/stamp.h"

namespace callbook::core {

// Outputs are in the past tense.

struct SessionOpened {
  SessionId id;
  int64_t ttl_ms = 0;
  int64_t heartbeat_ms = 0;  ///< how often the client should send heartbeats
  uint32_t epoch = 0;
  Stamp opened;  ///< a client that opens another one later brings it along
  bool speaks = false;
};

struct SessionRefreshed {
  int64_t ttl_ms = 0;
  int64_t heartbeat_ms = 0;
};

/// An instance of a session that an operator has taken out.
struct TakenOut {
  InstanceKey instance;
  Exclusion::Action action = Exclusion::Action::kDrain;
  std::string by;
  std::string reason;
  bool operator==(const TakenOut&) const = default;
};

/// A session is still tied to its connection.
struct TieChecked {
  int64_t ttl_ms = 0;
  int64_t heartbeat_ms = 0;
  std::vector<TakenOut> taken_out;  ///< all that are, in the order of their keys
};

struct SessionEnded {
  SessionId id;
  Cause cause = Cause::kNone;
  uint32_t instances = 0;  ///< how many left with it
};

struct InstanceRegistered {
  enum class Effect : uint8_t { kCreated, kUpdated, kUnchanged };
  Effect effect = Effect::kCreated;
  uint64_t version = 0;
  Stamp stamp;
  uint64_t owed_version =
      0;  ///< RecordSettled through this one says that the bus has it; 0: it has
};

struct InstanceRefreshed {
  int64_t ttl_ms = 0;
  Stamp stamp;  ///< of the registration that was kept alive: perhaps not the one its client made
};

struct InstanceDeregistered {
  uint64_t version = 0;
  Stamp stamp;
  uint64_t owed_version = 0;  ///< as above
};

struct StatusSet {
  uint64_t version = 0;
  Stamp stamp;
  uint64_t owed_version = 0;  ///< as above
};

/// An override was set or removed.
struct OverrideChanged {
  uint64_t version = 0;
  Stamp stamp;
  uint64_t owed_version = 0;  ///< as above
};

/// So many consumers have reported the instance lately.
struct InstanceReported {
  uint32_t reports = 0;
};

/// So many groups of a service (all of it, and its zones) are no longer held by the breaker.
struct BreakerReleased {
  uint32_t groups = 0;
};

/// Records that changed, to be stored: one flat buffer for a whole batch of steps.
class RecordBatch {
 public:
  struct Item {
    uint64_t version;
    std::string_view key;
    std::string_view value;  ///< empty: erased
  };

  /// Begins a record; append its key to bytes(), call end_key(), append its value, call end().
  std::string& bytes() { return bytes_; }
  void begin(uint64_t version) { items_.push_back({version, bytes_.size(), 0, 0}); }
  void end_key() { items_.back().key_end = bytes_.size(); }
  void end() { items_.back().value_end = bytes_.size(); }

  size_t size() const { return items_.size(); }
  size_t byte_count() const { return bytes_.size(); }
  bool empty() const { return items_.empty(); }
  /// Valid until the batch changes.
  Item operator[](size_t i) const {
    const Place& place = items_[i];
    const std::string_view all = bytes_;
    return {place.version, all.substr(place.begin, place.key_end - place.begin),
            all.substr(place.key_end, place.value_end - place.key_end)};
  }
  void clear() {
    bytes_.clear();
    items_.clear();
  }

 private:
  struct Place {
    uint64_t version;
    size_t begin;
    size_t key_end;
    size_t value_end;
  };
  std::string bytes_;
  std::vector<Place> items_;
};

/// A part of a snapshot. Its records belong to no step, so it owns them.
struct RecordsRead {
  struct Part {
    RecordBatch records;
    DumpCursor next;           ///< done(): there are no more
    BusPositions positions{};  ///< from before the part was read
  };
  std::shared_ptr<const Part> part;
};

/// What is known here of an instance's registration, or of what operators say of it.
struct StampRead {
  Stamp stamp;           ///< zero: nothing
  uint64_t version = 0;  ///< at which its service stands
};

/// One check of an instance, as this node sees it.
struct CheckReport {
  enum class Status : uint8_t { kUnknown, kPassing, kFailing };

  std::string id;    ///< of the instance
  std::string name;  ///< of the check
  std::shared_ptr<const CheckRule> rule;
  std::string address;
  uint16_t port = 0;
  Status status = Status::kUnknown;
  std::string home;  ///< the node that makes it

  // At its home alone; elsewhere nothing is known of it but what its instance shows.
  std::string output = {};      ///< of the last result; empty: there has been none
  int64_t checked_ms_ago = -1;  ///< -1: there has been none
  int64_t elapsed_ms = 0;
  uint32_t failures = 0;  ///< in a row
};

/// A part of a service's checks, by instance and name.
struct ChecksRead {
  struct Part {
    std::vector<CheckReport> checks;
    std::string next;  ///< where to go on (ReadChecks::after); empty: there are no more
  };
  std::shared_ptr<const Part> part;
};

/// The input changed nothing that its author must know of.
struct Done {};

using Reply = std::variant<Done, SessionOpened, SessionRefreshed, TieChecked, SessionEnded,
                           InstanceRegistered, InstanceRefreshed, InstanceDeregistered, StatusSet,
                           OverrideChanged, BreakerReleased, InstanceReported, RecordsRead,
                           StampRead, ChecksRead>;

/// Asks the bus for the messages of a stream above `after`: at most some thousands, as ApplyBatch.
struct Fetch {
  Stream stream = Stream::kTied;
  uint64_t generation = 0;
  uint64_t after = 0;
};

/// A key's changes through local version `version` are acknowledged by the bus.
struct RecordSettled {
  std::string key;  ///< encoded, as in the records
  uint64_t version = 0;
};

/// A connection to be tried, to see whether anybody answers. Answered by a ProbeResult.
struct Probe {
  uint64_t ticket = 0;
  std::string address;
  uint16_t port = 0;
  int64_t timeout_ms = 0;
  /// What to ask there and what to expect; none: a connection is enough.
  std::shared_ptr<const CheckRule> rule = nullptr;
  /// To be tried from another node as well, where there is one: an answer to either is an answer,
  /// and refused is what all who asked were.
  bool from_two_nodes = false;
};

/// A consumer's report of an instance whose home is another node.
struct ReportPassedOn {
  NodeId home = 0;
  InstanceKey instance;
  std::string by;
};

/// Records that were changed here while the bus is away, whole and merged, for one other node:
/// brought there as ApplyDirect, and answered by SettleDirect. The bus carries them later all the
/// same.
struct DirectBatch {
  NodeId to = 0;
  uint64_t through = 0;
  RecordBatch records;
};

/// What steps produced besides their replies. Reused from batch to batch.
struct Outputs {
  RecordBatch records;
  std::vector<SessionEnded> sessions_ended;  ///< by time, not by request
  uint32_t instances_expired = 0;            ///< own TTLs that lapsed
  std::vector<Probe> probes;
  Incidents incidents;  ///< for the log

  // For the bus and the other nodes; nothing of it comes out of a node that stands alone.
  std::vector<Fetch> fetches;
  bool wants_snapshot = false;          ///< from any serving node; asked for again until it comes
  std::vector<ReportPassedOn> reports;  ///< to be brought to their homes; may be lost
  std::vector<DirectBatch> direct;
  std::string beat;  ///< to be brought to every other node by whatever way; may be lost
  std::vector<RecordSettled> settled;

  void clear() {
    records.clear();
    sessions_ended.clear();
    instances_expired = 0;
    probes.clear();
    incidents.clear();
    fetches.clear();
    wants_snapshot = false;
    reports.clear();
    direct.clear();
    beat.clear();
    settled.clear();
  }
};

/// Messages to publish, by stream; an item's version is its ticket (SettlePublication).
using Publications = std::array<RecordBatch, kStreamCount>;

}  // namespace callbook::core
