#include "core/address_index.h"

#include "base/check.h"
#include "base/hash.h"

namespace callbook::core {
namespace {

constexpr size_t kFirstSlots = 16;

}  // namespace

size_t AddressIndex::home_of(std::string_view address, uint16_t port) const {
  return base::xxh64(address, port) & (slots_.size() - 1);
}

void AddressIndex::put(const Instance* instance) {
  size_t at = home_of(instance->address(), instance->port());
  while (slots_[at] != nullptr) at = after(at);
  slots_[at] = instance;
}

void AddressIndex::grow() {
  const std::vector<const Instance*> before = std::move(slots_);
  slots_.assign(before.empty() ? kFirstSlots : before.size() * 2, nullptr);
  for (const Instance* instance : before) {
    if (instance != nullptr) put(instance);
  }
}

void AddressIndex::add(const Instance& instance) {
  if (instance.port() == 0) return;
  if (++size_ * 4 > slots_.size() * 3) grow();
  put(&instance);
}

void AddressIndex::remove(const Instance& instance) {
  if (instance.port() == 0) return;
  size_t hole = home_of(instance.address(), instance.port());
  while (slots_[hole] != &instance) {
    CALLBOOK_CHECK(slots_[hole] != nullptr);
    hole = after(hole);
  }
  --size_;
  // Those behind it move up, unless that would put them before their home.
  for (size_t at = after(hole); slots_[at] != nullptr; at = after(at)) {
    const size_t home = home_of(slots_[at]->address(), slots_[at]->port());
    const size_t mask = slots_.size() - 1;
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = nullptr;
}

}  // namespace callbook::core
