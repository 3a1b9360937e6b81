// Whether so many can be dead: the breakers of the services, and what an operator says of them.

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "core/registry.h"
#include "core/validate.h"

namespace callbook::core {

using base::Now;
using base::Result;

/// Calls `visit(service, zone, group)` for the groups of the owner's instances.
template <typename Visit>
void Registry::for_each_group(LeaseOwner owner, Visit visit) {
  for_each_instance(owner, SIZE_MAX, [&](const Instance& instance) {
    Service& service = *catalog_.at(instance.service);
    if (service.find_live(instance.id()) != &instance) return;
    if (instance.withheld) return;
    const PackedBody body(instance.packed(), catalog_.interner());
    service.breaker().for_each_of(body.zone(), [&](std::string_view zone, BreakerGroup& group) {
      visit(service, zone, group);
    });
  });
}

bool Registry::breakers_allow(LeaseOwner owner, Now now) {
  struct Share {
    const BreakerGroup* group = nullptr;
    const BreakerRule* rule = nullptr;
    uint32_t count = 0;
  };
  std::map<std::pair<uint32_t, std::string_view>, Share> shares;  // by service and zone
  for_each_group(owner, [&](Service& service, std::string_view zone, BreakerGroup& group) {
    Share& share = shares[{service.index(), zone}];
    share.group = &group;
    share.rule = &timing_of(service).breaker;
    ++share.count;
  });
  return std::all_of(shares.begin(), shares.end(), [&](const auto& entry) {
    const Share& share = entry.second;
    return share.group->may_remove(share.count, *share.rule, now.mono_ms, now.wall_ms);
  });
}

/// Whoever is not reached, for `cause`, is served on while a breaker of one of its groups holds.
void Registry::follow_breaker(LeaseOwner owner, Cause cause, Now now, Outputs& out) {
  if (!is_unreachable(liveness_of(owner).health)) return;
  const bool holds = follow_groups(owner, now, out);
  set_health(owner, holds ? Health::kProtected : Health::kDown, holds ? Cause::kMassDeath : cause,
             now, out);
}

/// Begins the holds of its groups that are due; whether one of them holds.
bool Registry::follow_groups(LeaseOwner owner, Now now, Outputs& out) {
  bool holds = false;
  for_each_group(owner, [&](Service& service, std::string_view zone, BreakerGroup& group) {
    holds |= follow_group(service, zone, group, now, out);
  });
  return holds;
}

/// Begins the hold of a group; whether it holds.
bool Registry::follow_group(const Service& service, std::string_view zone, BreakerGroup& group,
                            Now now, Outputs& out) {
  const bool overdrawn = group.overdrawn(timing_of(service).breaker);
  if (overdrawn && group.held_since_wall_ms == 0) {
    group.held_since_wall_ms = std::max<int64_t>(now.wall_ms, 1);
    holding_.insert(service.index());
    ++counters_.breakers_tripped;
    write_breaker(service, zone, group, ++version_, out.records);
  }
  return overdrawn && !group.released;
}

/// A hold ends when so many can be believed dead again, whether or not anybody is suspected then:
/// the next mass death is another, with an hour of its own.
void Registry::end_holds(Outputs& out) {
  for (auto next = holding_.begin(); next != holding_.end();) {
    Service* service = catalog_.at(*next);
    bool holds = false;
    if (service != nullptr) {
      service->breaker().for_each([&](std::string_view zone, BreakerGroup& group) {
        if (group.held_since_wall_ms == 0) return;
        if (group.overdrawn(timing_of(*service).breaker)) {
          holds = true;
          return;
        }
        group.held_since_wall_ms = 0;
        group.released = false;
        write_breaker(*service, zone, group, ++version_, out.records);
      });
    }
    next = holds ? std::next(next) : holding_.erase(next);
  }
}

void Registry::write_breaker(const Service& service, std::string_view zone,
                             const BreakerGroup& group, uint64_t version,
                             RecordBatch& batch) const {
  const BreakerRecord record{service.key(), zone, group.largest(), group.held_since_wall_ms,
                             group.released};
  batch.begin(version);
  encode_key(record, batch.bytes());
  batch.end_key();
  encode_value(record, batch.bytes());
  batch.end();
}

void Registry::dump_breakers(DumpCursor& cursor, size_t end, RecordBatch& out) const {
  for (; cursor.slot < catalog_.service_slots(); ++cursor.slot) {
    if (out.size() >= end) return;
    const Service* service = catalog_.at(cursor.slot);
    if (service == nullptr) continue;
    service->breaker().for_each([&](std::string_view zone, const BreakerGroup& group) {
      if (group.held_since_wall_ms != 0) write_breaker(*service, zone, group, version_, out);
    });
  }
  cursor = {DumpCursor::Part::kOwed, 0, {}};
}

void Registry::load_breaker(const BreakerRecord& record, Now now) {
  if (record.held_since_wall_ms == 0) {
    Service* known = catalog_.find(record.service);
    BreakerGroup* ended = known == nullptr ? nullptr : known->breaker().find(record.zone);
    if (ended != nullptr) {
      ended->held_since_wall_ms = 0;
      ended->released = false;
    }
    return;
  }
  Service& service = catalog_.find_or_add(record.service);
  holding_.insert(service.index());
  BreakerGroup& group = service.breaker().find_or_add(record.zone);
  group.peak = std::max(group.peak, record.largest);
  group.held_since_wall_ms = record.held_since_wall_ms;
  group.released = record.released;
  // Who was removed within the last minute is not stored: as many as may have been.
  group.removals_ms.assign(group.budget(timing_of(service).breaker), now.mono_ms);
}

Result<Reply> Registry::apply(const ReleaseBreaker& input, Now, Outputs& out) {
  if (auto status = validate(input, options_.limits); !status.ok()) return status.error();
  Service* service = catalog_.find(input.service);
  if (service == nullptr) {
    return base::Error{base::ErrorCode::kNotFound, "service", "is not known", std::nullopt};
  }
  BreakerReleased released;
  service->breaker().for_each([&](std::string_view zone, BreakerGroup& group) {
    if (group.held_since_wall_ms == 0 || group.released) return;
    group.released = true;
    ++released.groups;
    write_breaker(*service, zone, group, ++version_, out.records);
  });
  return Reply(released);
}

/// Forgets how large services were long ago: some at a time, each once a period.
void Registry::tend_breakers(Now now) {
  const uint32_t slots = catalog_.service_slots();
  if (slots == 0) return;
  if (tended_breaker_ >= slots) {
    if (now.mono_ms - breakers_since_ms_ < options_.timing.breaker_period_ms) return;
    breakers_since_ms_ = now.mono_ms;
    tended_breaker_ = 0;
  }
  constexpr uint32_t kAtOnce = 1'000;
  const uint32_t end = std::min(slots, tended_breaker_ + kAtOnce);
  for (; tended_breaker_ < end; ++tended_breaker_) {
    if (Service* service = catalog_.at(tended_breaker_)) service->breaker().rotate();
  }
}

}  // namespace callbook::core
