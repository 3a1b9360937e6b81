#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "sdk/hash_ring.h"
#include "sdk/member.h"
#include "sdk/split_mix.h"

namespace callbook::sdk {

/// Chooses by the key of a call: a hash ring with bounded loads (Mirrokni, Thorup, Zadimoghaddam
/// 2016, "Consistent hashing with bounded loads"). Thread-safe; allocates nothing after its making.
///
/// A member is full when one more call would be more than its bound, 1.25 times its share by weight
/// of all calls under way at these members, that one included, rounded up. A key goes to the member
/// on the ring at its hash (XXH64). If that is full, it does not walk on, as in that paper, but
/// jumps (Chen, Coleman, Shrivastava 2021, "Revisiting consistent hashing with bounded loads"): to
/// the hash that SplitMix makes of the key's, and so on. Else the calls of one hot key would fill
/// whole stretches of the ring, for every further one to walk over, and flood whoever comes behind.
/// A key that has filled kKeyJumps places is spread at random from then on.
///
/// "All calls under way" is a sum over all members, and they change beneath it. Up to
/// kCountedAlways members it is made anew for each choice that needs it. Beyond, one in
/// kCountedOneIn such choices counts a block of kBlock members anew, so that the sum is as old as
/// some n / 4 choices: on the average of all members, a quarter of a call.
class KeyChoice {
 public:
  static constexpr size_t kCountedAlways = 16;
  static constexpr uint64_t kCountedOneIn = 8;
  static constexpr size_t kBlock = 32;
  /// So many places are a key's own. With a filter or ids to avoid, all members are looked at then.
  static constexpr int kKeyJumps = 64;

  /// `members` are sorted by id, and outlive this.
  explicit KeyChoice(const std::vector<Member>& members);

  /// Null if the filter admits none. Where all that are left are full, they are chosen
  /// nevertheless.
  const Member* choose(const Wanted& wanted, SplitMix draws) const;

 private:
  /// Lines that are written to, apart from what is only read.
  struct alignas(64) Load {
    std::atomic<uint64_t> total{0};
  };

  bool is_full(const Member& member, uint64_t total) const;
  uint64_t total_under_way(SplitMix& draws) const;
  uint64_t recount_all() const;
  void recount(size_t block) const;
  const Member* scan(const Wanted& wanted, uint64_t hash, uint64_t total) const;

  const std::vector<Member>& members_;
  const HashRing ring_;
  uint64_t total_weight_ = 0;
  mutable Load load_;  // the sum of the blocks
  mutable std::vector<std::atomic<uint64_t>> blocks_;
};

}  // namespace callbook::sdk
