#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/bus_position.h"
#include "core/dump_cursor.h"
#include "core/key.h"
#include "core/process_facts.h"
#include "core/provider_status.h"
#include "core/registration.h"
#include "core/session_id.h"
#include "core/stamp.h"

namespace callbook::core {

// Inputs are imperative and carry everything that core must not make up itself: ids, time.

/// Opens a session under a fresh random id.
struct OpenSession {
  SessionId id;
  int64_t ttl_ms = 0;  ///< 0: the server's choice
  std::string client;  ///< who this is, for people: "orders@host-7"
  Stamp after = {};    ///< the highest that this client was told, so that its new session is later
  ProcessFacts facts = {};
};

/// Takes over a session, here or from another node, under the next epoch.
struct ResumeSession {
  SessionId id;
  uint32_t epoch = 0;   ///< the last one that the client was told, or 0; the new one is above it
  bool speaks = false;  ///< from now on its process does (ProcessFacts)
};

/// A heartbeat. `epoch` is the last one that the client was told, or 0: one from before the client
/// has gone on at another node is late, and must not call the session back.
struct RefreshSession {
  SessionId id;
  uint32_t epoch = 0;
};

/// Ties the session to a connection: while it is attached, the connection is its heartbeat.
struct AttachSession {
  SessionId id;
  uint32_t epoch = 0;   ///< as above
  bool speaks = false;  ///< from now on its process does (ProcessFacts)
};

/// Whether a connection should go on being tied to the session: refused once the session has ended,
/// has been superseded, or has gone on at another node. No sign of life by itself.
struct CheckTie {
  SessionId id;
};

/// A connection that the session was attached to is gone.
struct DetachSession {
  enum class How : uint8_t {
    kReleased,  ///< this node closed it: no reason for suspicion
    kBroken,    ///< its other end closed or reset it: whoever held it may be dead
    kSilent,    ///< its other end acknowledged nothing for seconds
  };
  SessionId id;
  How how = How::kReleased;
};

/// What came of a probe (Outputs::probes).
struct ProbeResult {
  enum class Outcome : uint8_t {
    kAnswered,
    kRefused,   ///< ECONNREFUSED: the host says that nobody listens
    kSilent,    ///< nothing came within the time-out, or the network said that nothing would
    kFailed,    ///< it answered, but not as its check wants
    kUntested,  ///< this node could not or may not ask: says nothing of the target
  };
  uint64_t ticket = 0;
  Outcome outcome = Outcome::kUntested;
  int64_t elapsed_ms = 0;  ///< from the first byte asked to the outcome
  std::string text = {};   ///< for operators, printable: "HTTP 503"; of at most 256 bytes
};

/// A consumer's calls to an instance fail. Enough consumers cause a probe; they alone remove
/// nobody.
struct ReportInstance {
  InstanceKey key;
  std::string by;          ///< who says so: reports of one count once
  bool passed_on = false;  ///< by a node that is not its home: goes no further
};

/// An operator believes that those of a service whom nobody reaches are dead: its breaker no longer
/// holds them, until it holds anew.
struct ReleaseBreaker {
  ServiceKey service;
  std::string by = {};      ///< who believes it; may be empty: earlier clients do not say
  std::string reason = {};  ///< may be empty
};

struct CloseSession {
  SessionId id;
};

struct RegisterInstance {
  InstanceKey key;
  Registration registration;
  Stamp after;  ///< what the client has seen; the new stamp is later
  /// What its provider says of it, from the beginning; none: what it said before, or `up`.
  std::optional<ProviderState> status = std::nullopt;
  bool take_over = false;  ///< even from a session of another process that lives (else kConflict)
};

/// What a provider says of an instance of its own.
struct SetStatus {
  InstanceKey key;
  ProviderState status = ProviderState::kUp;
  std::string text;        ///< for people
  SessionId session = {};  ///< if given, only if this session holds it (else kConflict)
  Stamp after = {};
};

struct RefreshInstance {
  InstanceKey key;
};

struct DeregisterInstance {
  InstanceKey key;
  Stamp after;
  /// If given, only a registration that this session holds is meant: one that another process has
  /// made since stays, and the answer is kConflict.
  SessionId session = {};
  /// If above 0, the instance stays listed as draining for so long, and leaves then.
  int64_t drain_ms = 0;
  /// If given, an operator takes it out: it stays out until it is restored (RemoveOverride), or
  /// another process registers the id (Exclusion).
  std::string by = {};
  std::string reason = {};
};

/// What an operator wants of an instance in place of what its provider says, until it is removed.
/// Replaces what an operator said before. The instance must be known, if only as departed.
struct SetOverride {
  InstanceKey key;
  std::optional<uint32_t> weight;
  bool out_of_service = false;
  std::string by;
  std::string reason;
  Stamp after = {};
};

struct RemoveOverride {
  InstanceKey key;
  std::string by;
  std::string reason;
  Stamp after = {};
};

/// A record from the node's own store, before FinishLoading. Views borrow until step() returns.
struct MergeRecord {
  uint64_t version = 0;
  std::string_view key;
  std::string_view value;  ///< empty: the record was erased
};

/// Every stored record has been merged: work out what is alive, and begin to serve (alone), or to
/// join the others (in a cluster).
struct FinishLoading {
  uint64_t last_version = 0;
};

/// Time has passed. Give it every 100 ms or so; a much longer pause is taken for a stall of this
/// node, after which nobody is blamed for silence.
struct AdvanceTime {};

// --- From the bus and the other nodes. Nothing here is refused while loading: see each. ---

/// The bus can be reached, and its streams end here. Repeat it every few seconds while that is so:
/// what push has missed, and streams made anew or shortened, are noticed by it.
struct ReportBus {
  BusPositions heads;
};

/// The bus can't be reached. Publications in flight count as failed.
struct ReportBusLost {};

/// One message of a stream: the whole merged record of its key as its author knew it.
struct BusMessage {
  uint64_t version = 0;
  std::string_view key;
  std::string_view value;
};

/// All messages that the stream holds with versions above `after`, through `through`, in order;
/// pushed, or the answer to a Fetch. Repeated, late and overtaking batches are understood; one that
/// leaves a gap behind the last is not applied but fetched again. Views borrow until step()
/// returns.
struct ApplyBatch {
  Stream stream = Stream::kTied;
  uint64_t generation = 0;
  uint64_t after = 0;
  uint64_t through = 0;
  std::span<const BusMessage> messages;
};

/// What came of a publication: the bus has acknowledged it, or it may or may not have been lost.
struct SettlePublication {
  uint64_t ticket = 0;
  bool acknowledged = false;
};

/// A beat of another node (Outputs::beat there).
struct HearBeat {
  std::string_view bytes;
};

/// How far a node is with finding out whether another one has its name. Only for a registry that
/// has to ask (RegistryOptions::asks_for_name), and only while it does not serve; later it is
/// ignored.
struct ClaimName {
  enum class Stage : uint8_t {
    kListening,   ///< nothing goes out: a node that has the name must not be disturbed
    kAnnouncing,  ///< beats go out, so that nodes that start at the same time notice each other
    kOwned        ///< no other node has it: the node may serve
  };
  Stage stage = Stage::kListening;
};

/// Part of a snapshot of a serving node's records: RecordBatch items of its dump(). `first` begins
/// it and brings that node's positions() from before its dump began; `last` ends it.
struct ApplySnapshot {
  bool first = false;
  bool last = false;
  BusPositions positions;
  std::span<const BusMessage> records;
};

/// Records that another node has changed and can't bring by the bus (DirectBatch there). Views
/// borrow until step() returns.
struct ApplyDirect {
  std::span<const BusMessage> records;
};

/// What came of a DirectBatch.
struct SettleDirect {
  enum class Outcome : uint8_t {
    kTaken,
    kFailed,  ///< it may or may not have been lost: worth another attempt
    kUnknown  ///< the node is of a release that takes none
  };
  NodeId node = 0;
  uint64_t through = 0;  ///< of the batch
  Outcome outcome = Outcome::kFailed;
};

/// Another node asks for a snapshot, a part at a time: about `most` records from `cursor` on.
/// Refused with kNotReady unless this node serves what the others serve too.
struct ReadRecords {
  DumpCursor cursor;
  uint32_t most = 0;
};

/// Records of a node of another data center, for a registry that mirrors it
/// (RegistryOptions::mirror). `first` begins a snapshot of all that the node holds, `last` ends it;
/// what comes besides has changed since. In order, as the node wrote them; an empty value: the
/// record was erased. Views borrow until step() returns.
struct MirrorRecords {
  bool first = false;
  bool last = false;
  std::span<const BusMessage> records;
};

/// How far this node is with one instance, for another that waits until a change has come here.
struct ReadStamp {
  InstanceKey key;
  bool of_override = false;  ///< with what operators say of it; else with its registration
};

/// What the checks of a service's instances say, a part at a time: of those behind `after`, about
/// `most` instances.
struct ReadChecks {
  ServiceKey service;
  std::string after = {};  ///< an id; empty: from the beginning
  uint32_t most = 500;
};

using Input =
    std::variant<OpenSession, ResumeSession, RefreshSession, AttachSession, CheckTie, DetachSession,
                 CloseSession, ProbeResult, ReportInstance, ReleaseBreaker, RegisterInstance,
                 SetStatus, RefreshInstance, DeregisterInstance, SetOverride, RemoveOverride,
                 MergeRecord, FinishLoading, AdvanceTime, ReportBus, ReportBusLost, ApplyBatch,
                 SettlePublication, HearBeat, ApplySnapshot, MirrorRecords, ReadRecords, ReadStamp,
                 ReadChecks, ClaimName, ApplyDirect, SettleDirect>;

}  // namespace callbook::core
