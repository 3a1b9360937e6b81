#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/time.h"
#include "core/address_index.h"
#include "core/check_runs.h"
#include "core/interner.h"
#include "core/key.h"
#include "core/lease_wheel.h"
#include "core/limits.h"
#include "core/record_codec.h"
#include "core/replica_digest.h"
#include "core/service.h"
#include "core/session_table.h"

namespace callbook::core {

/// Everything known of one instance's key, wherever it stands.
struct KeyState {
  RegistrationKind kind = RegistrationKind::kNone;
  Stamp stamp;
  Holder holder;
  Cause cause = Cause::kNone;
  int64_t removed_wall_ms = 0;
  Liveness liveness;
  const Instance* body = nullptr;
  std::string_view sections;  ///< borrowed until the catalog changes
  uint64_t replica_part = 0;
};

/// What the catalog must know of the node that it lives in.
struct CatalogSetting {
  NodeId node = 0;
  bool clustered = false;  ///< otherwise every lease runs here, and there is no replication digest
};

/// All services and instances, and the one way by which they change: merging records. A local
/// registration is merged as the record it would be on any other node, so every path keeps the
/// rules: the highest stamp wins, liveness goes by epoch and stamp, and the effective list is
/// computed from registration, session and liveness alone, in whatever order they came.
/// Not thread-safe.
class Catalog {
 public:
  Catalog(CatalogSetting setting, SessionTable& sessions, LeaseWheel& leases,
          ReplicaDigest& digest);
  ~Catalog();
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  Service* find(ServiceKeyView key) const;
  Service& find_or_add(ServiceKeyView key);
  Service* at(uint32_t index) const { return services_[index].get(); }
  uint32_t service_slots() const { return static_cast<uint32_t>(services_.size()); }
  uint32_t service_count() const { return service_count_; }
  uint32_t instance_count() const { return instance_count_; }
  uint64_t tombstone_count() const { return tombstone_count_; }
  const Interner& interner() const { return interner_; }

  KeyState state_of(const Service& service, std::string_view id) const;
  KeyState state_of_body(const Service& service, const Instance& body) const;

  /// Packs `body` and says whether the live instance `present` already is just that, as consumers
  /// and its holder see it.
  bool is_unchanged(const Instance& present, const Holder& holder, const RegistrationView& body);

  /// Merges `record`; `version` is of this change, `now` times what it starts. Returns whether
  /// anything known of the key has changed.
  bool merge(const InstanceRecord& record, uint64_t version, base::Now now);
  /// The same, for a caller who has found the service and knows what stands under the key.
  bool merge(Service& service, const KeyState& present, const InstanceRecord& record,
             uint64_t version, base::Now now);
  /// Merges what an operator says, and brings the instance in line with it.
  bool merge(const OverrideRecord& record, uint64_t version);
  /// Takes what an operator said out of memory, without a trace.
  void erase_override(Service& service, std::string_view id, uint64_t version);
  uint32_t override_count() const { return override_count_; }
  /// Whether the body here should outlive a registration that wins by its stamp. Whoever forgot
  /// that one believed that its holder had ended, or it is known here to have; while the holder of
  /// the body here lives, that is no reason to lose it: its home states it anew.
  bool outlives(const KeyState& present, const InstanceRecord& record);
  /// Whether the body of an instance whose holder lives has been forgotten here.
  bool lacks_bodies();
  /// Gives the registration a later stamp, and what else stands or falls with its stamp.
  void restamp(const Service& service, const Instance& body, Stamp stamp);
  /// Gives what its provider says of itself the stamp, if otherwise the word of another session,
  /// in the sections `heard` of the id, would displace it.
  void restamp_status(const Service& service, const Instance& body, std::string_view heard,
                      Stamp stamp);
  /// Brings the session's instances in line with its state: admits those that waited for it to
  /// open, buries those of one that ended, shows its health. Each change gets a version of its own
  /// above `version`; returns the last one.
  uint64_t follow_session(uint32_t slot, uint64_t version);

