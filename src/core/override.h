#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/cause.h"
#include "core/exclusion.h"
#include "core/stamp.h"

namespace callbook::core {

/// What an operator wants of an instance in place of what its provider says: a facet with a kind of
/// writer of its own. It belongs to the id and not to a registration, so it outlives the provider's
/// restart. Value type.
struct Override {
  Stamp stamp;
  bool set = false;  ///< false: removed, and remembered so that older word is not believed
  std::optional<uint32_t> weight;  ///< in place of the provider's
  bool out_of_service = false;
  std::string by;
  std::string reason;
  int64_t said_wall_ms = 0;
  std::string sections;                ///< facets besides those above, as they travel
  std::optional<Exclusion> exclusion;  ///< of those, what this release reads

  // Core-only, and not looked at by readers of a published view.
  mutable uint64_t replica_part = 0;  ///< what its record adds to the replication digest
  mutable uint8_t round = 0;          ///< in which round of joining it was last heard of
};

/// Why an instance left that is taken out. REQUIRES an exclusion.
inline Cause cause_of(const Override& said) {
  return said.exclusion->action == Exclusion::Action::kDrain ? Cause::kDrained
                                                             : Cause::kDeregistered;
}

/// The overrides of one service, by instance id.
using Overrides = std::map<std::string, Override, std::less<>>;

}  // namespace callbook::core
