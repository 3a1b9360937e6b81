#include "core/breaker.h"

#include <algorithm>

#include "base/check.h"

namespace callbook::core {
namespace {

constexpr int64_t kMinuteMs = 60'000;

uint32_t share(uint32_t of, uint32_t percent) {
  return static_cast<uint32_t>((uint64_t{of} * percent + 99) / 100);
}

}  // namespace

uint32_t BreakerGroup::budget(const BreakerRule& rule) const {
  return share(largest(), rule.percent);
}

uint32_t BreakerGroup::floor(const BreakerRule& rule) const {
  return share(largest(), rule.floor_percent);
}

bool BreakerGroup::overdrawn(const BreakerRule& rule) const {
  return unreachable > budget(rule) || size - unreachable < floor(rule);
}

bool BreakerGroup::may_remove(uint32_t count, const BreakerRule& rule, int64_t now_ms,
                              int64_t now_wall_ms) const {
  if (released) return true;
  const auto lately = static_cast<uint32_t>(
      std::count_if(removals_ms.begin(), removals_ms.end(),
                    [&](int64_t at_ms) { return now_ms - at_ms < kMinuteMs; }));
  const bool in_budget = lately + count <= budget(rule);
  const bool held_out = held_since_wall_ms != 0 && now_wall_ms - held_since_wall_ms >= rule.hold_ms;
  if (held_out) return in_budget || lately == 0;
  return in_budget && size >= count + floor(rule);
}

void Breaker::add(std::string_view zone, bool unreachable) {
  for_each_of(zone, [&](std::string_view, BreakerGroup& group) {
    ++group.size;
    if (unreachable) ++group.unreachable;
    group.peak = std::max(group.peak, group.size);
  });
}

void Breaker::remove(std::string_view zone, bool unreachable) {
  for_each_of(zone, [&](std::string_view, BreakerGroup& group) {
    CALLBOOK_CHECK(group.size > 0 && (!unreachable || group.unreachable > 0));
    --group.size;
    if (unreachable) --group.unreachable;
  });
}

void Breaker::note_removal(std::string_view zone, int64_t now_ms) {
  for_each_of(zone, [&](std::string_view, BreakerGroup& group) {
    std::erase_if(group.removals_ms, [&](int64_t at_ms) { return now_ms - at_ms >= kMinuteMs; });
    group.removals_ms.push_back(now_ms);
  });
}

void Breaker::rotate() {
  for_each([](std::string_view, BreakerGroup& group) {
    group.peak_before = group.peak;
    group.peak = group.size;
  });
  if (!zones_) return;
  std::erase_if(*zones_, [](const auto& entry) {
    return entry.second.size == 0 && entry.second.largest() == 0;
  });
  if (zones_->empty()) zones_.reset();
}

BreakerGroup* Breaker::find(std::string_view zone) {
  if (zone.empty()) return &whole_;
  if (!zones_) return nullptr;
  const auto found = zones_->find(zone);
  return found == zones_->end() ? nullptr : &found->second;
}

BreakerGroup& Breaker::find_or_add(std::string_view zone) {
  if (BreakerGroup* present = find(zone)) return *present;
  if (!zones_) zones_ = std::make_unique<Zones>();
  return zones_->emplace(std::string(zone), BreakerGroup()).first->second;
}

}  // namespace callbook::core