  /// The instance whose own TTL is in lease slot `slot`.
  const Instance& ttl_instance(uint32_t slot) const { return *ttl_slots_[slot].instance; }
  const Liveness& ttl_liveness(uint32_t slot) const { return ttl_slots_[slot].liveness; }
  /// A sign of life of an instance whose home this is, at `version`; `proven` if it is surely no
  /// old one.
  void renew_ttl(const Instance& instance, bool proven, uint64_t version, int64_t now_ms);
  /// When its last sign of life came that is surely no old one; 0: none has.
  int64_t evidence_ms(uint32_t slot) const { return ttl_slots_[slot].evidence_ms; }
  /// The version at which its last sign of life came.
  uint64_t heard_version(uint32_t slot) const { return ttl_slots_[slot].heard_version; }
  /// Nothing was missed of those with a TTL of their own until `version`.
  void excuse_ttls(uint64_t version);
  /// Of all services.
  const AddressIndex& addresses() const { return addresses_; }
  /// Whether the instance has checks in place of heartbeats.
  bool is_checked(const Instance& instance) const {
    return instance.holder_kind() == HolderKind::kTtl && ttl_slots_[instance.holder_slot].checked;
  }
  /// Whether it is checked at this target by just these checks.
  bool is_checked_at(const Instance& instance, std::string_view address, uint16_t port,
                     const CheckSet& checks) const {
    return is_checked(instance) && instance.is_at(address, port) && checks_of(instance) == checks;
  }
  /// What comes of the checks of the instance in a lease slot; nullptr if it has none, or its home
  /// is elsewhere.
  CheckRuns* check_runs(uint32_t slot) {
    return slot < ttl_slots_.size() ? ttl_slots_[slot].checks.get() : nullptr;
  }
  /// The checks themselves, wherever their home is.
  CheckSet checks_of(const Instance& instance) const {
    return checks_of(instance, ttl_ms(instance));
  }
  /// Wakes for the slot's checks when the next is due.
  void await_due_check(uint32_t slot, int64_t now_ms);
  /// Checks that fell due while nobody looked are not made up for all at once: each waits for its
  /// next time.
  void skip_missed_checks(int64_t now_ms);
  /// Its checks have shown that it can be called.
  void note_evidence(uint32_t slot, int64_t now_ms) { ttl_slots_[slot].evidence_ms = now_ms; }
  /// Whether a sign of life came lately: within its TTL, or two intervals of its checks.
  bool has_evidence(const Instance& instance, int64_t now_ms) const;
  /// Slots from 0 to here; those in use have an instance.
  uint32_t ttl_slot_count() const { return static_cast<uint32_t>(ttl_slots_.size()); }
  const Instance* ttl_instance_or_null(uint32_t slot) const { return ttl_slots_[slot].instance; }
  void note_announced(const Instance& instance, int64_t wall_ms) {
    ttl_slots_[instance.holder_slot].liveness.announced_wall_ms = wall_ms;
  }
  int64_t ttl_ms(const Instance& instance) const { return ttl_slots_[instance.holder_slot].ttl_ms; }
  /// Its number among the suspects; 0: none.
  uint64_t& ttl_suspect(uint32_t slot) { return ttl_slots_[slot].suspect; }
  /// A lapsed lease that nothing came of runs once more in full.
  void restart_ttl(uint32_t slot, int64_t now_ms) { leases_.renew(ttl_slots_[slot].lease, now_ms); }

  /// Takes what is under the key out of memory, list included, without a trace.
  void erase(Service& service, std::string_view id, uint64_t version);
  /// Brings a key's part of the replication digest up to date with what stands under it.
  void settle_part(Service& service, std::string_view id);
  /// What is known of the key has been heard of in this round of joining.
  void note_heard(Service& service, std::string_view id, uint8_t round);
  uint8_t round_of(ServiceKeyView service, std::string_view id) const;

  /// Drops what has been over since before `before_wall_ms`, at most `most`: tombstones, and
  /// removed overrides. Calls `dropped(key, id, of_override)` first.
  template <typename Dropped>
  void drop_aged(int64_t before_wall_ms, size_t most, Dropped&& dropped) {
    for (; most > 0 && !ages_.empty() && ages_.front().removed_wall_ms < before_wall_ms; --most) {
      const Aged aged = take_oldest();
      Service* service = at(aged.service);
      if (aged.of_override) {
        const Override* said = service == nullptr ? nullptr : service->find_override(aged.id);
        if (said == nullptr || said->set || said->said_wall_ms != aged.removed_wall_ms) continue;
        dropped(service->key(), aged.id, true);
        erase_override(*service, aged.id, 0);
        continue;
      }
      const Tombstone* tombstone = service == nullptr ? nullptr : service->find_tombstone(aged.id);
      if (tombstone == nullptr || tombstone->removed_wall_ms != aged.removed_wall_ms) continue;
      dropped(service->key(), aged.id, false);
      forget_tombstone(*service, aged.id);
    }
  }
  void forget_tombstone(Service& service, std::string_view id);

  /// What time it is, for the breakers. Call before each input.
  void note_time(int64_t now_ms) { now_ms_ = now_ms; }

  /// An instance that is about to leave.
  struct Drain {
    int64_t until_wall_ms = 0;
    uint32_t service = 0;  ///< slot
    std::string id;
    auto operator<=>(const Drain&) const = default;
  };
  /// The soonest first.
  const std::set<Drain>& drains() const { return drains_; }
  /// The same of those that an operator drains: they leave the list, and stay registered.
  const std::set<Drain>& operator_drains() const { return operator_drains_; }
  /// Takes one of those out of the list. Its time is over.
  void end_operator_drain(const Drain& drain, uint64_t version);
  /// Instances by service slot and id that operators have taken out.
  using ExcludedIds = std::set<std::pair<uint32_t, std::string>>;
  const ExcludedIds& exclusions() const { return exclusions_; }

  /// Every service that consumers would see differently since the last call, at most once each.
  Publication publish();
  /// Ends the replay of a store: from here on deltas are kept, from `version`; all services are
  /// due for publication.
  void start_recording(uint64_t version);

