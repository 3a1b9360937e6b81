#include "sdk/instance_list.h"

#include <utility>

#include "sdk/list_digest.h"

namespace callbook::sdk {

InstancePtr InstanceList::put(InstancePtr instance) {
  Held held{std::move(instance), 0};
  held.digest_part = digest_part(*held.instance);
  digest_ += held.digest_part;

  InstancePtr replaced;
  auto at = set_.lower_bound(held);
  if (at != set_.end() && at->instance->id == held.instance->id) {
    replaced = at->instance;
    digest_ -= at->digest_part;
    at = set_.erase(at);
  }
  set_.insert(at, std::move(held));
  return replaced;
}

InstancePtr InstanceList::erase(std::string_view id) {
  const auto at = set_.find(id);
  if (at == set_.end()) return nullptr;
  InstancePtr removed = at->instance;
  digest_ -= at->digest_part;
  set_.erase(at);
  return removed;
}

InstancePtr InstanceList::find(std::string_view id) const {
  const auto at = set_.find(id);
  return at == set_.end() ? nullptr : at->instance;
}

}  // namespace callbook::sdk
