#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "core/front.h"
#include "core/input.h"
#include "core/output.h"
#include "core/registration_extras.h"
#include "sim/client_port.h"
#include "sim/scheduler.h"

namespace callbook::sim {

using KeyIndex = uint32_t;        // of an instance's key
using SessionIndex = uint32_t;    // of a session
using ProcessNumber = uint32_t;   // of one life of a provider or operator; never used again
using OperationIndex = uint32_t;  // of one registration or deregistration

inline constexpr uint32_t kNobody = UINT32_MAX;

/// When a client last had proof, node by node, that the node had heard it.
class Contacts {
 public:
  /// A call begun at `begun_ms` was answered: the node heard it then or later.
  void answered(size_t node, int64_t begun_ms) { raise(answered_, node, begun_ms); }
  /// The client began to call the node to say that it lives.
  void begun(size_t node, int64_t at_ms) { raise(begun_, node, at_ms); }
  /// A sign of life came at `at_ms` on the stream that a session is attached by.
  void stream_alive(size_t node, int64_t at_ms) { raise(alive_, node, at_ms); }

  int64_t answered_ms(size_t node) const { return at(answered_, node); }
  int64_t begun_ms(size_t node) const { return at(begun_, node); }
  int64_t alive_ms(size_t node) const { return at(alive_, node); }

 private:
  static void raise(std::vector<int64_t>& times, size_t node, int64_t time_ms) {
    if (times.size() <= node) times.resize(node + 1, kLongAgo);
    times[node] = std::max(times[node], time_ms);
  }
  static int64_t at(const std::vector<int64_t>& times, size_t node) {
    return node < times.size() ? times[node] : kLongAgo;
  }

  std::vector<int64_t> answered_;
  std::vector<int64_t> begun_;
  std::vector<int64_t> alive_;
};

/// One life of a provider or of an operator.
struct TrueProcess {
  enum class End : uint8_t { kNone, kStopped, kCrashed, kMachineDied, kSuperseded };
  ProcessNumber number = 0;
  ClientId client = 0;
  int64_t began_ms = 0;
  int64_t ended_ms = kNever;  ///< for kStopped: when it began to stop
  End end = End::kNone;
  std::vector<SessionIndex> sessions;  ///< that it opened, in order
  std::vector<KeyIndex> keys;          ///< sorted: that it registered with a TTL of their own
  int64_t paused_until_ms = kLongAgo;  ///< SIGSTOP
  int64_t paused_since_ms = kLongAgo;  ///< without a break
  bool speaks = false;                 ///< it has promised heartbeats
  int64_t ports_closed_ms = kNever;    ///< it does not listen at all of its ports since then
  int64_t ports_opened_ms = kLongAgo;  ///< … again
};

struct TrueSession {
  core::SessionId id;
  ProcessNumber process = kNobody;
  int64_t ttl_ms = 0;
  int64_t open_begun_ms = 0;
  int64_t opened_ms = kNever;           ///< when the client was told
  int64_t close_begun_ms = kNever;      ///< asked to be closed, by its owner
  int64_t abandoned_ms = kNever;        ///< its owner opened another in its place
  std::vector<SessionIndex> rivals;     ///< of other processes that began to claim its instances
  std::optional<core::Stamp> opened;    ///< by which the nodes order sessions; seen in a record
  int64_t told_superseded_ms = kNever;  ///< its owner was told to stop
  uint32_t epoch = 0;                   ///< the last one that the client was told
  Contacts contacts;
  struct Takeover {
    size_t node;
    int64_t begun_ms;
  };
  std::vector<Takeover> asked;  ///< opening and resuming: where its client wanted it to be
  std::map<uint32_t, int64_t> told_epochs_ms;  ///< when its client was told of an epoch
  std::vector<KeyIndex> keys;                  ///< sorted: what registrations were begun under it
};

/// One call that registers or deregisters, as its client sees it.
struct Operation {
  enum class Kind : uint8_t { kRegister, kDeregister };
  enum class Outcome : uint8_t {
    kPending,
    kAccepted,  ///< the answer gave the stamp
    kRefused,   ///< the answer says that nothing was changed
    kUnknown    ///< no answer, or one that leaves it open
  };
  Kind kind = Kind::kRegister;
  Outcome outcome = Outcome::kPending;
  core::Ack ack = core::Ack::kLocal;
  core::HolderKind holder = core::HolderKind::kPersistent;
  bool unchanged = false;      ///< the answer: it was registered just so
  bool lost_possible = false;  ///< acknowledged locally, and all who knew of it lost their disks
  bool held = false;           ///< refused because another process holds the id
  bool reasserted = false;  ///< no call: the registry renewed the stamp against an earlier session
  uint32_t node = 0;
  KeyIndex key = 0;
  ProcessNumber owner = 0;
  SessionIndex session = kNobody;
  uint32_t rev = 0;  ///< of a registration: the body's number, in its metadata too
  int64_t ttl_ms = 0;
  int64_t begun_ms = 0;
  int64_t ended_ms = kNever;
  /// By the answer, or by what a node was seen to know.
  std::optional<core::Stamp> stamp;

