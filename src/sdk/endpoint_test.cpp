#include "sdk/endpoint.h"

#include <gtest/gtest.h>

namespace callbook::sdk {
namespace {

TEST(Endpoint, ReadsWhatPeopleWrite) {
  struct Case {
    const char* text;
    const char* host;
    uint16_t port;
    const char* shown;
  };
  for (const Case& c : {Case{"127.0.0.1:7171", "127.0.0.1", 7171, "127.0.0.1:7171"},
                        Case{"registry.example", "registry.example", 7070, "registry.example:7070"},
                        Case{"[::1]:7171", "::1", 7171, "[::1]:7171"},
                        Case{"[fe80::1%eth0]", "fe80::1%eth0", 7070, "[fe80::1%eth0]:7070"},
                        Case{"[::ffff:10.0.0.7]:7171", "10.0.0.7", 7171, "10.0.0.7:7171"}}) {
    const auto endpoint = parse_endpoint(c.text);
    ASSERT_TRUE(endpoint.ok()) << c.text;
    EXPECT_EQ(endpoint.value().host, c.host);
    EXPECT_EQ(endpoint.value().port, c.port);
    EXPECT_EQ(endpoint.value().to_string(), c.shown);
  }
}

TEST(Endpoint, RefusesTheRestNamingIt) {
  for (const char* text : {"", ":7070", "host:", "host:0", "host:65536", "host:7x", "::1", "[::1",
                           "[::1]7070", "http://host:7070", "host:7070/", "[]:1", "host:-1"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_FALSE(endpoint.ok()) << text;
    EXPECT_EQ(endpoint.error().field, "registry");
  }
}

TEST(Endpoint, KnowsItsOwnMachine) {
  EXPECT_TRUE((Endpoint{"127.0.0.2", 1}.is_loopback()));
  EXPECT_TRUE((Endpoint{"::1", 1}.is_loopback()));
  EXPECT_TRUE((Endpoint{"localhost", 1}.is_loopback()));
  EXPECT_TRUE(parse_endpoint("[::ffff:127.0.0.1]").value().is_loopback());
  EXPECT_FALSE((Endpoint{"10.0.0.1", 1}.is_loopback()));
}

}  // namespace
}  // namespace callbook::sdk
