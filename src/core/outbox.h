#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "core/bus_position.h"

namespace callbook::core {

/// What a node owes the bus, keyed by record: of a record that changes ten times while the bus is
/// slow, the last state is published, once. Entries leave when the bus acknowledges them, or when a
/// message with as much comes from it. Not thread-safe; times are monotonic ms.
class Outbox {
 public:
  /// Why a record is owed. A higher one replaces a lower one.
  enum class Reason : uint8_t {
    kRepeat,  ///< others may publish it as well: due later, not kept in the store
    kChange   ///< a change that was accepted here: kept in the store until it is settled
  };
  struct Entry {
    Stream stream = Stream::kTied;
    std::string key;
    Reason reason = Reason::kRepeat;
    uint64_t version = 0;       ///< local version of the last change that is owed
    int64_t since_wall_ms = 0;  ///< of the oldest change that is owed
    int64_t due_ms = 0;
    uint64_t order = 0;   ///< of entering, among those due at the same time
    uint64_t ticket = 0;  ///< of the publication in flight, or 0
    uint64_t sent_version = 0;
    int64_t sent_ms = 0;
    bool again = false;  ///< was owed again while in flight
  };
  /// An entry that has left.
  struct Settled {
    Reason reason = Reason::kRepeat;
    uint64_t version = 0;  ///< through this version the record's changes are on the bus
    bool left = false;     ///< nothing more is owed
  };

  /// Owes the record. Returns whether it is newly owed as a change (and must be kept in the store).
  bool owe(Stream stream, std::string_view key, Reason reason, uint64_t version, int64_t due_ms,
           int64_t wall_ms);

  /// The entry to publish next, or nullptr if none is due.
  const Entry* next_due(int64_t now_ms) const;
  /// It has been handed to the bus. Returns the ticket.
  uint64_t sent(const Entry& entry, int64_t now_ms);
  /// Nothing is known of the record any more: drops it.
  void drop(const Entry& entry);

  /// The entry whose publication has this ticket, or nullptr if it has left since.
  const Entry* in_flight(uint64_t ticket) const;
  Settled acknowledged(const Entry& entry);
  /// Not known to have arrived: due again at `due_ms`.
  void failed(const Entry& entry, int64_t due_ms);
  void fail_all(int64_t due_ms);
  /// Fails the publications handed over before `sent_before_ms`.
  void fail_older(int64_t sent_before_ms, int64_t due_ms);

  const Entry* find(Stream stream, std::string_view key) const;
  /// A message from the bus holds as much as this node: nothing is owed any more.
  Settled heard(const Entry& entry);
  /// Drops the entries for which `stale(entry)` holds.
  template <typename Stale>
  void drop_if(Stale&& stale) {
    for (auto it = entries_.begin(); it != entries_.end();) {
      const Entry& entry = (it++)->second;
      if (stale(entry)) drop(entry);
    }
  }
  template <typename Visit>
  void for_each_change_after(std::string_view after, Visit&& visit) const {
    for (auto it = entries_.upper_bound(after); it != entries_.end(); ++it) {
      if (it->second.reason != Reason::kChange) continue;
      if (!visit(it->first, it->second)) return;
    }
  }

  size_t size() const { return entries_.size(); }
  /// Entries that are owed as changes.
  size_t changes() const { return changes_; }
  size_t flying() const { return flying_.size(); }

 private:
  using Place = std::tuple<int64_t, uint64_t, const Entry*>;  // due, order

  static std::string place_key(Stream stream, std::string_view key);
  static Place place_of(const Entry& entry) { return {entry.due_ms, entry.order, &entry}; }
  Entry& mutable_entry(const Entry& entry);
  void land(Entry& entry);

  std::map<std::string, Entry, std::less<>> entries_;  // by stream and key
  std::set<Place> waiting_;                            // not in flight; orders are unique
  std::map<uint64_t, Entry*> flying_;                  // by ticket, so by age
  size_t changes_ = 0;
  uint64_t last_order_ = 0;
  uint64_t last_ticket_ = 0;
};

}  // namespace callbook::core
