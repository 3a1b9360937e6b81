#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "core/catalog.h"
#include "core/direct_line.h"
#include "core/dump_cursor.h"
#include "core/feature_readers.h"
#include "core/hybrid_clock.h"
#include "core/input.h"
#include "core/lease_wheel.h"
#include "core/limits.h"
#include "core/node_beat.h"
#include "core/outbox.h"
#include "core/output.h"
#include "core/peer_table.h"
#include "core/replica_digest.h"
#include "core/reports.h"
#include "core/service_view.h"
#include "core/session_table.h"
#include "core/suspects.h"

namespace callbook::core {

struct RegistryOptions {
  std::string node = "node-1";
  std::string datacenter = "dc1";
  Limits limits;
  Timing timing;
  std::map<ServiceKey, ServiceTiming> service_timing;  ///< of those that have one of their own
  bool clustered = false;  ///< shares its records with other nodes over a bus
  uint64_t boot = 0;       ///< differs from start to start; chosen outside, at random
  /// Clustered: neither beats nor serves before ClaimName says that no other node has its name.
  bool asks_for_name = false;
  /// Shows another data center as the records of its nodes tell: takes MirrorRecords and
  /// AdvanceTime, and nothing else. It judges nobody, removes nobody for silence, owes nothing.
  bool mirror = false;
};

/// Where a node stands in its life.
enum class Phase : uint8_t {
  kLoading,  ///< replaying its own store
  kJoining,  ///< learning from the others what it has missed
  kStale,    ///< serves its own disk's state, having found neither bus nor peer; removes nothing
  kServing
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
  /// Until the state is whole (Phase) clients' inputs are refused with kNotReady.
  base::Result<Reply> step(const Input& input, base::Now now, Outputs& out);

  /// The services whose lists differ since the last call: at most once a batch of steps.
  /// Nothing while loading().
  Publication publish() { return loading() ? Publication() : catalog_.publish(); }

  /// The publications that are due, as far as the limit of those in flight allows. Call after each
  /// batch of steps while the bus can be reached.
  void publish_due(base::Now now, Publications& out);

  Phase phase() const { return phase_; }
  /// Answers kNotReady to clients: whole state is not there yet.
  bool loading() const { return phase_ == Phase::kLoading || phase_ == Phase::kJoining; }
  /// How far the streams have been applied.
  const BusPositions& positions() const { return positions_; }
  /// Neither the bus nor a majority of the other nodes is heard.
  bool isolated(base::Now now) const;
  /// Equal on nodes with equal records.
  const ReplicaDigest& replica_digest() const { return digest_; }
  size_t outbox_size() const { return outbox_.size(); }
  /// Of them, changes that were accepted here; the rest repeats what others may publish as well.
  size_t owed_changes() const { return outbox_.changes(); }
  /// Of a session's change that the bus has not acknowledged, the version; 0: there is none.
  uint64_t owed_version(const SessionId& id) const;
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
  /// How many are not heard of as they should be.
  size_t suspects() const { return suspects_.size(); }
  /// Whether this node hears so little that it removes nobody for silence.
  bool doubts_itself(base::Now now) const { return in_doubt(now); }

