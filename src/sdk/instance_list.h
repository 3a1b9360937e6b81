#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "sdk/instance.h"

namespace callbook::sdk {

/// Instances sorted by id, with the digest of their list kept up to date, and the largest size of
/// their service lately, which is no part of the digest. Value type.
class InstanceList {
 public:
  struct Held {
    InstancePtr instance;
    uint64_t digest_part = 0;
  };
  using Sorted = std::vector<Held>;

  /// Adds `instance` or replaces the one of the same id, which is returned (or null).
  InstancePtr put(InstancePtr instance);
  /// Returns what was removed, or null.
  InstancePtr erase(std::string_view id);
  /// Null if there is none of this id.
  InstancePtr find(std::string_view id) const;

  uint64_t digest() const { return digest_; }
  /// At least size(). set_largest(0): no more than are listed.
  uint64_t largest() const { return std::max<uint64_t>(largest_, held_.size()); }
  void set_largest(uint64_t largest) { largest_ = largest; }
  size_t size() const { return held_.size(); }
  bool empty() const { return held_.empty(); }
  Sorted::const_iterator begin() const { return held_.begin(); }
  Sorted::const_iterator end() const { return held_.end(); }

 private:
  /// Where `id` is, or would be.
  Sorted::const_iterator place_of(std::string_view id) const;
  bool is_at(Sorted::const_iterator place, std::string_view id) const;

  Sorted held_;  // a flat one: it is copied and walked far more often than one comes or goes
  uint64_t digest_ = 0;
  uint64_t largest_ = 0;
};

}  // namespace callbook::sdk
