#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "core/catalog.h"
#include "core/hybrid_clock.h"
#include "core/input.h"
#include "core/lease_wheel.h"
#include "core/limits.h"
#include "core/output.h"
#include "core/service_view.h"
#include "core/session_table.h"

namespace callbook::core {

struct RegistryOptions {
  std::string node = "node-1";
  std::string datacenter = "dc1";
  Limits limits;
  Timing timing;
};

/// The registry as a pure state machine. step() validates an input, prepares what it needs, applies
/// it, and says what came of it: a reply for the input's author, and records to store. The same
/// inputs at the same times give the same outputs: it has no clock, thread, file, socket or
/// randomness, and no order that depends on hashing.
///
/// Not thread-safe: one thread owns it. What publish() returns is immutable and may be read on any.
class Registry {
 public:
  explicit Registry(RegistryOptions options);
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  /// Applies one input. An error means that nothing has changed; it names the field at fault.
  /// Before FinishLoading everything but MergeRecord is refused with kNotReady.
  base::Result<Reply> step(const Input& input, base::Now now, Outputs& out);

  /// The services whose lists differ since the last call: at most once a batch of steps.
  Publication publish() { return catalog_.publish(); }

  bool loading() const { return loading_; }
  uint64_t version() const { return version_; }
  const RegistryOptions& options() const { return options_; }
  const Interner& interner() const { return catalog_.interner(); }

  struct Counts {
    uint32_t services = 0;
    uint32_t instances = 0;
    uint32_t sessions = 0;
    uint64_t tombstones = 0;
  };
  Counts counts() const;

  /// Where a dump stands. Value; begin with a fresh one.
  struct DumpCursor {
    enum class Phase : uint8_t { kSessions, kInstances, kTombstones, kDone };
    Phase phase = Phase::kSessions;
    uint32_t slot = 0;  ///< session slot, then service index
    std::string after;  ///< last id of that service
    bool done() const { return phase == Phase::kDone; }
  };
  /// Appends up to about `most` of the live records to `out` and moves the cursor. Records that
  /// change between two calls appear as they are when they are reached; those added behind the
  /// cursor do not appear: their writes are in the log.
  void dump(DumpCursor& cursor, size_t most, RecordBatch& out) const;

 private:
  base::Result<Reply> apply(const OpenSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const ResumeSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const RefreshSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const AttachSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const DetachSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const CloseSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const RegisterInstance& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const RefreshInstance& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const DeregisterInstance& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const MergeRecord& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const FinishLoading& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const AdvanceTime& input, base::Now now, Outputs& out);

  base::Result<Session*> open_session(const SessionId& id);
  base::Status check_capacity(const RegisterInstance& input, const Service* service,
                              const KeyState& present);
  base::Status claim_holder(const RegisterInstance& input, const KeyState& present, base::Now now);
  SessionEnded end_session(Session& session, Cause cause, base::Now now, Outputs& out);
  void expire_instance(uint32_t ttl_slot, base::Now now, Outputs& out);
  void drop_aged(base::Now now, Outputs& out);
  void merge_session(const SessionRecord& record, base::Now now);
  void erase_merged(const InstanceRecord& record, uint64_t version);
  void end_unknown_sessions(base::Now now);

  int64_t asked_heartbeat_ms(int64_t ttl_ms) const;
  SessionOpened opened(const Session& session) const;
  uint64_t emit(const Service& service, std::string_view id, Outputs& out);
  void emit(const Session& session, Outputs& out);
  void write_session(const Session& session, uint64_t version, RecordBatch& batch) const;
  void write_instance(const Service& service, std::string_view id, const KeyState& state,
                      uint64_t version, RecordBatch& batch) const;
  void dump_sessions(DumpCursor& cursor, size_t end, RecordBatch& out) const;
  void dump_instances(DumpCursor& cursor, size_t end, RecordBatch& out) const;
  void dump_tombstones(DumpCursor& cursor, size_t end, RecordBatch& out) const;

  const RegistryOptions options_;
  const NodeId node_;
  HybridClock clock_;
  LeaseWheel leases_;
  SessionTable sessions_;
  Catalog catalog_;
  uint64_t version_ = 0;
  bool loading_ = true;
  std::vector<LeaseOwner> lapsed_;
  struct AgedSession {
    int64_t ended_wall_ms;
    uint32_t slot;
    SessionId id;
  };
  std::deque<AgedSession> ended_sessions_;
};

}  // namespace callbook::core