  bool in_doubt() const { return outcome == Outcome::kPending || outcome == Outcome::kUnknown; }
};

/// As in core: a smaller service is no mass, and breakers do not hold lapse rules in it.
inline constexpr size_t kLeastMass = 3;

struct TrueKey {
  core::InstanceKey key;
  uint32_t service = 0;
  uint32_t last_rev = 0;
  std::optional<core::Lapse> lapse;        ///< that whoever registers it brings along
  std::vector<OperationIndex> operations;  ///< as they began
  std::vector<ProcessNumber> wanted_by;    ///< sorted: processes that want it to be registered
  Contacts contacts;                       ///< of an instance with a TTL of its own
};

/// What really happened, at true time, as the clients know it: who lives, what they asked for, and
/// what they were told. It knows nothing of what the nodes believe. The population writes it.
class Truth {
 public:
  explicit Truth(const Scheduler& scheduler) : scheduler_(scheduler) {}

  // --- Names.
  uint32_t add_service(const core::ServiceKey& key);
  std::optional<uint32_t> find_service(core::ServiceKeyView key) const;
  size_t service_count() const { return services_.size(); }
  const core::ServiceKey& service(uint32_t index) const { return services_[index]; }
  KeyIndex add_key(const core::InstanceKey& key);
  void set_lapse(KeyIndex key, const core::Lapse& lapse) { keys_[key].lapse = lapse; }
  /// Whether a lapse rule of its own always holds without the breaker: its service is never a mass.
  bool lapses_exactly(KeyIndex key) const;
  std::optional<KeyIndex> find_key(uint32_t service, std::string_view id) const;
  /// In the order in which they were added.
  const std::vector<KeyIndex>& keys_of(uint32_t service) const { return keys_of_[service]; }
  std::optional<SessionIndex> find_session(const core::SessionId& id) const;

  size_t key_count() const { return keys_.size(); }
  const TrueKey& key(KeyIndex index) const { return keys_[index]; }
  size_t session_count() const { return sessions_.size(); }
  const TrueSession& session(SessionIndex index) const { return sessions_[index]; }
  size_t process_count() const { return processes_.size(); }
  const TrueProcess& process(ProcessNumber number) const { return processes_[number]; }
  size_t operation_count() const { return operations_.size(); }
  const Operation& operation(OperationIndex index) const { return operations_[index]; }

  // --- Processes and sessions.
  ProcessNumber begin_process(ClientId client);
  /// The first end of a process counts.
  void end_process(ProcessNumber number, TrueProcess::End end);
  void process_speaks(ProcessNumber number) { processes_[number].speaks = true; }
  void process_paused(ProcessNumber number, int64_t until_ms) {
    TrueProcess& process = processes_[number];
    if (process.paused_until_ms <= scheduler_.now_ms()) {
      process.paused_since_ms = scheduler_.now_ms();
    }
    process.paused_until_ms = until_ms;
    stopped_until_ms_[process.client] = until_ms;
  }
  void ports_closed(ProcessNumber number) {
    processes_[number].ports_closed_ms = scheduler_.now_ms();
  }
  void ports_opened(ProcessNumber number) {
    processes_[number].ports_closed_ms = kNever;
    processes_[number].ports_opened_ms = scheduler_.now_ms();
  }
  /// Calls `visit(process)` for those that crashed or lost their machines lately, in that order,
  /// and whose machines have begun no other since. `first` is where to begin, at first 0; it moves
  /// past those that ended too long ago to be looked at again.
  template <typename Visit>
  void for_each_unreplaced_death(size_t& first, Visit&& visit) const {
    constexpr int64_t kLookedAtMs = 200'000;
    for (size_t i = first; i < ended_processes_.size(); ++i) {
      const TrueProcess& process = processes_[ended_processes_[i]];
      if (scheduler_.now_ms() - process.ended_ms > kLookedAtMs) {
        first = i + 1;
        continue;
      }
      const bool violent = process.end == TrueProcess::End::kCrashed ||
                           process.end == TrueProcess::End::kMachineDied;
      if (violent && !is_replaced(process)) visit(process);
    }
  }
  /// Whether the machine has gone, and no process has begun on it since.
  bool machine_lost(ClientId client) const { return lost_machines_.contains(client); }
  /// Until when a process of the machine was stopped last, or kLongAgo.
  int64_t stopped_until_ms(ClientId client) const;
  /// Whether another process has begun on its machine since it began.
  bool is_replaced(const TrueProcess& process) const;
  SessionIndex begin_open(ProcessNumber process, const core::SessionId& id, int64_t ttl_ms,
                          size_t node);
  void begin_resume(SessionIndex session, size_t node);
  /// A heartbeat, or a stream that the session is to be attached by.
  void begin_tie(SessionIndex session, size_t node);
  /// Opening or resuming was answered well; the call had begun at `begun_ms`.
  void session_held(SessionIndex index, size_t node, int64_t begun_ms,
                    const core::SessionOpened& answer);
  void heartbeat_answered(SessionIndex session, size_t node, int64_t begun_ms);
  void stream_alive(SessionIndex session, size_t node);
  void begin_close(SessionIndex session);
  void abandon(SessionIndex session);
  void told_superseded(SessionIndex session);
  /// A record of the session was seen.
  void opened_at(SessionIndex session, core::Stamp opened) { sessions_[session].opened = opened; }

