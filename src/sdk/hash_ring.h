#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace callbook::sdk {

/// The ring of consistent hashing. Each member stands at points that depend on its id and its
/// weight alone, and has the keys between each of them and the one before. Immutable, and the same
/// in every process that makes it of the same members in the same order.
///
/// Point j of a member is mix64(xxh64(id) + j * 0x9E3779B97F4A7C15), of which the upper 40 bits
/// count.
///
/// A member has weight * 2^k points, rounded, at least one. k is the same for all: members have 64
/// to 128 points on average, less where that would be more than kMaxPoints in all. Only when the
/// mean weight, or beyond 4,096 members their number, crosses a power of two does k change, and
/// with it the place of other keys than the changed member's.
class HashRing {
 public:
  static constexpr size_t kMaxPoints = size_t{1} << 19;
  static constexpr size_t kMaxMembers = size_t{1} << 24;

  struct Member {
    std::string_view id;  ///< need not outlive the constructor
    uint32_t weight = 0;  ///< above zero
  };

  explicit HashRing(const std::vector<Member>& members);

  /// Whose the first point at or behind `hash` is. REQUIRES members.
  uint32_t member_at(uint64_t hash) const {
    const uint64_t wanted = hash & ~kIndexMask;
    size_t point = starts_[hash >> shift_];
    while (point < points_.size() && points_[point] < wanted) ++point;
    return static_cast<uint32_t>(points_[point == points_.size() ? 0 : point] & kIndexMask);
  }
  /// Of points.
  size_t size() const { return points_.size(); }

 private:
  static constexpr uint64_t kIndexMask = kMaxMembers - 1;

  void place(const std::vector<uint64_t>& unsorted);

  std::vector<uint64_t> points_;  // sorted: the hash, and below it the member's index
  // By the upper bits of a hash, the first point that has them or more. Hashes are even, so that a
  // search looks at a few points.
  std::vector<uint32_t> starts_;
  int shift_ = 63;
};

}  // namespace callbook::sdk