  /// How often each rule between nodes was at work since the start.
  struct Counters {
    uint64_t sessions_moved = 0;       ///< taken over here at their client's wish
    uint64_t sessions_superseded = 0;  ///< lost an instance to a later-opened session
    uint64_t reasserted = 0;           ///< kept an id against an earlier session, or none
    uint64_t refuted = 0;
    uint64_t waited_for_session = 0;  ///< instances kept back until word of their session
    uint64_t restated = 0;            ///< gave a later stamp to what others had forgotten
    uint64_t taken_over = 0;          ///< sessions and own TTLs of lost nodes
    uint64_t corrections = 0;
    uint64_t corrections_spared = 0;  ///< an equal message came first
    uint64_t announced_again = 0;     ///< by their home, for their age
    uint64_t repairs = 0;             ///< digests differed: buckets announced
    uint64_t streams_reset = 0;       ///< made anew or shortened
    uint64_t gaps = 0;                ///< in what was pushed
    uint64_t snapshots = 0;           ///< joined by one
    uint64_t replays = 0;             ///< joined by a whole stream
    uint64_t rejoined_as_new = 0;
    uint64_t swept = 0;  ///< records dropped by that
    uint64_t served_stale = 0;
    uint64_t ghosts_dropped = 0;
    uint64_t unknown_sessions_ended = 0;
    uint64_t outbox_full = 0;
    uint64_t tombstones_aged = 0;
    uint64_t stalls = 0;
    uint64_t not_understood = 0;  ///< messages of a format this release does not read
    uint64_t name_conflicts = 0;  ///< beats under this node's own name or id
    uint64_t told_directly = 0;   ///< records brought to another node without the bus
    uint64_t heard_directly = 0;  ///< likewise, from another node
    uint64_t unchanged = 0;       ///< registrations that nobody was told of
    uint64_t suspected = 0;
    uint64_t reported = 0;  ///< instances probed because consumers reported them
    uint64_t probes = 0;
    uint64_t probes_answered = 0;  ///< rounds of probes, by what came of them
    uint64_t probes_refused = 0;
    uint64_t probes_silent = 0;
    uint64_t breakers_tripped = 0;
    uint64_t checks = 0;
    uint64_t checks_failed = 0;
    int64_t largest_clock_gap_ms = 0;  ///< to another node's wall clock, as beats tell
  };
  const Counters& counters() const { return counters_; }
  const PeerTable& peers() const { return peers_; }
  /// Whether a record may say what `feature` names. False while this node cannot know
  /// (FeatureReaders). Ask at each write: a node of an earlier release may join at any time.
  bool every_node_reads(RecordFeature feature, base::Now now) const {
    return (features_read_by_all(now) & bit_of(feature)) != 0;
  }
  /// The same for all features that this release reads, as bits.
  RecordFeatures features_read_by_all(base::Now now) const {
    return options_.clustered ? readers_.read_by_all(now.mono_ms) : kReadFeatures;
  }

  using DumpCursor = core::DumpCursor;
  /// Appends up to about `most` of the live records to `out` and moves the cursor. Records that
  /// change between two calls appear as they are when they are reached; those added behind the
  /// cursor do not appear: their writes are in the log.
  void dump(DumpCursor& cursor, size_t most, RecordBatch& out) const;

 private:
  /// Where a message came from. A snapshot shows what another node holds, and not that the bus
  /// does.
  struct Source {
    Stream stream = Stream::kTied;  ///< on which its record travels
    bool is_bus = true;
  };

  // Clients' inputs: registry.cpp.
  base::Result<Reply> apply(const OpenSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const ResumeSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const RefreshSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const AttachSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const CheckTie& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const DetachSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const CloseSession& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const RegisterInstance& input, base::Now now, Outputs& out);
  void begin_own_life(const Instance& instance, base::Now now, Outputs& out);
  base::Result<Reply> apply(const SetStatus& input, base::Now now, Outputs& out);
  void write_registered(const InstanceRecord& record, bool was_lasting, base::Now now,
                        Outputs& out);
  std::string sections_for(const RegisterInstance& input, std::string_view extras,
                           const KeyState& present, Stamp stamp);
  bool is_same_process(const KeyState& present, const Holder& holder);
  base::Result<Reply> apply(const RefreshInstance& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const DeregisterInstance& input, base::Now now, Outputs& out);
  bool is_held(const Session& holder, const Session* claimant, const Instance& body,
               const RegistrationView& claim, base::Now now) const;
  base::Status check_capacity(const RegisterInstance& input, const Service* service,
                              const KeyState& present);
  base::Status check_outbox(Stream stream, std::string_view key);
  base::Status check_outbox(const SessionId& id);
  base::Status check_outbox(const InstanceKey& instance, HolderKind holder);
  base::Result<Reply> register_unchanged(const Service& service, const Instance& body, bool publish,
                                         base::Now now, Outputs& out);
  uint64_t owed_version(const Service& service, std::string_view id);
  void renew_own_ttl(const Service& service, const Instance& body, base::Now now, Outputs& out);
  void move_ttl(const Service& service, const std::string& id, const Liveness& present, Cause cause,
                base::Now now, Outputs& out);
  base::Status claim_holder(const RegisterInstance& input, const KeyState& present, base::Now now,
                            Outputs& out);
  base::Result<Reply> removed_before(const DeregisterInstance& input, const Service* service,
                                     const KeyState& present);
  InstanceDeregistered remove(Service& service, const std::string& id, const KeyState& present,
                              const Holder& holder, Cause cause, base::Now now, Outputs& out);
  InstanceDeregistered restamped(Service& service, const KeyState& present,
                                 const InstanceRecord& record, base::Now now, Outputs& out);
  base::Status check_meant(const DeregisterInstance& input, const KeyState& present, base::Now now,
                           Outputs& out);

