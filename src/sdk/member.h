#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sdk/candidate.h"
#include "sdk/instance.h"

namespace callbook::sdk {

/// An instance that may be chosen. Nothing in it is null.
struct Member {
  InstancePtr instance;
  std::shared_ptr<Candidate> candidate;
  /// Above zero, and effective: what overrides and ramp-up make of it is in it already.
  uint32_t weight = kDefaultWeight;

  uint64_t outstanding() const { return candidate->outstanding.load(std::memory_order_relaxed); }
};

/// What one call wants. Refers to the caller's values, for the time of the choice.
struct Wanted {
  std::string_view key{};  ///< for Choice::kConsistentHash; empty: none
  /// Null: any will do. Else only one for which it says yes is chosen. It may be asked about an
  /// instance more than once.
  const std::function<bool(const Instance&)>* filter = nullptr;
  /// Ids, a few: where the call has been tried already. Chosen only if there is no other.
  const std::vector<std::string>* avoid = nullptr;

  bool is_picky() const { return filter != nullptr || (avoid != nullptr && !avoid->empty()); }
  bool admits(const Member& member) const {
    return filter == nullptr || (*filter)(*member.instance);
  }
  bool avoids(const Member& member) const {
    return avoid != nullptr &&
           std::find(avoid->begin(), avoid->end(), member.instance->id) != avoid->end();
  }
};

}  // namespace callbook::sdk
