#pragma once

#include <cstddef>
#include <cstdint>
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

/// What a consumer may call of a list, by what the registry says and what it has found out itself:
///
/// - `up` and `unattended` ones, by their weight; not those with weight 0, and never those that are
///   `down`, `draining` or `out_of_service`;
/// - `suspect` and `protected` ones, whom the registry does not reach, and those in states of a
///   later release, only if the others are less than half of the weight of all of these;
/// - not those that fail here, unless fewer than half of the instances would be left: then there is
///   more wrong than single instances, and they are called too, with a tenth of their weight;
/// - those that refuse calls only if there is nobody else.
std::vector<Share> shares_of(const InstanceList& list, const LocalHealth& health, int64_t now_ms);

}  // namespace callbook::sdk
