#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "callbook/choice.h"

#include "sdk/alias_table.h"
#include "sdk/key_choice.h"
#include "sdk/member.h"
#include "sdk/split_mix.h"
#include "sdk/turn_order.h"

namespace callbook::sdk {

/// Below this share of usable weight calls begin to leave the own zone.
inline constexpr double kSpillBelow = 0.7;

/// The list of a service, made ready for choosing. Made anew whenever the list, a weight or a
/// usable share changes (ReadMostly). Thread-safe; only the turns of the round robin move on.
///
/// Zones: calls stay in the own zone while at least kSpillBelow of the weight that is registered
/// there is usable; with less, usable share / kSpillBelow of the calls stay, and the others go to
/// the members of all other zones by weight. If either side has no members, all go to the other
/// one.
class Selection {
 public:
  /// The zone of the caller, and the weights there: of all that are registered, and of those that
  /// may be called. Their quotient is what counts; ramp-up belongs in neither or in both.
  struct Home {
    std::string zone;  ///< empty: no preference
    uint64_t registered_weight = 0;
    uint64_t usable_weight = 0;
  };
  struct Settings {
    Choice choice = Choice::kLeastLoaded;
    Home home{};  ///< ignored for kConsistentHash
    /// What the Selection before says of next_turn(); a random number for the first. Else new lists
    /// would begin with the same members over and over.
    uint32_t first_turn = 0;
  };

  Selection(std::vector<Member> members, const Settings& settings);
  Selection(const Selection&) = delete;
  Selection& operator=(const Selection&) = delete;

  /// A member for a call, as Choice says; null if the filter admits none. `random` has 64 random
  /// bits (fast_random). Does not count the call: that is the caller's (Candidate::outstanding).
  /// What is returned lives as long as this object; to keep it, copy its pointers.
  ///
  /// With a filter or ids to avoid a few draws are made first; if none fits, all members are looked
  /// at. Those of the side that the call was sent to come first, then the others, and last, in the
  /// same order, the avoided. Allocates nothing but what the filter does.
  const Member* choose(const Wanted& wanted, uint64_t random) const;

  /// Sorted by id for kConsistentHash, else in no particular order.
  const std::vector<Member>& members() const { return members_; }
  uint32_t next_turn() const;

 private:
  /// The members of the own zone, or the others.
  struct Side {
    Side(const std::vector<Member>& members, size_t begin, size_t end, const Settings& settings);
    bool contains(const Member* member) const { return member >= first && member < first + size; }

    const Member* first = nullptr;
    size_t size = 0;
    AliasTable table;
    TurnOrder order;                                 // empty unless in turns
    alignas(64) mutable std::atomic<uint32_t> turn;  // the only thing that is written to
  };

  size_t move_home_to_front(const Settings& settings);
  const Side& side_for_call(SplitMix& draws) const;
  const Member* draw(const Side& side, SplitMix& draws) const;
  const Member* take_turn(const Side& side) const;
  const Member* less_loaded_of_two(const Side& side, SplitMix& draws) const;
  const Member* draw_fitting(const Side& side, const Wanted& wanted, SplitMix& draws) const;
  const Member* scan(const Side& side, const Wanted& wanted, SplitMix& draws) const;

  std::vector<Member> members_;  // those of the own zone first
  const Choice choice_;
  const uint32_t first_turn_;
  uint64_t stay_below_ = 0;  // of 2^32: a call stays if its draw is below
  std::optional<KeyChoice> by_key_;
  std::optional<Side> home_;  // without preference everybody
  std::optional<Side> away_;
};

}  // namespace callbook::sdk
