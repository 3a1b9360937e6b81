#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/instance.h"

namespace callbook::core {

/// The instances by address and port, of all services: 8 bytes a slot, open addressing with linear
/// probing. Instances without a port are left out. Borrows the instances. Not thread-safe.
class AddressIndex {
 public:
  void add(const Instance& instance);
  void remove(const Instance& instance);
  size_t size() const { return size_; }

  /// Calls `visit(instance)` for each at this address and port until it says false. In no order
  /// that means anything: what is asked must not depend on it.
  template <typename Visit>
  void for_each(std::string_view address, uint16_t port, Visit&& visit) const {
    if (slots_.empty()) return;
    for (size_t at = home_of(address, port); slots_[at] != nullptr; at = after(at)) {
      const Instance& instance = *slots_[at];
      if (instance.port() != port || instance.address() != address) continue;
      if (!visit(instance)) return;
    }
  }

 private:
  size_t home_of(std::string_view address, uint16_t port) const;
  size_t after(size_t at) const { return (at + 1) & (slots_.size() - 1); }
  void put(const Instance* instance);
  void grow();

  std::vector<const Instance*> slots_;  ///< a power of two of them, at most three quarters in use
  size_t size_ = 0;
};

}  // namespace callbook::core
