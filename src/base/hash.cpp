#include "base/hash.h"

#include <bit>
#include <cstring>

namespace callbook::base {
namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4F;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5;

static_assert(std::endian::native == std::endian::little, "lanes are read as little-endian");

template <typename Lane>
Lane read_lane(const char* at) {
  Lane lane;
  std::memcpy(&lane, at, sizeof lane);
  return lane;
}

uint64_t absorb(uint64_t accumulator, uint64_t lane) {
  return std::rotl(accumulator + lane * kPrime2, 31) * kPrime1;
}

uint64_t merge_accumulator(uint64_t hash, uint64_t accumulator) {
  return (hash ^ absorb(0, accumulator)) * kPrime1 + kPrime4;
}

uint64_t absorb_tail(uint64_t hash, const char* at, const char* end) {
  for (; end - at >= 8; at += 8) {
    hash = std::rotl(hash ^ absorb(0, read_lane<uint64_t>(at)), 27) * kPrime1 + kPrime4;
  }
  if (end - at >= 4) {
    hash = std::rotl(hash ^ (read_lane<uint32_t>(at) * kPrime1), 23) * kPrime2 + kPrime3;
    at += 4;
  }
  for (; at < end; ++at) {
    hash = std::rotl(hash ^ (static_cast<unsigned char>(*at) * kPrime5), 11) * kPrime1;
  }
  return hash;
}

}  // namespace

uint64_t mix64(uint64_t value) {
  value = (value ^ (value >> 33)) * kPrime2;
  value = (value ^ (value >> 29)) * kPrime3;
  return value ^ (value >> 32);
}

uint64_t xxh64(std::string_view bytes, uint64_t seed) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  uint64_t hash = seed + kPrime5;
  if (bytes.size() >= 32) {
    uint64_t lanes[4] = {seed + kPrime1 + kPrime2, seed + kPrime2, seed, seed - kPrime1};
    for (; end - at >= 32; at += 32) {
      for (int i = 0; i < 4; ++i) lanes[i] = absorb(lanes[i], read_lane<uint64_t>(at + 8 * i));
    }
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
    for (uint64_t lane : lanes) hash = merge_accumulator(hash, lane);
  }
  return mix64(absorb_tail(hash + bytes.size(), at, end));
}

}  // namespace callbook::base