  // Those that are not heard of: registry_liveness.cpp.
  base::Result<Reply> apply(const ProbeResult& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const ReportInstance& input, base::Now now, Outputs& out);
  void investigate(const Instance& instance, base::Now now, Outputs& out);
  LeaseOwner owner_of(const Session& session) const;
  static LeaseOwner owner_of(const Instance& instance);
  const Liveness& liveness_of(LeaseOwner owner);
  uint64_t& suspicion_of(LeaseOwner owner);
  bool stands(uint64_t number, LeaseOwner owner);
  /// Calls `visit` for its instances, `most` at most.
  template <typename Visit>
  void for_each_instance(LeaseOwner owner, size_t most, Visit&& visit) {
    if (owner.kind == LeaseKind::kInstance) return visit(catalog_.ttl_instance(owner.slot));
    const auto& instances = sessions_.at(owner.slot).instances;
    for (size_t i = 0; i < std::min(instances.size(), most); ++i) visit(*instances[i]);
  }
  void set_health(LeaseOwner owner, Health health, Cause cause, base::Now now, Outputs& out);
  void set_health(Session& session, Health health, Cause cause, base::Now now, Outputs& out);
  void set_health(const Instance& instance, Health health, Cause cause, base::Now now,
                  Outputs& out);
  const ServiceTiming& timing_of(const Service& service) const;
  ServiceTiming timing_of(LeaseOwner owner);
  bool probes() const { return options_.timing.probe_rounds > 0; }
  void suspect(LeaseOwner owner, Cause cause, base::Now now, Outputs& out);
  void begin_suspicion(LeaseOwner owner, bool reported, base::Now now);
  bool confirm(uint64_t number, base::Now now);
  void revive(LeaseOwner owner, base::Now now, Outputs& out);
  void revive(const Session& session, base::Now now, Outputs& out);
  void advance_suspects(base::Now now, Outputs& out);
  void tend_suspect(uint64_t number, base::Now now, Outputs& out);
  void give_up_suspicion(uint64_t number, const Suspect& suspect);
  bool remove_suspect(uint64_t number, const Suspect& suspect, base::Now now, Outputs& out);
  void end_suspect(uint64_t number, const Suspect& suspect, Cause cause, base::Now now,
                   Outputs& out);
  void note_lapse(Suspect& suspect, base::Now now);
  bool lapses_exactly(const Suspect& suspect);
  void follow_lapse(Suspect& suspect, base::Now now, Outputs& out);
  int64_t due_ms(const Suspect& suspect, base::Now now) const;
  void note_answer(Suspect& suspect, base::Now now, Outputs& out);
  void answer_reports(uint64_t number, const Suspect& suspect, base::Now now, Outputs& out);
  bool address_is_taken(const Suspect& suspect);
  bool takes_address(const Instance& other, const Instance& instance);
  RegistrationExtras extras_of(const Instance& instance) const;
  bool has_lapse(const Instance& instance) const { return extras_of(instance).lapse.has_value(); }
  ProcessFacts facts_of(const Instance& instance) const;
  bool in_doubt(base::Now now) const;
  void excuse_suspects(base::Now now);
  void watch_own_hearing(base::Now now);
  std::vector<Probe> targets_of(const Suspect& suspect, int64_t timeout_ms);
  void begin_round(uint64_t number, Suspect& suspect, base::Now now, Outputs& out);
  void conclude_round(uint64_t number, Suspect& suspect, base::Now now, Outputs& out);
  void conclude_silence(Suspect& suspect, Cause cause, base::Now now, Outputs& out);

