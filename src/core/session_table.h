#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/instance.h"
#include "core/lease_wheel.h"
#include "core/process_facts.h"
#include "core/record_codec.h"
#include "core/session_id.h"

namespace callbook::core {

/// A provider process as the registry knows it.
struct Session {
  enum class State : uint8_t {
    kUnknown,  ///< named by an instance, but no record of it has come yet
    kOpen,
    kEnded  ///< remembered, so that late records of its instances are not believed
  };

  SessionId id;
  State state = State::kUnknown;
  int64_t ttl_ms = 0;
  std::string client;
  Stamp opened;
  Liveness liveness;
  int64_t ended_wall_ms = 0;
  std::string sections;  ///< facets besides those above, as they travel
  ProcessFacts facts;    ///< of those, what this release reads
  /// Live and waiting instances; each knows its place here (Instance::holder_position).
  std::vector<const Instance*> instances;
  uint32_t lease = kNoSlot;
  uint32_t attachments = 0;  ///< connections it is tied to
  /// Another, later session has taken one of its instances: its owner is told to stop.
  std::string superseded_instance;
  /// Monotonic time of the last direct sign of life at this node since it started; 0 for none.
  int64_t evidence_ms = 0;
  /// When it last came here from another node, since this node's start; none: it did not.
  Stamp home_since;
  /// Its client has gone on at another node: connections still tied to it here prove nothing.
  bool moved_away = false;
  uint32_t excluded = 0;  ///< how many of its instances an operator has taken out
  /// A registration of it is known to have been made and lost: its client must say all of them
  /// anew.
  bool lacks_registrations = false;
  int64_t unknown_since_ms = 0;  ///< while kUnknown: since when, once looked at
  uint64_t replica_part = 0;     ///< what its record adds to the replication digest
  uint8_t round = 0;             ///< in which round of joining it was last heard of
  uint64_t heard_version = 0;    ///< at which its last sign of life came here
  uint64_t suspect = 0;          ///< its number among the suspects (suspects.h); 0: none
};

/// The sessions by id and slot. A slot is stable while its session is remembered. Not thread-safe.
class SessionTable {
 public:
  /// nullptr when nothing is known of `id`.
  Session* find(const SessionId& id);
  const Session* find(const SessionId& id) const {
    const auto found = slot_of_.find(id);
    return found == slot_of_.end() ? nullptr : &slots_[found->second];
  }
  /// The slot of `id`; adds an unknown session when there is none.
  uint32_t slot_for(const SessionId& id);
  uint32_t slot_of(const Session& session) const;
  Session& at(uint32_t slot) { return slots_[slot]; }
  const Session& at(uint32_t slot) const { return slots_[slot]; }
  void forget(uint32_t slot);

  /// Slots from 0 to here; a slot without a session has the zero id.
  uint32_t slot_count() const { return static_cast<uint32_t>(slots_.size()); }
  bool occupied(uint32_t slot) const { return slots_[slot].id != SessionId{}; }

  uint32_t open_count() const { return open_count_; }
  /// Changes the state and keeps the count.
  void set_state(Session& session, Session::State state);

  /// Adds an instance to, or takes it from, its session's list. O(1).
  void add_instance(uint32_t slot, const Instance& instance);
  void remove_instance(uint32_t slot, const Instance& instance);
  /// `instance` stands in the list from now on where its holder_position says.
  void replace_instance(uint32_t slot, const Instance& instance) {
    slots_[slot].instances[instance.holder_position] = &instance;
  }

 private:
  std::deque<Session> slots_;  // stable addresses
  std::vector<uint32_t> free_;
  std::unordered_map<SessionId, uint32_t, SessionIdHash> slot_of_;  // lookup only
  uint32_t open_count_ = 0;
};

}  // namespace callbook::core
