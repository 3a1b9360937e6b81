#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sdk/instance_list.h"
#include "sdk/local_health.h"

namespace callbook::sdk {

/// An instance that may be called, and how much of the traffic is its.
struct Share {
  InstancePtr instance;
  uint32_t weight = 0;  ///< above 0; in units of a hundredth of the registered weight
  size_t place = 0;     ///< in the list
};

/// What a consumer calls of a list, by what the registry says and what it has found out itself:
///
/// - those that may be called (callable.h), by their weight; not those with weight 0;
/// - of these not those that fail here, unless fewer than half would be left: then there is more
///   wrong than single instances, and they are called too, with a tenth of their weight;
/// - those that refuse calls only if there is no other.
std::vector<Share> shares_of(const InstanceList& list, const LocalHealth& health, int64_t now_ms);

/// Why shares_of() has nothing of this list, for people: "none of 3 instances may be called: 2 are
/// down, 1 has weight 0". Empty if it has something.
std::string why_none_is_callable(const InstanceList& list);

}  // namespace callbook::sdk
