// The rule of what may be called is written twice, for the registry and for the client library,
// which may not include it: this layer sees both.

#include "core/callable.h"

#include <gtest/gtest.h>

#include "sdk/callable.h"

namespace callbook::sim {
namespace {

TEST(Callable, TheRegistryAndTheClientLibraryHaveOneRule) {
  for (uint8_t number = 0; number < core::kInstanceStateCount; ++number) {
    const auto state = static_cast<core::InstanceState>(number);
    for (uint32_t largest = 0; largest <= 12; ++largest) {
      for (uint32_t up = 0; up <= largest; ++up) {
        EXPECT_EQ(sdk::may_be_called(core::name_of(state), {up, largest}),
                  core::may_be_called(state, {up, largest}))
            << core::name_of(state) << ", " << up << " of " << largest << " up";
      }
    }
  }
}

}  // namespace
}  // namespace callbook::sim