  // --- Registrations.
  /// The number of the next body that is registered under `key`, whoever does so.
  uint32_t next_rev(KeyIndex key) { return ++keys_[key].last_rev; }
  void set_wanted(KeyIndex key, ProcessNumber by, bool wanted);
  bool wanted(KeyIndex key, ProcessNumber by) const;
  OperationIndex begin_register(KeyIndex key, uint32_t rev, ProcessNumber owner,
                                SessionIndex session, const core::Holder& holder, size_t node,
                                core::Ack ack);
  OperationIndex begin_deregister(KeyIndex key, ProcessNumber owner, SessionIndex session,
                                  size_t node, core::Ack ack);
  void end_operation(OperationIndex index, const ClientPort::Answer& answer);
  void instance_refreshed(KeyIndex key, size_t node, int64_t begun_ms);
  void mark_lost_possible(OperationIndex operation) { operations_[operation].lost_possible = true; }

  // --- Questions.
  /// Which operation made `stamp`: the one that was told it, or else the oldest in doubt at `node`
  /// (the stamp's maker; nothing: any) that fits, which is held to it from now on. kNobody: none,
  /// so that somebody has made this up. `rev` nothing: any registration; `session` kNobody: of any.
  OperationIndex maker_of(KeyIndex key, Operation::Kind kind, std::optional<uint32_t> rev,
                          core::Stamp stamp, std::optional<size_t> node,
                          SessionIndex session = kNobody);
  /// The registry renewed the stamp of a registration of `session`, because a session opened
  /// earlier claims the key with a later stamp. kNobody if there is no such claim, or no such
  /// registration.
  OperationIndex reasserted(KeyIndex key, SessionIndex session, core::Stamp stamp, size_t node);
  /// The home stated an older registration anew because others had forgotten a later one.
  /// `session` kNobody: of any.
  OperationIndex restated(KeyIndex key, uint32_t rev, core::Stamp stamp, size_t node,
                          SessionIndex session);
  /// Whether its process has given up another one that the nodes take for the later: the call that
  /// opened it was late.
  bool outdone_by_its_own(SessionIndex index) const;
  /// Whether a session of another process, opened later, has begun to claim one of its instances.
  /// Which one is later is for the nodes' stamps to say once they are known: the nodes' clocks may
  /// be an hour apart.
  bool contested(SessionIndex index) const;
  /// Whether the session, or the process behind it, has come to a deliberate or violent end, or has
  /// lost its claim to another one.
  /// Its owner has not given it up, but another process claims an instance of it.
  bool lives_contested(SessionIndex index) const;
  bool session_over(SessionIndex index) const;
  /// Whether what `registration` holds up may be gone without any silence: its process has ended,
  /// its session is over.
  bool holder_over(const Operation& registration) const;
  /// Whether a deregistration that beats `registration` may have been carried out.
  bool deregistered(const Operation& registration) const;

 private:
  /// Whether another word of the same instance has a stamp after the registration's.
  bool was_overruled(const Operation& registration, core::Stamp before) const;
  OperationIndex add_operation(Operation operation);
  void contest(KeyIndex key, SessionIndex claimant);
  void settle(OperationIndex index, core::Stamp stamp);

  const Scheduler& scheduler_;
  std::vector<core::ServiceKey> services_;
  std::map<core::ServiceKey, uint32_t, std::less<>> service_index_;
  std::vector<TrueKey> keys_;
  std::vector<std::map<std::string, KeyIndex, std::less<>>> key_index_;  // by service
  std::vector<std::vector<KeyIndex>> keys_of_;                           ///< by service
  std::vector<TrueProcess> processes_;
  std::vector<ProcessNumber> ended_processes_;  ///< in the order of their ends
  std::map<ClientId, ProcessNumber> last_began_;
  std::set<ClientId> lost_machines_;  ///< and nothing has begun on them since
  std::map<ClientId, int64_t> stopped_until_ms_;
  std::vector<TrueSession> sessions_;
  std::map<core::SessionId, SessionIndex> session_index_;
  std::vector<Operation> operations_;
};

}  // namespace callbook::sim
