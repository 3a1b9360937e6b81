#include "net/probe_address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

namespace callbook::net {
namespace {

TEST(ProbeAddress, IsOfAHostOfItsOwn) {
  for (const char* address : {"169.254.169.254",
                              "169.254.1.1",
                              "fe80::1",
                              "febf::1",
                              "::ffff:169.254.169.254",
                              "fd00:ec2::254",
                              "100.100.100.200",
                              "168.63.129.16",
                              "192.0.0.192",
                              "::ffff:192.0.0.192",
                              "0.0.0.0",
                              "0.1.2.3",
                              "::",
                              "224.0.0.1",
                              "239.255.255.255",
                              "ff02::1",
                              "255.255.255.255",
                              "localhost",
                              "orders.internal",
                              "",
                              "10.0.0.1:80",
                              "0x7f000001",
                              "127.1",
                              "2130706433",
                              "[::1]",
                              "fd00::1%lo",
                              " 10.0.0.1"}) {
    EXPECT_FALSE(ProbeAddress::parse(address)) << address;
  }
  EXPECT_FALSE(ProbeAddress::parse(std::string("10.0.0.1\0.example", 17)));
  for (const char* address : {"127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd00::1", "8.8.8.8",
                              "fec0::1", "::ffff:10.0.0.1", "240.0.0.1", "168.63.129.17",
                              "192.0.0.191"}) {
    EXPECT_TRUE(ProbeAddress::parse(address)) << address;
  }
}

TEST(ProbeAddress, IsOneHoweverItIsWritten) {
  EXPECT_EQ(ProbeAddress::parse("::ffff:10.0.0.1"), ProbeAddress::parse("10.0.0.1"));
  EXPECT_EQ(ProbeAddress::parse("fd00:0::01"), ProbeAddress::parse("fd00::1"));
  EXPECT_NE(ProbeAddress::parse("::10.0.0.1"), ProbeAddress::parse("10.0.0.1"));
}

TEST(ProbeAddress, BecomesASocketAddressOfItsFamily) {
  sockaddr_storage out;
  EXPECT_EQ(ProbeAddress::parse("10.0.0.1")->to_socket_address(80, out), sizeof(sockaddr_in));
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(out);
  EXPECT_EQ(v4.sin_family, AF_INET);
  EXPECT_EQ(v4.sin_port, htons(80));
  EXPECT_EQ(v4.sin_addr.s_addr, htonl(0x0A000001));
  EXPECT_EQ(ProbeAddress::parse("fd00::1")->to_socket_address(80, out), sizeof(sockaddr_in6));
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(out);
  EXPECT_EQ(v6.sin6_family, AF_INET6);
  EXPECT_EQ(v6.sin6_port, htons(80));
  EXPECT_EQ(v6.sin6_addr.s6_addr[15], 1);
}

}  // namespace
}  // namespace callbook::net
