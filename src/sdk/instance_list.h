#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>

#include "sdk/instance.h"

namespace callbook::sdk {

/// Instances sorted by id, with the digest of their list kept up to date. Value type.
class InstanceList {
 public:
  struct Held {
    InstancePtr instance;
    uint64_t digest_part = 0;
  };
  struct ById {
    using is_transparent = void;
    bool operator()(const Held& a, const Held& b) const { return a.instance->id < b.instance->id; }
    bool operator()(const Held& a, std::string_view id) const { return a.instance->id < id; }
    bool operator()(std::string_view id, const Held& b) const { return id < b.instance->id; }
  };
  using Set = std::set<Held, ById>;

  /// Adds `instance` or replaces the one of the same id, which is returned (or null).
  InstancePtr put(InstancePtr instance);
  /// Returns what was removed, or null.
  InstancePtr erase(std::string_view id);
  /// Null if there is none of this id.
  InstancePtr find(std::string_view id) const;

  uint64_t digest() const { return digest_; }
  size_t size() const { return set_.size(); }
  bool empty() const { return set_.empty(); }
  Set::const_iterator begin() const { return set_.begin(); }
  Set::const_iterator end() const { return set_.end(); }

 private:
  Set set_;
  uint64_t digest_ = 0;
};

}  // namespace callbook::sdk