  // Those that are checked: registry_checks.cpp.
  static bool is_check(uint64_t ticket);
  bool is_checked(const Instance& instance) const { return catalog_.is_checked(instance); }
  void await_check(const KeyState& present, const RegistrationView& body, Liveness& liveness) const;
  void begin_check(uint32_t slot, size_t index, Outputs& out);
  void begin_checks(uint32_t slot, Outputs& out);
  void begin_due_checks(uint32_t slot, base::Now now, Outputs& out);
  base::Result<Reply> apply_check(const ProbeResult& input, base::Now now, Outputs& out);
  void follow_checks(uint32_t slot, base::Now now, Outputs& out);
  void remove_failing(uint32_t slot, base::Now now, Outputs& out);
  base::Result<Reply> apply(const ReadChecks& input, base::Now now, Outputs& out);
  void report_checks(const Instance& instance, base::Now now, std::vector<CheckReport>& out);
  void note_word_ended(const Service& service, std::string_view id, Outputs& out) const;
  std::string name_of_node(NodeId node) const;

  // Refusal to believe in mass death: registry_breaker.cpp.
  base::Result<Reply> apply(const ReleaseBreaker& input, base::Now now, Outputs& out);
  template <typename Visit>
  void for_each_group(LeaseOwner owner, Visit visit);
  bool breakers_allow(LeaseOwner owner, base::Now now);
  void follow_breaker(LeaseOwner owner, Cause cause, base::Now now, Outputs& out);
  bool follow_groups(LeaseOwner owner, base::Now now, Outputs& out);
  bool follow_group(const Service& service, std::string_view zone, BreakerGroup& group,
                    base::Now now, Outputs& out);
  void write_breaker(const Service& service, std::string_view zone, const BreakerGroup& group,
                     uint64_t version, RecordBatch& batch) const;
  void load_breaker(const BreakerRecord& record, base::Now now);
  void dump_breakers(DumpCursor& cursor, size_t end, RecordBatch& out) const;
  void tend_breakers(base::Now now);
  void end_holds(Outputs& out);

  // Operators' word: registry_overrides.cpp.
  base::Result<Reply> apply(const SetOverride& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const RemoveOverride& input, base::Now now, Outputs& out);
  base::Status check_target(const InstanceKey& key) const;
  base::Result<Reply> say(const InstanceKey& key, OverrideRecord record, Stamp after, base::Now now,
                          Outputs& out, const Exclusion* exclusion = nullptr);
  InstanceDeregistered begin_drain(Service& service, const KeyState& present, int64_t until_wall_ms,
                                   base::Now now, Outputs& out);
  void end_drains(base::Now now, Outputs& out);
  base::Result<Reply> take_out(const DeregisterInstance& input, base::Now now, Outputs& out);
  std::string process_meant(const KeyState& present) const;
  void end_operator_drains(base::Now now, Outputs& out);
  void tend_exclusions(base::Now now, Outputs& out);
  bool is_over(const Service& service, std::string_view id, base::Now now) const;
  base::Status check_override_room(const InstanceKey& key) const;
  void write_override(const Service& service, std::string_view id, uint64_t version,
                      RecordBatch& batch) const;
  void apply_record(Source source, const BusMessage& message, const OverrideRecord& record,
                    base::Now now, Outputs& out);
  void sweep_overrides(Outputs& out);
  void dump_overrides(DumpCursor& cursor, size_t end, RecordBatch& out) const;

  // Time: registry_time.cpp.
  base::Result<Reply> apply(const AdvanceTime& input, base::Now now, Outputs& out);
  void excuse_silence(base::Now now);
  void end_lapsed(base::Now now, Outputs& out);
  void expire_instance(uint32_t ttl_slot, Cause cause, base::Now now, Outputs& out);
  void end_lease(const Service& service, std::string_view id, const Liveness& present, Cause cause,
                 base::Now now, Outputs& out);
  void drop_aged(base::Now now, Outputs& out);
  void tend_sessions(base::Now now, Outputs& out);
  void tend_session(Session& session, base::Now now, Outputs& out);
  void tend_ttls(base::Now now, Outputs& out);
  void tend_ttl(const Instance& instance, const Liveness& liveness, base::Now now, Outputs& out);
  bool due_again(const Liveness& liveness, uint64_t key_hash, base::Now now) const;
  bool is_heir(const Liveness& liveness, uint64_t key_hash, base::Now now) const;
  bool may_drop_ghosts(base::Now now) const;
  bool is_ghost(const Liveness& liveness, base::Now now) const;
  bool is_ghost(const Liveness& ttl, const Stamp& registered, base::Now now) const;
  void announce_session(const Session& session, base::Now now, Outputs& out);
  void erase_session(Session& session, Outputs& out);
  void erase_instance(Service& service, std::string_view id, Outputs& out);

