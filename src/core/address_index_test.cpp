#include "core/address_index.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "base/hash.h"

namespace callbook::core {
namespace {

Instance::Ptr made(const std::string& id, const std::string& address, uint16_t port) {
  RegistrationView view;
  view.address = address;
  view.port = port;
  return Instance::make(id, view, 100, {});
}

std::vector<std::string> found(const AddressIndex& index, const std::string& address,
                               uint16_t port) {
  std::vector<std::string> ids;
  index.for_each(address, port, [&](const Instance& instance) {
    ids.emplace_back(instance.id());
    return true;
  });
  std::sort(ids.begin(), ids.end());
  return ids;
}

TEST(AddressIndex, FindsAllOfAnAddressAndPortAndNoOther) {
  AddressIndex index;
  const auto a = made("a", "10.0.0.1", 80);
  const auto b = made("b", "10.0.0.1", 80);
  const auto c = made("c", "10.0.0.1", 81);
  const auto d = made("d", "10.0.0.1", 0);
  for (const auto* one : {&a, &b, &c, &d}) index.add(**one);
  EXPECT_EQ(found(index, "10.0.0.1", 80), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(found(index, "10.0.0.1", 81), (std::vector<std::string>{"c"}));
  EXPECT_EQ(found(index, "10.0.0.2", 80), (std::vector<std::string>{}));
  EXPECT_EQ(index.size(), 3u);
  index.remove(*a);
  index.remove(*d);
  EXPECT_EQ(found(index, "10.0.0.1", 80), (std::vector<std::string>{"b"}));
}

/// Against a map, with so few addresses that runs of the table grow long and wrap around.
TEST(AddressIndex, AgreesWithAMapThroughManyChanges) {
  AddressIndex index;
  std::multimap<std::pair<std::string, uint16_t>, std::string> model;
  std::vector<Instance::Ptr> held;
  uint64_t random = 7;
  const auto draw = [&](uint64_t below) { return (random = base::mix64(random + 1)) % below; };
  for (int step = 0; step < 20'000; ++step) {
    if (held.empty() || draw(100) < 52) {
      const std::string address = "10.0.0." + std::to_string(draw(20));
      const auto port = static_cast<uint16_t>(1 + draw(20));
      held.push_back(made("i" + std::to_string(step), address, port));
      index.add(*held.back());
      model.emplace(std::pair(address, port), held.back()->id());
    } else {
      const size_t at = draw(held.size());
      std::swap(held[at], held.back());
      const Instance& gone = *held.back();
      const auto [begin, end] = model.equal_range({std::string(gone.address()), gone.port()});
      model.erase(std::find_if(begin, end, [&](auto& entry) { return entry.second == gone.id(); }));
      index.remove(gone);
      held.pop_back();
    }
    const std::string address = "10.0.0." + std::to_string(draw(20));
    const auto port = static_cast<uint16_t>(1 + draw(20));
    ASSERT_EQ(found(index, address, port).size(), model.count({address, port})) << step;
    ASSERT_EQ(index.size(), model.size());
  }
}

}  // namespace
}  // namespace callbook::core
