#include "sdk/instance_list.h"

#include <algorithm>
#include <utility>

#include "sdk/list_digest.h"

namespace callbook::sdk {

InstancePtr InstanceList::put(InstancePtr instance) {
  Held held{std::move(instance), 0};
  held.digest_part = digest_part(*held.instance);
  digest_ += held.digest_part;
  const auto place = place_of(held.instance->id);
  if (!is_at(place, held.instance->id)) {
    held_.insert(place, std::move(held));
    return nullptr;
  }
  Held& present = held_[static_cast<size_t>(place - held_.begin())];
  digest_ -= present.digest_part;
  return std::exchange(present, std::move(held)).instance;
}

InstancePtr InstanceList::erase(std::string_view id) {
  const auto place = place_of(id);
  if (!is_at(place, id)) return nullptr;
  InstancePtr removed = place->instance;
  digest_ -= place->digest_part;
  held_.erase(place);
  return removed;
}

InstancePtr InstanceList::find(std::string_view id) const {
  const auto place = place_of(id);
  return is_at(place, id) ? place->instance : nullptr;
}

InstanceList::Sorted::const_iterator InstanceList::place_of(std::string_view id) const {
  // Lists arrive in order.
  if (held_.empty() || held_.back().instance->id < id) return held_.end();
  return std::lower_bound(
      held_.begin(), held_.end(), id,
      [](const Held& held, std::string_view wanted) { return held.instance->id < wanted; });
}

bool InstanceList::is_at(Sorted::const_iterator place, std::string_view id) const {
  return place != held_.end() && place->instance->id == id;
}

}  // namespace callbook::sdk
