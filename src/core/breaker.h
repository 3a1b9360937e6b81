#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace callbook::core {

/// How many may be removed because nobody reaches them (design: mass-death breaker).
struct BreakerRule {
  uint32_t percent = 10;  ///< of the largest size lately, rounded up: at most so many a minute
  uint32_t floor_percent = 50;      ///< of the largest size lately: never fewer are left …
  int64_t hold_ms = 3600LL * 1000;  ///< … until it has held for so long
};

/// One group of instances, a service or the part of it in one zone: how many there are and were,
/// and how many of them nobody reaches. Those that are refused, draining or out of service are in
/// neither number. Value; not thread-safe.
struct BreakerGroup {
  uint32_t size = 0;
  uint32_t unreachable = 0;
  uint32_t peak = 0;                 ///< largest size of the present period
  uint32_t peak_before = 0;          ///< … and of the one before
  int64_t held_since_wall_ms = 0;    ///< 0: it does not hold
  bool released = false;             ///< an operator believes in these deaths
  std::vector<int64_t> removals_ms;  ///< of the last minute; monotonic

  uint32_t largest() const { return peak > peak_before ? peak : peak_before; }
  /// Of those, so many may be removed a minute.
  uint32_t budget(const BreakerRule& rule) const;
  uint32_t floor(const BreakerRule& rule) const;
  /// More are unreachable than may be removed now.
  bool overdrawn(const BreakerRule& rule) const;
  /// Whether `count` of them, who belong together, may be removed now. Once the hold has run out
  /// the floor no longer counts, and one process goes a minute, however many instances it has.
  bool may_remove(uint32_t count, const BreakerRule& rule, int64_t now_ms,
                  int64_t now_wall_ms) const;
};

/// The groups of one service: all of it, and its zones. Not thread-safe.
class Breaker {
 public:
  /// An instance of `zone` begins to count, or ceases to.
  void add(std::string_view zone, bool unreachable);
  void remove(std::string_view zone, bool unreachable);
  /// One has been removed because nobody reached it.
  void note_removal(std::string_view zone, int64_t now_ms);
  /// A new period: what the size was before the last one no longer counts.
  void rotate();

  const BreakerGroup& whole() const { return whole_; }
  /// The group of a zone, or, if that is empty, of the whole service; nullptr if it is not known.
  BreakerGroup* find(std::string_view zone);
  BreakerGroup& find_or_add(std::string_view zone);
  /// Calls `visit(zone, group)` for the whole service and each zone.
  template <typename Visit>
  void for_each(Visit&& visit) {
    visit(std::string_view(), whole_);
    if (!zones_) return;
    for (auto& [zone, group] : *zones_) visit(zone, group);
  }
  template <typename Visit>
  void for_each(Visit&& visit) const {
    visit(std::string_view(), whole_);
    if (!zones_) return;
    for (const auto& [zone, group] : *zones_) visit(zone, group);
  }
  /// The same for those to which an instance of `zone` belongs.
  template <typename Visit>
  void for_each_of(std::string_view zone, Visit&& visit) {
    visit(std::string_view(), whole_);
    if (!zone.empty()) visit(zone, find_or_add(zone));
  }

 private:
  using Zones = std::map<std::string, BreakerGroup, std::less<>>;

  BreakerGroup whole_;
  std::unique_ptr<Zones> zones_;  ///< null: none
};

}  // namespace callbook::core