 private:
  struct TtlSlot {
    const Instance* instance = nullptr;
    Liveness liveness;
    int64_t ttl_ms = 0;
    LeaseWheel::LeaseId lease = kNoSlot;  ///< runs only at its home
    int64_t evidence_ms = 0;              ///< of its last sign of life here; 0 for none
    uint64_t suspect = 0;                 ///< its number among the suspects; 0: none
    uint64_t heard_version = 0;           ///< at which its last sign of life came
    bool checked = false;                 ///< has checks in place of heartbeats
    std::unique_ptr<CheckRuns> checks;    ///< of one that is checked, at its home
  };
  struct Aged {
    int64_t removed_wall_ms;
    uint32_t service;
    std::string id;
    bool of_override = false;
  };
  struct Younger;
  enum class HolderState : uint8_t { kAlive, kUnknown, kEnded };

  HolderState holder_state(const Holder& holder, const Liveness& liveness);
  /// The tombstone of an instance whose holder has ended; its stamp is left to the caller.
  Tombstone forgotten(const Holder& holder, const Liveness& liveness);
  Instance::Ptr make_instance(const Service& service, std::string_view id,
                              const RegistrationView& body, Stamp stamp, uint64_t version);
  void drain(Service& service, std::string_view id, int64_t until_wall_ms);
  void install(Service& service, Instance::Ptr instance, const Instance* replaced, Cause cause,
               const Holder& holder, const Liveness& liveness, bool waiting, int64_t now_ms);
  bool keeps_claim(const Instance& before, const Instance& added, const Holder& holder) const;
  void bury(Service& service, std::string_view id, Tombstone tombstone, uint64_t version);
  void release_holder(const Instance& instance);
  void remember_age(int64_t removed_wall_ms, const Service& service, std::string_view id,
                    bool of_override);
  void follow_override(Service& service, std::string_view id, Cause cause, uint64_t version);
  void take_exclusion(Service& service, std::string_view id, const Override* said);
  bool is_excluded(const Service& service, std::string_view id, const Holder& holder) const;
  bool is_withdrawn(const Service& service, const Instance& instance) const;
  void note_excluded(const Instance& instance, bool excluded);
  void withdraw(Service& service, const Instance& body, uint64_t version);
  Instance::Ptr copy_of(const Service& service, const Instance& body, uint64_t version);
  void reweigh(Service& service, const Instance& body, Cause cause, uint64_t version);
  void settle_override_part(Service& service, std::string_view id);
  void follow_home(TtlSlot& slot, uint32_t index, int64_t now_ms);
  Aged take_oldest();
  bool take_status(Service& service, std::string_view id, const Holder& holder);
  void follow_status(Service& service, std::string_view id, uint64_t version);
  void remember_sections(const Service& service, std::string_view id, std::string sections);
  std::string_view sections_of(const Service& service, std::string_view id) const;
  bool merge_facets(Service& service, const KeyState& present, const InstanceRecord& record,
                    uint64_t version, base::Now now);
  void take_ttl_slot(const Instance& instance, const Holder& holder, const Liveness& liveness,
                     std::unique_ptr<CheckRuns> checks, int64_t now_ms);
  std::unique_ptr<CheckRuns> take_checks(const Instance& replaced, const Instance& added,
                                         const Holder& holder);
  CheckSet checks_of(const Instance& instance, int64_t ttl_ms) const;
  void remember_liveness(const Service& service, std::string_view id, HolderKind kind,
                         const Liveness& liveness);
  void touch(Service& service);
  void forget_if_vacant(Service& service);
  Holder holder_of(const Instance& instance) const;
  Liveness idle_liveness(const Service& service, std::string_view id) const;

  const CatalogSetting setting_;
  SessionTable& sessions_;
  LeaseWheel& leases_;
  ReplicaDigest& digest_;
  Interner interner_;
  AddressIndex addresses_;
  std::vector<std::unique_ptr<Service>> services_;
  std::vector<uint32_t> free_services_;
  std::unordered_map<ServiceKey, uint32_t, ServiceKeyHash, ServiceKeyEqual>
      index_of_;  // lookup only
  std::vector<uint32_t> changed_;
  std::vector<uint32_t> forgotten_;
  std::vector<ServicePublished> parting_;  // their last views, to be published before that
  uint64_t forgotten_through_ = 0;         // the highest version of those that were forgotten
  std::vector<TtlSlot> ttl_slots_;
  std::vector<uint32_t> free_ttl_slots_;
  /// Liveness of keys whose present holder is not a TTL, kept so that merging forgets nothing.
  std::map<std::pair<uint32_t, std::string>, Liveness> idle_liveness_;
  /// Facets unknown to this release: rare, so apart.
  std::map<std::pair<uint32_t, std::string>, std::string> sections_;
  std::vector<Aged> ages_;  // a heap, oldest first
  std::set<Drain> drains_;
  std::set<Drain> operator_drains_;
  ExcludedIds exclusions_;
  uint32_t service_count_ = 0;
  uint32_t instance_count_ = 0;
  uint64_t tombstone_count_ = 0;
  uint32_t override_count_ = 0;
  bool recording_ = false;
  int64_t now_ms_ = 0;
  std::string packed_;
  std::string scratch_;
};

}  // namespace callbook::core
