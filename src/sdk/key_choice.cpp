#include "sdk/key_choice.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/hash.h"

namespace callbook::sdk {
namespace {

// At least a fifth of the weight is not full: that so many at random are is all but impossible, if
// the sum is right.
constexpr int kFullBeforeRecount = KeyChoice::kKeyJumps + 64;
constexpr int kJumps = kFullBeforeRecount + 64;

HashRing ring_of(const std::vector<Member>& members) {
  std::vector<HashRing::Member> named;
  named.reserve(members.size());
  for (const Member& member : members) named.push_back({member.instance->id, member.weight});
  return HashRing(named);
}

/// The larger the better: weighted rendezvous hashing, which keeps keys at their members without a
/// ring, for as many as it takes to look at each of them.
double score(const Member& member, uint64_t key_hash) {
  const uint64_t hash = base::mix64(key_hash ^ base::xxh64(member.instance->id));
  const double unit = (static_cast<double>(hash >> 11) + 0.5) * 0x1p-53;
  return member.weight / -std::log(unit);
}

}  // namespace

KeyChoice::KeyChoice(const std::vector<Member>& members)
    : members_(members), ring_(ring_of(members)), blocks_((members.size() + kBlock - 1) / kBlock) {
  for (const Member& member : members_) total_weight_ += member.weight;
  recount_all();
}

const Member* KeyChoice::choose(const Wanted& wanted, SplitMix draws) const {
  if (members_.empty()) return nullptr;
  const uint64_t hash = wanted.key.empty() ? draws.next() : base::xxh64(wanted.key);
  const bool picky = wanted.is_picky();
  SplitMix jumps(hash);
  uint64_t position = hash;
  uint64_t total = 0;
  int full = 0;
  const Member* first_full = nullptr;
  for (int jump = 1; jump <= (picky ? kKeyJumps : kJumps); ++jump) {
    const Member& member = members_[ring_.member_at(position)];
    position = jump < kKeyJumps ? jumps.next() : draws.next();
    if (picky && (!wanted.admits(member) || wanted.avoids(member))) continue;
    if (member.outstanding() == 0) return &member;  // one call is within any bound
    if (full == 0) total = total_under_way(draws);
    if (!is_full(member, total)) return &member;
    if (first_full == nullptr) first_full = &member;
    if (++full == kFullBeforeRecount) total = recount_all();
  }
  return picky ? scan(wanted, hash, total) : first_full;
}

/// outstanding + 1 > ceil(5/4 * (total + 1) * weight / total_weight), in whole numbers.
bool KeyChoice::is_full(const Member& member, uint64_t total) const {
  return 4 * total_weight_ * member.outstanding() >= 5 * (total + 1) * member.weight;
}

uint64_t KeyChoice::total_under_way(SplitMix& draws) const {
  const uint64_t random = draws.next();
  if (members_.size() <= kCountedAlways || random % kCountedOneIn == 0) {
    recount((random >> 32) * blocks_.size() >> 32);
  }
  return load_.total.load(std::memory_order_relaxed);
}

uint64_t KeyChoice::recount_all() const {
  for (size_t block = 0; block < blocks_.size(); ++block) recount(block);
  return load_.total.load(std::memory_order_relaxed);
}

/// Whoever exchanges a block's sum adds the difference to the total: in whatever order that comes,
/// the total ends as the sum of the blocks. In between it may be short of it, even below zero,
/// which would read as very much: nobody is full then, for an instant.
void KeyChoice::recount(size_t block) const {
  const size_t end = std::min(members_.size(), (block + 1) * kBlock);
  uint64_t sum = 0;
  for (size_t i = block * kBlock; i < end; ++i) sum += members_[i].outstanding();
  if (blocks_[block].load(std::memory_order_relaxed) == sum) return;  // writes nothing
  const uint64_t former = blocks_[block].exchange(sum, std::memory_order_relaxed);
  load_.total.fetch_add(sum - former, std::memory_order_relaxed);
}

const Member* KeyChoice::scan(const Wanted& wanted, uint64_t hash, uint64_t total) const {
  struct Best {
    const Member* member = nullptr;
    double score = 0;
  };
  std::array<Best, 3> ranks;  // neither full nor avoided; full; avoided
  for (const Member& member : members_) {
    if (!wanted.admits(member)) continue;
    const bool avoided = wanted.avoids(member);
    Best& best = ranks[avoided ? 2 : is_full(member, total) ? 1 : 0];
    const double own = score(member, hash);
    if (best.member == nullptr || own > best.score) best = {&member, own};
  }
  for (const Best& best : ranks) {
    if (best.member != nullptr) return best.member;
  }
  return nullptr;
}

}  // namespace callbook::sdk
