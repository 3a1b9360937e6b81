#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/breaker.h"
#include "core/callable.h"
#include "core/delta_window.h"
#include "core/instance_list.h"
#include "core/key.h"
#include "core/override.h"
#include "core/provider_status.h"
#include "core/record_codec.h"
#include "core/service_view.h"

namespace callbook::core {

/// What is remembered of an instance that is not in the list: a departure, or a registration whose
/// holder has ended.
struct Tombstone {
  RegistrationKind kind = RegistrationKind::kRemoved;
  Stamp stamp;
  Cause cause = Cause::kNone;
  int64_t removed_wall_ms = 0;
  Holder holder;
  Liveness liveness;
  uint64_t replica_part = 0;  ///< what its record adds to the replication digest
  uint8_t round = 0;          ///< in which round of joining it was last heard of
};

/// One service, as core changes it: the list of live instances, those that wait for word of their
/// session, and the departed. An id stands in at most one of the three. Owns its instances.
/// Not thread-safe; what publish() returns is immutable and goes to other threads.
class Service {
 public:
  /// Unless `recording`, no deltas are kept until start_window(): for replaying a store. Versions
  /// through `before` are not this one's, but of others that had its name.
  Service(uint32_t index, ServiceKeyView key, const Interner& interner, bool recording,
          uint64_t before);
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const ServiceKey& key() const { return key_; }
  uint32_t index() const { return index_; }
  const InstanceList& list() const { return list_; }
  uint64_t digest() const { return digest_; }
  uint64_t version() const { return version_; }
  const Departures& departures() const { return departures_; }

  const Instance* find_live(std::string_view id) const;
  const Instance* find_waiting(std::string_view id) const;
  /// Live or waiting.
  const Instance* find_body(std::string_view id) const {
    const Instance* live = find_live(id);
    return live != nullptr ? live : find_waiting(id);
  }
  const Tombstone* find_tombstone(std::string_view id) const;

  /// Puts an instance into the list, replacing what stood under its id anywhere.
  void put_live(Instance::Ptr instance, Cause cause, uint64_t version);
  /// Changes nothing but the state of an instance in the list.
  void set_state(std::string_view id, InstanceState state, Cause cause, uint64_t version);
  /// What is believed of the instance's holder. An instance that waits only takes note of it.
  /// Returns whether consumers see a difference.
  bool set_health(const Instance& instance, Health health, Cause cause, uint64_t version);
  Breaker& breaker() { return breaker_; }
  const Breaker& breaker() const { return breaker_; }
  /// Keeps an instance out of the list: until its session is known, or, where that has a `cause`,
  /// because an operator has taken it out; then it counts among the departures.
  void put_waiting(Instance::Ptr instance, Cause cause, uint64_t version);
  /// Moves a waiting instance into the list.
  void admit_waiting(std::string_view id, Cause cause, uint64_t version);
  /// Replaces whatever stands under `id` by a tombstone; `version` is of this change.
  void put_tombstone(std::string_view id, Tombstone tombstone, uint64_t version);
  /// Drops a tombstone for good.
  void drop_tombstone(std::string_view id);

  Tombstone* mutable_tombstone(std::string_view id);
  template <typename Visit>
  void for_each_waiting_after(std::string_view after, Visit&& visit) const {
    for (auto it = waiting_.upper_bound(after); it != waiting_.end(); ++it) {
      if (!visit(*it->second)) return;
    }
  }
  template <typename Visit>
  void for_each_tombstone_after(std::string_view after, Visit&& visit) const {
    for (auto it = tombstones_.upper_bound(after); it != tombstones_.end(); ++it) {
      if (!visit(it->first, it->second)) return;
    }
  }

  // Overrides: kept here, applied by the catalog.
  const Override* find_override(std::string_view id) const;
  void put_override(std::string_view id, Override said);
  void drop_override(std::string_view id);
  /// What is said of a listed instance is shown anew, though its weight and state stay.
  void show_overrides() { changed_ = true; }
  template <typename Visit>
  void for_each_override_after(std::string_view after, Visit&& visit) const {
    if (!overrides_) return;
    for (auto it = overrides_->upper_bound(after); it != overrides_->end(); ++it) {
      if (!visit(it->first, it->second)) return;
    }
  }
  // What providers say of their instances: kept here, applied by the catalog.
  const ProviderStatus* find_status(std::string_view id) const;
  /// One that says nothing but `up` is dropped. Returns whether that changes something.
  bool put_status(std::string_view id, ProviderStatus status);
  void drop_status(std::string_view id) { put_status(id, {}); }
  /// Counts an instance of the list by what is said of it now, though its state stays.
  void recount(const ListEntry& entry);
  /// An instance in the list that is about to leave: when, by the wall clock of who said so; 0 for
  /// others.
  int64_t drain_until_wall_ms(std::string_view id) const;
  void set_drain(std::string_view id, int64_t until_wall_ms);  ///< 0: no longer

  /// How it stands now, for the question which instances may be called.
  Standing standing() const;
  /// Whether all of it fail, and there are at least three that are meant to be called, if `one` of
  /// the list fails.
  bool all_fail_if(const Instance& one) const;
  /// The state that an instance has, or would have, in the list.
  InstanceState state_for(const Instance& instance) const {
    return state_if(instance, state_of(instance.health));
  }
  uint32_t weight_for(std::string_view id, uint32_t registered) const;

  /// Nothing is known of any instance: the service may be forgotten.
  bool vacant() const {
    return list_.empty() && waiting_.empty() && tombstones_.empty() && !overrides_;
  }
  size_t tombstone_count() const { return tombstones_.size(); }

  /// Whether consumers would see a difference since the last publish().
  bool changed() const { return changed_; }
  ServiceViewPtr publish();
  /// Begins the delta window at `version`: what came before can't be told as deltas. The next
  /// publish() is due even if the list is empty.
  void start_window(uint64_t version);

  bool queued = false;  ///< in the catalog's list of changed services

 private:
  void note(std::string_view id, Cause cause, Change::Kind kind, uint64_t version);
  Overrides& mutable_overrides();
  void take_from_list(std::string_view id);
  void forget_withdrawn(std::string_view id);
  /// The state of an instance of which this is seen.
  InstanceState state_if(const Instance& instance, InstanceState seen) const;
  void count(const ListEntry& entry, bool in);
  void forget_tombstone(std::string_view id);

  const uint32_t index_;
  const ServiceKey key_;
  const Interner& interner_;
  MutableInstanceList list_;
  std::map<std::string, Instance::Ptr, std::less<>> waiting_;
  std::unique_ptr<std::map<std::string, Cause, std::less<>>> withdrawn_;  ///< of those that wait
  std::map<std::string, Tombstone, std::less<>> tombstones_;
  std::shared_ptr<Overrides> overrides_;  ///< null: none
  bool overrides_published_ = false;      ///< a reader may hold them: copied before a change
  std::shared_ptr<Statuses> statuses_;    ///< null: none
  bool statuses_published_ = false;       ///< as of overrides
  std::unique_ptr<std::map<std::string, int64_t, std::less<>>> drains_;  ///< null: none
  Breaker breaker_;
  DeltaRecorder window_;
  Departures departures_{};
  std::shared_ptr<RetireBin> bin_ = std::make_shared<RetireBin>();
  uint64_t digest_ = 0;
  uint64_t version_ = 0;
  uint32_t up_ = 0;       ///< of the list
  uint32_t meant_ = 0;    ///< of the list, those that are meant to be called, reached or not
  uint32_t failing_ = 0;  ///< of these, those that are down, or protected
  bool changed_ = false;
  bool recording_;
};

}  // namespace callbook::core
