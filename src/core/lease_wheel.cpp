#include "core/lease_wheel.h"

#include <algorithm>

#include "base/check.h"

namespace callbook::core {

LeaseWheel::LeaseId LeaseWheel::add(LeaseOwner owner, int64_t ttl_ms, int64_t now_ms) {
  if (!started_) {
    tick_ = now_ms / kTickMs;
    started_ = true;
  }
  LeaseId id;
  if (free_.empty()) {
    id = static_cast<LeaseId>(leases_.size());
    leases_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Lease& lease = leases_[id];
  lease = Lease{now_ms + ttl_ms, ttl_ms, owner, true, false};
  ++live_;
  schedule(id, now_ms / kTickMs);
  return id;
}

void LeaseWheel::renew(LeaseId id, int64_t now_ms) {
  Lease& lease = leases_[id];
  CALLBOOK_CHECK(lease.live);
  lease.deadline_ms = now_ms + lease.ttl_ms;
  if (!lease.scheduled) schedule(id, now_ms / kTickMs);
}

void LeaseWheel::postpone(LeaseId id, int64_t deadline_ms, int64_t now_ms) {
  Lease& lease = leases_[id];
  CALLBOOK_CHECK(lease.live && (!lease.scheduled || deadline_ms >= lease.deadline_ms));
  lease.deadline_ms = deadline_ms;
  if (!lease.scheduled) schedule(id, now_ms / kTickMs);
}

void LeaseWheel::suspend(LeaseId id) {
  leases_[id].deadline_ms = kNever;
}

void LeaseWheel::remove(LeaseId id) {
  Lease& lease = leases_[id];
  CALLBOOK_CHECK(lease.live);
  lease.live = false;
  --live_;
  // A scheduled id is freed when its slot comes round, so that no slot ever names a reused lease.
  if (!lease.scheduled) free_.push_back(id);
}

void LeaseWheel::renew_all(int64_t now_ms) {
  for (LeaseId id = 0; id < leases_.size(); ++id) {
    const Lease& lease = leases_[id];
    const bool runs = lease.live && lease.deadline_ms != kNever;
    if (runs && lease.owner.kind != LeaseKind::kChecks) renew(id, now_ms);
  }
}

void LeaseWheel::schedule(LeaseId id, int64_t now_tick) {
  Lease& lease = leases_[id];
  // One tick later than the deadline's own, so that it has passed when the slot is visited; never a
  // tick that has been visited, and never a full round away.
  const int64_t due = lease.deadline_ms / kTickMs + 1;
  const int64_t first = std::max(tick_, now_tick) + 1;
  const int64_t last = tick_ + static_cast<int64_t>(kSlots) - 1;
  const int64_t tick = std::min(std::max(due, std::min(first, last)), last);
  wheel_[static_cast<size_t>(tick) % kSlots].push_back(id);
  lease.scheduled = true;
}

void LeaseWheel::advance(int64_t now_ms, std::vector<LeaseOwner>& lapsed) {
  if (!started_) return;
  const int64_t now_tick = now_ms / kTickMs;
  while (tick_ < now_tick) {
    ++tick_;
    visit_slot(static_cast<size_t>(tick_) % kSlots, now_ms, lapsed);
  }
}

void LeaseWheel::visit_slot(size_t slot, int64_t now_ms, std::vector<LeaseOwner>& lapsed) {
  visiting_.swap(wheel_[slot]);
  for (LeaseId id : visiting_) {
    Lease& lease = leases_[id];
    lease.scheduled = false;
    if (!lease.live) {
      free_.push_back(id);
    } else if (lease.deadline_ms == kNever) {
      continue;  // renew() schedules it again
    } else if (lease.deadline_ms <= now_ms) {
      lease.deadline_ms = kNever;
      lapsed.push_back(lease.owner);
    } else {
      schedule(id, now_ms / kTickMs);
    }
  }
  visiting_.clear();
}

}  // namespace callbook::core