  // Sessions: registry_sessions.cpp.
  base::Result<Session*> open_session(const SessionId& id);
  bool is_home(const Liveness& liveness) const {
    if (options_.mirror) return false;
    return !options_.clustered || liveness.home == node_;
  }
  /// Whether its connection stands for its heartbeats, as it did for all in release 0.1.
  static bool is_mute(const Session& session) {
    return session.attachments > 0 && !session.facts.speaks;
  }
  std::vector<TakenOut> taken_out_of(const Session& session) const;
  void note_facts(Session& session, const ProcessFacts& facts, Stamp stamp);
  void take_speech(Session& session, bool speaks, base::Now now, Outputs& out);
  bool is_vouched(const Session& session, const Instance& instance, base::Now now) const;
  bool is_vouched(const Instance& instance, base::Now now) const;
  bool has_evidence(const Session& session, base::Now now) const;
  bool stood_still(base::Now now) const;
  void note_life(Session& session, base::Now now) const;
  static base::Status check_epoch(const Session& session, uint32_t epoch);
  bool comes_home(const Session& session, uint32_t epoch) const;
  void call_home(Session& session, uint32_t epoch, base::Now now, Outputs& out);
  base::Status bring_home(Session& session, uint32_t epoch, base::Now now, Outputs& out);
  void note_local(Service& service, std::string_view id);
  void supersede(Session& rival, std::string_view instance, base::Now now, Outputs& out);
  void take_session(Session& session, uint32_t above_epoch, Cause cause, base::Now now,
                    Outputs& out);
  SessionEnded end_session(Session& session, Cause cause, base::Now now, Outputs& out);
  bool must_refute(const Session& session, const Liveness& claim, base::Now now) const;
  void refute(Session& session, const SessionRecord& record, base::Now now, Outputs& out);
  bool merge_session(const SessionRecord& record, base::Now now, Outputs& out);
  void follow_liveness(Session& session, base::Now now, Outputs& out);
  void settle_part(Session& session);
  void forget_session(uint32_t slot);
  void end_unknown_session(Session& session, base::Now now);
  int64_t asked_heartbeat_ms(int64_t ttl_ms) const;
  SessionOpened opened(const Session& session) const;

  // For the log: registry_incidents.cpp.
  void note_removed(const Instance& instance, Cause cause, Outputs& out) const;
  void note_ended(const Session& session, Cause cause, Outputs& out) const;
  static void note_taken_over(ServiceKeyView service, std::string_view id, const Session& from,
                              const Session& heir, Outputs& out);
  void note_inherited(const Session& session, NodeId home, Outputs& out) const;
  void note_inherited(const Instance& instance, NodeId home, Outputs& out) const;

  // Another data center: registry_mirror.cpp.
  base::Result<Reply> apply(const MirrorRecords& input, base::Now now, Outputs& out);
  void mirror(const BusMessage& message, base::Now now, Outputs& out);
  void mirror(const SessionRecord& record, bool erased, base::Now now, Outputs& out);
  void mirror(const InstanceRecord& record, bool erased, base::Now now);
  void mirror(const OverrideRecord& record, bool erased);

  // The node's own store: registry_load.cpp.
  base::Result<Reply> apply(const MergeRecord& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const FinishLoading& input, base::Now now, Outputs& out);
  void load_owed(const OwedRecord& record, uint64_t version, base::Now now);
  void load_override(const OverrideRecord& record, const MergeRecord& input);
  void erase_merged(const InstanceRecord& record);
  /// The key of a record, valid until the next call.
  std::string_view key_of(const SessionId& session);
  std::string_view key_of(ServiceKeyView service, std::string_view id);
  std::string_view key_of_override(ServiceKeyView service, std::string_view id);
  /// Takes a record out of the store.
  void write_erased(std::string_view key, RecordBatch& batch);
  void write(const Session& session, uint64_t version, RecordBatch& batch) const;
  void write(const Service& service, std::string_view id, const KeyState& state, uint64_t version,
             RecordBatch& batch) const;
  void dump_sessions(DumpCursor& cursor, size_t end, RecordBatch& out) const;
  void dump_instances(DumpCursor& cursor, size_t end, RecordBatch& out) const;
  void dump_waiting(DumpCursor& cursor, size_t end, RecordBatch& out) const;
  void dump_tombstones(DumpCursor& cursor, size_t end, RecordBatch& out) const;
  void dump_owed(DumpCursor& cursor, size_t end, RecordBatch& out) const;

