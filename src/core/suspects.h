#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/lease_wheel.h"
#include "core/registration_extras.h"

namespace callbook::core {

/// One whose life is in doubt, while its home finds out. Times are monotonic ms.
struct Suspect {
  LeaseOwner owner;
  uint32_t rounds = 0;         ///< of probing that were begun: they tell what is late
  uint32_t burst_rounds = 0;   ///< of these, those since it was to be asked in a burst
  uint32_t silent_rounds = 0;  ///< in a row
  bool reported = false;       ///< by consumers alone: its owner is heard of, and not removed
  bool was_low = false;        ///< of those: not up before, as its home was told or restarted
  int64_t began_ms = 0;
  int64_t interval_ms = 0;  ///< to the round after the next
  int64_t next_round_ms = 0;
  int64_t results_until_ms = 0;     ///< what has not come of the round by then is this node's fault
  int64_t unattended_since_ms = 0;  ///< answers since then without speaking; 0: it does not
  std::optional<Lapse> lapse;       ///< the rule that it brought itself
  int64_t silent_since_ms = 0;      ///< of one with such a rule: its last heartbeat
  int64_t remove_ms = 0;            ///< when its removal is due; 0: it is not

  // The round that is under way.
  uint32_t outstanding = 0;  ///< probes not answered for yet
  uint32_t answered = 0;
  uint32_t refused = 0;
  uint32_t silent = 0;
};

/// The suspects by number, and when each is to be looked at next. A number is never used again, so
/// that what is late is recognized. Not thread-safe.
class Suspects {
 public:
  uint64_t add(Suspect suspect, int64_t due_ms);
  Suspect* find(uint64_t number);
  void erase(uint64_t number);
  /// Looks at it at `due_ms` next.
  void schedule(uint64_t number, int64_t due_ms);
  /// The next one that is due, which is then no longer scheduled.
  std::optional<uint64_t> take_due(int64_t now_ms);

  template <typename Visit>
  void for_each(Visit&& visit) {
    for (auto& [number, entry] : entries_) visit(number, entry.suspect);
  }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Suspect suspect;
    int64_t due_ms = 0;
  };
  std::map<uint64_t, Entry> entries_;
  std::set<std::pair<int64_t, uint64_t>> due_;
  uint64_t last_number_ = 0;
};

}  // namespace callbook::core
