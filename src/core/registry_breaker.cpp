// Whether so many can be dead: the breakers of the services, and what an operator says of them.

#include <algorithm>
#include <map>
#include <utility>

#include "core/registry.h"

namespace callbook::core {

using base::Now;
using base::Result;

/// Calls `visit(service, group, zone)` for the groups of the suspect's instances.
template <typename Visit>
void Registry::for_each_group(const Suspect& suspect, Visit visit) {
  const auto groups_of = [&](const Instance& instance) {
    Service& service = *catalog_.at(instance.service);
    if (service.find_live(instance.id()) != &instance) return;
    const InstanceState state = service.state_for(instance);
    if (state == InstanceState::kOutOfService || state == InstanceState::kDraining) return;
    const PackedBody body(instance.packed(), catalog_.interner());
    visit(service, service.breaker().whole(), std::string_view());
    if (BreakerGroup* zone = service.breaker().zone(body.zone()))
      visit(service, *zone, body.zone());
  };
  if (suspect.owner.kind == static_cast<uint8_t>(LeaseKind::kInstance)) {
    return groups_of(catalog_.ttl_instance(suspect.owner.slot));
  }
  for (const Instance* instance : sessions_.at(suspect.owner.slot).instances) groups_of(*instance);
}

bool Registry::breakers_allow(const Suspect& suspect, Now now) {
  struct Share {
    const BreakerGroup* group = nullptr;
    uint32_t count = 0;
  };
  std::map<std::pair<uint32_t, std::string_view>, Share> shares;  // by service and zone
  for_each_group(suspect, [&](Service& service, BreakerGroup& group, std::string_view zone) {
    Share& share = shares[{service.index(), zone}];
    share.group = &group;
    ++share.count;
  });
  return std::all_of(shares.begin(), shares.end(), [&](const auto& entry) {
    const Share& share = entry.second;
    return share.group->may_remove(share.count, options_.timing.breaker, now.mono_ms, now.wall_ms);
  });
}

/// Whoever is not reached is served on while a breaker of one of its groups holds.
void Registry::follow_breaker(const Suspect& suspect, Now now, Outputs& out) {
  const Health before = health_of(suspect);
  if (before != Health::kDown && before != Health::kProtected) return;
  bool holds = false;
  for_each_group(suspect, [&](Service& service, BreakerGroup& group, std::string_view zone) {
    holds |= follow_group(service, group, zone, now, out);
  });
  set_health(suspect, holds ? Health::kProtected : Health::kDown,
             holds ? Cause::kMassDeath : Cause::kProbeTimedOut, now, out);
}

/// Begins or ends the hold of a group; whether it holds.
bool Registry::follow_group(const Service& service, BreakerGroup& group, std::string_view zone,
                            Now now, Outputs& out) {
  const bool overdrawn = group.overdrawn(options_.timing.breaker);
  if (overdrawn && group.held_since_wall_ms == 0) {
    group.held_since_wall_ms = std::max<int64_t>(now.wall_ms, 1);
    ++counters_.breakers_tripped;
    write_breaker(service, group, zone, ++version_, out.records);
  } else if (!overdrawn && group.held_since_wall_ms != 0) {
    group.held_since_wall_ms = 0;
    group.released = false;
    write_breaker(service, group, zone, ++version_, out.records);
  }
  return overdrawn && !group.released;
}

void Registry::write_breaker(const Service& service, const BreakerGroup& group,
                             std::string_view zone, uint64_t version, RecordBatch& batch) const {
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
    const auto dump_held = [&](const BreakerGroup& group, std::string_view zone) {
      if (group.held_since_wall_ms != 0) write_breaker(*service, group, zone, version_, out);
    };
    dump_held(service->breaker().whole(), {});
    service->breaker().for_each_zone(
        [&](const std::string& zone, const BreakerGroup& group) { dump_held(group, zone); });
  }
  cursor = {DumpCursor::Part::kOwed, 0, {}};
}

void Registry::load_breaker(const BreakerRecord& record, Now now) {
  if (record.held_since_wall_ms == 0) {
    Service* known = catalog_.find(record.service);
    if (known == nullptr) return;
    BreakerGroup* group =
        record.zone.empty() ? &known->breaker().whole() : known->breaker().zone(record.zone);
    if (group != nullptr) group->held_since_wall_ms = 0;
    return;
  }
  Service& service = catalog_.find_or_add(record.service);
  BreakerGroup& group =
      record.zone.empty() ? service.breaker().whole() : service.breaker().zone_or_add(record.zone);
  group.peak = std::max(group.peak, record.largest);
  group.held_since_wall_ms = record.held_since_wall_ms;
  group.released = record.released;
  // Who was removed within the last minute is not stored: as many as may have been.
  group.removals_ms.assign(group.budget(options_.timing.breaker), now.mono_ms);
}

Result<Reply> Registry::apply(const ReleaseBreaker& input, Now, Outputs& out) {
  Service* service = catalog_.find(input.service);
  if (service == nullptr) {
    return base::Error{base::ErrorCode::kNotFound, "service", "is not known", std::nullopt};
  }
  BreakerReleased released;
  const auto release = [&](BreakerGroup& group, std::string_view zone) {
    if (group.held_since_wall_ms == 0 || group.released) return;
    group.released = true;
    ++released.groups;
    write_breaker(*service, group, zone, ++version_, out.records);
  };
  release(service->breaker().whole(), {});
  service->breaker().for_each_zone(
      [&](const std::string& zone, BreakerGroup& group) { release(group, zone); });
  return Reply(released);
}

/// Forgets how large services were long ago: some at a time, each once a period.
void Registry::tend_breakers(Now now) {
  const uint32_t slots = catalog_.service_slots();
  if (slots == 0) return;
  if (tended_breaker_ >= slots) {
    const int64_t since_ms = std::exchange(breakers_since_ms_, now.mono_ms);
    if (now.mono_ms - since_ms < options_.timing.breaker_period_ms) {
      breakers_since_ms_ = since_ms;
      return;
    }
    tended_breaker_ = 0;
  }
  constexpr uint32_t kAtOnce = 1'000;
  const uint32_t end = std::min(slots, tended_breaker_ + kAtOnce);
  for (; tended_breaker_ < end; ++tended_breaker_) {
    if (Service* service = catalog_.at(tended_breaker_)) service->breaker().rotate();
  }
}

}  // namespace callbook::core