  // The bus: registry_bus.cpp.
  base::Result<Reply> apply(const ReportBus& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const ReportBusLost& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const ApplyBatch& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const SettlePublication& input, base::Now now, Outputs& out);
  void apply_message(std::optional<Stream> stream, const BusMessage& message, base::Now now,
                     Outputs& out);
  void apply_record(Source source, const BusMessage& message, const SessionRecord& record,
                    base::Now now, Outputs& out);
  void apply_record(Source source, const BusMessage& message, const InstanceRecord& record,
                    base::Now now, Outputs& out);
  void repeat_own(const SessionId& id, base::Now now, Outputs& out);
  bool is_old_news(const InstanceRecord& record, const KeyState& present, base::Now now) const;
  bool reassert(Service& service, const KeyState& present, const InstanceRecord& record,
                base::Now now, Outputs& out);
  bool refute(Service& service, const KeyState& present, InstanceRecord record, base::Now now,
              Outputs& out);
  void stamp_anew(Service& service, const Instance& body, std::string_view heard, base::Now now,
                  Outputs& out);
  static base::Error must_resume();
  bool keep_held(Service& service, const KeyState& present, const InstanceRecord& record,
                 base::Now now, Outputs& out);
  bool had_been_taken(const KeyState& present, const InstanceRecord& record);
  bool is_outlived(const KeyState& present, const InstanceRecord& record);
  bool merge_heard(Service& service, const KeyState& present, InstanceRecord record, bool outlived,
                   base::Now now);
  void restate(const InstanceRecord& forgotten, base::Now now, Outputs& out);
  void compare(Source source, std::string_view key, bool holds_more, bool is_author, base::Now now,
               Outputs& out);
  void owe(Stream stream, std::string_view key, Outbox::Reason reason, int64_t due_ms,
           base::Now now, Outputs& out);
  void settle(const Outbox::Entry& entry, bool acknowledged, Outputs& out);
  int64_t delayed_ms(std::string_view key, base::Now now) const;
  /// Stores a change that was accepted here, and owes it to the bus.
  void change(const Session& session, base::Now now, Outputs& out);
  uint64_t change(const Service& service, std::string_view id, base::Now now, Outputs& out);
  void store(const Service& service, std::string_view id, Outputs& out);
  void fetch(Stream stream, base::Now now, Outputs& out);
  bool write_current(std::string_view key, uint64_t ticket, base::Now now, bool announces,
                     RecordBatch& batch);
  void write_mark(base::Now now, Outputs& out);

  // The other nodes: registry_cluster.cpp.
  base::Result<Reply> apply(const HearBeat& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const ClaimName& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const ApplySnapshot& input, base::Now now, Outputs& out);
  // … without the bus: registry_direct.cpp.
  base::Result<Reply> apply(const ApplyDirect& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const SettleDirect& input, base::Now now, Outputs& out);
  void advance_direct(base::Now now, Outputs& out);
  void tell(NodeId node, base::Now now, Outputs& out);
  base::Result<Reply> apply(const ReadRecords& input, base::Now now, Outputs& out);
  base::Result<Reply> apply(const ReadStamp& input, base::Now now, Outputs& out);
  void advance_cluster(base::Now now, Outputs& out);
  void beat(base::Now now, Outputs& out);
  void compare_digests(PeerTable::Peer& peer, const NodeBeat& beat, base::Now now);
  void reset_stream(Stream stream);
  void advance_join(base::Now now, Outputs& out);
  bool gave_up_snapshots(base::Now now) const;
  void seek_snapshot(base::Now now, Outputs& out);
  bool positions_fit() const;
  bool caught_up() const;
  void begin_replay();
  void begin_as_new(base::Now now);
  bool is_owed_for_too_long(const Outbox::Entry& entry, base::Now now);
  int64_t said_wall_ms(std::string_view key);
  void sweep(base::Now now, Outputs& out);
  void sweep_sessions(base::Now now, Outputs& out);
  void sweep_instances(base::Now now, Outputs& out);
  void excuse_claims();
  void begin_service(Phase phase, base::Now now);
  void finish_join(base::Now now, Outputs& out);
  void announce_own(base::Now now, Outputs& out);
  /// The node came back from being out of touch for too long, and has still to drop what nobody
  /// speaks of.
  bool may_sweep() const { return join_.as_new || sweep_due_ms_ != 0; }
  /// Nobody has spoken of it since the node came back from being out of touch for too long.
  bool is_doubtful(uint8_t round) const { return sweep_due_ms_ != 0 && round != round_; }
  void announce(const BucketSet& buckets, base::Now now);
  void advance_announcing(base::Now now, Outputs& out);
  void announce_item(const RecordBatch::Item& item, base::Now now, Outputs& out);
  bool is_worth_announcing(const InstanceRecord& record, base::Now now, bool& is_author);

