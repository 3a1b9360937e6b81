#include "sdk/default_id.h"

#include <gtest/gtest.h>

#include "base/name.h"

namespace callbook::sdk {
namespace {

TEST(DefaultId, NamesServiceHostAddressAndPort) {
  EXPECT_EQ(default_instance_id("orders", "host-7", "10.0.0.7", 8080),
            "orders-host-7-10.0.0.7-8080");
  EXPECT_EQ(default_instance_id("orders", "host-7", "2001:db8::1", 0),
            "orders-host-7-2001:db8::1-0");
  EXPECT_EQ(default_instance_id("orders", "host-7", "host-7", 8080), "orders-host-7-8080");
}

TEST(DefaultId, TwoHostsOfOneNameAreTwoInstances) {
  EXPECT_NE(default_instance_id("orders", "localhost", "10.0.0.7", 8080),
            default_instance_id("orders", "localhost", "10.0.0.8", 8080));
}

TEST(DefaultId, IsAlwaysAnId) {
  EXPECT_EQ(default_instance_id("shop/orders", "my host", "10.0.0.7", 80),
            "shop-orders-my-host-10.0.0.7-80");
  const std::string service(base::kMaxNameBytes, 's');
  const std::string one = default_instance_id(service, "h", "10.0.0.7", 8080);
  const std::string other = default_instance_id(service, "h", "10.0.0.8", 8080);
  EXPECT_EQ(one.size(), base::kMaxNameBytes);
  EXPECT_TRUE(base::check_name("id", one).ok()) << one;
  EXPECT_NE(one, other);
}

}  // namespace
}  // namespace callbook::sdk
