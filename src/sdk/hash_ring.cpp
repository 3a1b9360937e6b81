#include "sdk/hash_ring.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.h"
#include "base/hash.h"

namespace callbook::sdk {
namespace {

constexpr uint64_t kStep = 0x9E37'79B9'7F4A'7C15;
constexpr int kLeastPointsLog2 = 6;  // 64 to 128 points each

/// k of the class's contract.
int points_per_weight_log2(const std::vector<HashRing::Member>& members) {
  uint64_t total = 0;
  for (const HashRing::Member& member : members) total += member.weight;
  const auto mean = static_cast<double>(total) / static_cast<double>(members.size());
  int k = kLeastPointsLog2 - std::ilogb(mean);
  while (std::ldexp(static_cast<double>(total), k) > static_cast<double>(HashRing::kMaxPoints)) --k;
  return k;
}

}  // namespace

HashRing::HashRing(const std::vector<Member>& members) {
  CALLBOOK_CHECK(members.size() <= kMaxMembers);
  if (members.empty()) return;
  const int k = points_per_weight_log2(members);
  std::vector<uint64_t> unsorted;
  unsorted.reserve(members.size() << (kLeastPointsLog2 + 1));
  for (uint64_t index = 0; index < members.size(); ++index) {
    const double wanted = std::ldexp(static_cast<double>(members[index].weight), k);
    const auto count = static_cast<uint64_t>(std::max(1.0, std::round(wanted)));
    const uint64_t hash = base::xxh64(members[index].id);
    for (uint64_t j = 0; j < count; ++j) {
      unsorted.push_back((base::mix64(hash + j * kStep) & ~kIndexMask) | index);
    }
  }
  place(unsorted);
}

void HashRing::place(const std::vector<uint64_t>& unsorted) {
  // Two to four points each: within a line of the cache, as the table itself is within little of
  // it.
  const size_t buckets = std::max<size_t>(2, std::bit_ceil(unsorted.size()) / 4);
  shift_ = 64 - std::countr_zero(buckets);
  // Even hashes sort by counting, but for the few that share a bucket.
  starts_.assign(buckets + 1, 0);
  for (const uint64_t point : unsorted) ++starts_[(point >> shift_) + 1];
  for (size_t bucket = 1; bucket <= buckets; ++bucket) starts_[bucket] += starts_[bucket - 1];
  points_.resize(unsorted.size());
  std::vector<uint32_t> next(starts_.begin(), starts_.end() - 1);
  for (const uint64_t point : unsorted) points_[next[point >> shift_]++] = point;
  for (size_t bucket = 0; bucket < buckets; ++bucket) {
    if (starts_[bucket + 1] - starts_[bucket] < 2) continue;
    std::sort(points_.begin() + starts_[bucket], points_.begin() + starts_[bucket + 1]);
  }
}

}  // namespace callbook::sdk
