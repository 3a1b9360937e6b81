#include "core/incidents.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace callbook::core {
namespace {

/// Adds `hash` to a sorted list that stays within its bound.
void insert(std::vector<uint64_t>& services, uint64_t hash) {
  const auto place = std::lower_bound(services.begin(), services.end(), hash);
  const bool known = place != services.end() && *place == hash;
  if (!known && services.size() < Incident::kMostServices) services.insert(place, hash);
}

}  // namespace

void Incident::note_service(ServiceKeyView service) {
  insert(services, ServiceKeyHash()(service));
}

void Incident::merge(Incident other) {
  CALLBOOK_CHECK(other.kind == kind && other.cause == cause);
  count += other.count;
  for (const uint64_t hash : other.services) insert(services, hash);
  for (Named& named : other.first) {
    if (first.size() == kMostNamed) return;
    first.push_back(std::move(named));
  }
}

Incident& Incidents::find_or_add(Incident::Kind kind, Cause cause) {
  for (Incident& incident : all_) {
    if (incident.kind == kind && incident.cause == cause) return incident;
  }
  Incident& added = all_.emplace_back();
  added.kind = kind;
  added.cause = cause;
  return added;
}

}  // namespace callbook::core