  const RegistryOptions options_;
  const NodeId node_;
  HybridClock clock_;
  LeaseWheel leases_;
  SessionTable sessions_;
  ReplicaDigest digest_;
  Catalog catalog_;
  Phase phase_ = Phase::kLoading;
  uint64_t version_ = 0;
  std::vector<LeaseOwner> lapsed_;
  struct AgedSession {
    int64_t ended_wall_ms;
    uint32_t slot;
    SessionId id;
  };
  struct Younger;
  std::vector<AgedSession> ended_sessions_;  // a heap, oldest first
  int64_t stalled_ms_ = 0;                   ///< when it was seen to have stood still; 0 for never
  int64_t advanced_ms_ = 0;  // monotonic time of the last AdvanceTime, or of the start
  uint32_t tended_session_ = 0;
  uint32_t tended_ttl_ = 0;
  Suspects suspects_;
  Reports reports_;
  Doubt doubt_;
  uint32_t tended_breaker_ = 0;
  std::pair<uint32_t, std::string> tended_exclusion_;
  std::set<uint32_t> holding_;  // services of which a breaker holds
  int64_t breakers_since_ms_ = 0;
  uint32_t check_serial_ = 0;  ///< of the last check that was begun
  Counters counters_;

  // The bus. Times are monotonic ms.
  struct StreamState {
    StreamPosition head;
    int64_t fetched_ms = 0;  ///< when a fetch was asked for that has not been answered; 0 for none
  };
  Outbox outbox_;
  DirectLine direct_;
  BusPositions positions_{};
  std::array<StreamState, kStreamCount> streams_{};
  bool bus_connected_ = false;
  int64_t bus_since_ms_ = 0;
  int64_t in_touch_wall_ms_ = 0;  // until when this node knew what the others knew; 0 for never
  int64_t marked_ms_ = 0;
  std::string key_;  // of key_of()

  // The other nodes.
  struct Joining {
    int64_t since_ms = 0;
    int64_t snapshot_asked_ms = 0;     ///< first of this attempt; 0 for not
    int64_t snapshot_progress_ms = 0;  ///< asked last, or a part came
    bool snapshot_running = false;
    bool snapshot_done = false;
    bool replaying = false;
    bool judged = false;       ///< whether the own state is too old has been looked at
    bool as_new = false;       ///< it is: what is not heard of is dropped at the end
    bool streams_same = true;  ///< none was made anew or shortened since this node was in touch
    bool announce_all = false;
    BusPositions snapshot_positions;
    BusPositions target;  ///< joined when applied through here
  };
  struct Announcing {
    bool active = false;
    BucketSet buckets;
    DumpCursor cursor;
    int64_t others_due_ms = 0;  ///< when records of other authors are due
  };
  PeerTable peers_;
  FeatureReaders readers_;
  ClaimName::Stage claim_;
  Joining join_;
  Announcing announcing_;
  /// Of lasting records: what this node owed for too long when it rejoined as new.
  std::vector<std::string> dropped_lasting_;
  RecordBatch announced_;  // scratch
  uint8_t round_ = 0;
  int64_t sweep_due_ms_ = 0;  // when what is doubtful is dropped; 0: nothing is
  int64_t beaten_ms_ = 0;
  int64_t contact_since_ms_ = 0;       // neither isolated nor stalled since then; 0: isolated
  int64_t show_buckets_until_ms_ = 0;  // in beats
  int64_t repair_not_before_ms_ = 0;
  int64_t repair_wait_ms_ = 0;
};

}  // namespace callbook::core
