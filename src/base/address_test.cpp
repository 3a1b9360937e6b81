#include "base/address.h"

#include <array>
#include <cstring>
#include <random>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace callbook::base {
namespace {

using testing::HasSubstr;

struct Spelling {
  const char* written;
  const char* normal;
};

TEST(Address, HasOneSpelling) {
  const Spelling spellings[] = {
      {"10.0.0.7", "10.0.0.7"},
      {"127.0.0.1", "127.0.0.1"},
      {"0.0.0.1", "0.0.0.1"},
      {"255.255.255.254", "255.255.255.254"},
      {"223.255.255.255", "223.255.255.255"},
      {"240.0.0.1", "240.0.0.1"},
      // RFC 5952, sections 4 and 5
      {"2001:0db8::0001", "2001:db8::1"},
      {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"0:0:0:0:0:0:0:1", "::1"},
      {"1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
      {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
      {"FE80::A", "fe80::a"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"::1.2.3.4", "::102:304"},
      // IPv4-mapped ones are dialled as what they stand for
      {"::ffff:10.0.0.7", "10.0.0.7"},
      {"::FFFF:a00:7", "10.0.0.7"},
      {"0:0:0:0:0:ffff:10.0.0.7", "10.0.0.7"},
      {"::fffe:10.0.0.7", "::fffe:a00:7"},
      {"localhost", "localhost"},
      {"Host-7.Example.ORG", "host-7.example.org"},
      {"host.example.", "host.example"},
      {"my_project_web_1", "my_project_web_1"},
      {"1.0.0.7.example", "1.0.0.7.example"},
      {"0x7f.example", "0x7f.example"},
      {"xn--gre-6ka8i.example", "xn--gre-6ka8i.example"},
      {"ip-10-0-0-7.ec2.internal", "ip-10-0-0-7.ec2.internal"},
      {"1e100.net", "1e100.net"},
      {"deadbeef", "deadbeef"},
      {"0xg", "0xg"},
  };
  for (const Spelling& spelling : spellings) {
    const auto read = normal_address("address", spelling.written);
    ASSERT_TRUE(read.ok()) << spelling.written << ": " << read.error().to_string();
    EXPECT_EQ(*read, spelling.normal) << spelling.written;
    EXPECT_TRUE(check_address("address", spelling.normal).ok()) << spelling.normal;
    const bool is_normal = spelling.written == std::string(spelling.normal);
    EXPECT_EQ(check_address("address", spelling.written).ok(), is_normal) << spelling.written;
  }
}

struct Fault {
  const char* written;
  const char* advice;  ///< part of the error
};

constexpr const char* kFourNumbers = "expected four numbers from 0 to 255";
constexpr const char* kOwn = "write the address at which consumers reach this instance";

const Fault kFaults[] = {
    {"", "must not be empty"},
    {"256.1.1.1", kFourNumbers},
    {"1.2.3.4.5", kFourNumbers},
    {"1.2.3", kFourNumbers},
    {"010.0.0.1", kFourNumbers},
    {"10.0.0.00", kFourNumbers},
    {"10.0.0.1.", kFourNumbers},
    {"2130706433", kFourNumbers},
    {"0", kFourNumbers},
    {"127.1", kFourNumbers},
    {"0x7f.1", kFourNumbers},
    {"0x7F000001", kFourNumbers},
    {"0x7f.0x1", kFourNumbers},
    {"0x", kFourNumbers},
    {"host.0x1f", kFourNumbers},
    {"host.12", kFourNumbers},
    {"1..2", kFourNumbers},
    {"+1.2.3.4", kFourNumbers},
    {"0.0.0.0", kOwn},
    {"255.255.255.255", kOwn},
    {"224.0.0.1", kOwn},
    {"239.255.255.250", kOwn},
    {"::", kOwn},
    {"0:0:0:0:0:0:0:0", kOwn},
    {"::0.0.0.0", kOwn},
    {"::ffff:0.0.0.0", kOwn},
    {"::ffff:224.0.0.1", kOwn},
    {"::ffff:255.255.255.255", kOwn},
    {"ff02::1", kOwn},
    {"FFFF:ffff::", kOwn},
    {"10.0.0.1:80", "holds the port 80"},
    {"host.example:8080", "holds the port 8080"},
    {"[::1]", "holds brackets"},
    {"[::1]:80", "holds brackets"},
    {"fe80::1%eth0", "zone id"},
    {"host%20name", "'%'"},
    {"http://x", "is a URL"},
    {":::", "is no IPv6 address"},
    {"1:2", "holds the port 2"},
    {"1:2:3:4:5:6:7", "is no IPv6 address"},
    {"1:2:3:4:5:6:7:8:9", "is no IPv6 address"},
    {"1::2:3:4:5:6:7:8", "is no IPv6 address"},
    {"1::2::3", "is no IPv6 address"},
    {":1:2:3:4:5:6:7:8", "is no IPv6 address"},
    {"1:2:3:4:5:6:7:8:", "is no IPv6 address"},
    {"12345::", "is no IPv6 address"},
    {"g::", "is no IPv6 address"},
    {"1.2.3.4::", "is no IPv6 address"},
    {"::1.2.3.256", "is no IPv6 address"},
    {"::1.2.3.4:5", "is no IPv6 address"},
    {"1:2:3:4:5:6:7:1.2.3.4", "is no IPv6 address"},
    {":", "is no IPv6 address"},
    {"a b", "holds '\\x20'"},
    {"x/y", "holds '/'"},
    {"gr\xc3\xb6\xc3\x9f.example", "holds '\\xc3'"},
    {".", "two dots"},
    {"a..b", "two dots"},
    {".a", "two dots"},
    {"a..", "two dots"},
    {"-a", "begin and end"},
    {"a-", "begin and end"},
    {"a.b_.c", "begin and end"},
    {"_a", "begin and end"},
};

TEST(Address, RefusesWhatIsNoneAndSaysWhatToWrite) {
  for (const Fault& fault : kFaults) {
    const auto read = normal_address("address", fault.written);
    ASSERT_FALSE(read.ok()) << fault.written << " was read as " << *read;
    EXPECT_EQ(read.error().field, "address");
    EXPECT_EQ(read.error().code, ErrorCode::kInvalid) << fault.written;
    EXPECT_THAT(read.error().detail, HasSubstr(fault.advice)) << fault.written;
    EXPECT_FALSE(check_address("address", fault.written).ok()) << fault.written;
  }
}

TEST(Address, TheLimitsAreExact) {
  const std::string label(kMaxLabelBytes, 'a');
  EXPECT_TRUE(check_address("address", label).ok());
  const auto long_label = check_address("address", label + "a.example");
  EXPECT_EQ(long_label.error().code, ErrorCode::kLimit);
  EXPECT_EQ(long_label.error().limit, 63);

  const std::string longest = label + '.' + label + '.' + label + '.' + std::string(61, 'a');
  ASSERT_EQ(longest.size(), kMaxAddressBytes);
  EXPECT_TRUE(check_address("address", longest).ok());
  EXPECT_EQ(*normal_address("address", longest + '.'), longest);
  EXPECT_EQ(normal_address("address", longest + 'a').error().limit, 253);
  EXPECT_EQ(normal_address("address", std::string(1 << 20, ':')).error().limit, 253);
}

/// The system's own parser and printer of IPv6 are another opinion.
TEST(Address, ReadsIpv6AsTheSystemDoes) {
  std::minstd_rand random(7);
  const std::array<const char*, 12> words = {":",    "::",   "0",     "0000",    "1", "00ab",
                                             "FFFF", "fe80", "12345", "1.2.3.4", "g", ":0:"};
  int read_ones = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text;
    const size_t length = 1 + random() % 17;
    for (size_t i = 0; i < length; ++i) {
      const char* const word = words[random() % words.size()];
      const bool colon_due = !text.empty() && text.back() != ':' && word[0] != ':';
      text += colon_due && random() % 16 != 0 ? ":" : "";
      text += word;
    }
    if (text.find(':') == text.rfind(':')) continue;
    in6_addr theirs{};
    const bool good = ::inet_pton(AF_INET6, text.c_str(), &theirs) == 1;
    const auto ours = normal_address("address", text);
    if (!good) {
      EXPECT_FALSE(ours.ok()) << text;
      continue;
    }
    if (IN6_IS_ADDR_V4MAPPED(&theirs)) continue;
    const bool callable = !IN6_IS_ADDR_UNSPECIFIED(&theirs) && !IN6_IS_ADDR_MULTICAST(&theirs);
    ASSERT_EQ(ours.ok(), callable) << text;
    if (!ours.ok()) continue;
    ++read_ones;
    in6_addr again{};
    ASSERT_EQ(::inet_pton(AF_INET6, ours->c_str(), &again), 1) << text << " -> " << *ours;
    EXPECT_EQ(std::memcmp(&theirs, &again, sizeof again), 0) << text << " -> " << *ours;
    EXPECT_EQ(*normal_address("address", *ours), *ours);
    char printed[INET6_ADDRSTRLEN];
    ::inet_ntop(AF_INET6, &theirs, printed, sizeof printed);
    // It prints the deprecated IPv4-compatible ones with dots.
    if (!IN6_IS_ADDR_V4COMPAT(&theirs)) {
      EXPECT_EQ(*ours, printed) << text;
    }
  }
  EXPECT_GT(read_ones, 2'000);
}

TEST(Address, OfOneHostIsOneHowItIsWritten) {
  for (const char* same : {"10.0.0.1", "::ffff:10.0.0.1", "::FFFF:0a00:0001", "0::ffff:a00:1"}) {
    EXPECT_EQ(one_spelling(same), "10.0.0.1") << same;
    EXPECT_EQ(host_of(fmt::format("[{}]:4711", same)), "10.0.0.1") << same;
  }
  EXPECT_EQ(host_of(host_port("10.0.0.1", 4711)), "10.0.0.1");
  EXPECT_EQ(host_of(host_port("fd00::7", 4711)), "fd00::7");
  EXPECT_EQ(host_of("[FD00:0::7]:4711"), "fd00::7");
  EXPECT_EQ(host_of("registry.example:7070"), "registry.example");
  // What cannot be registered is written in one way, too; what is no IP address stays as it is.
  EXPECT_EQ(one_spelling("::ffff:0.0.0.0"), "0.0.0.0");
  EXPECT_EQ(one_spelling("0::0"), "::");
  for (const char* other : {"", "fe80::1%eth0", "Registry.Example", "1:2", "127.1"}) {
    EXPECT_EQ(one_spelling(other), other);
  }
}

TEST(Address, KnowsTheHostsOwnInAnySpelling) {
  for (const char* own : {"127.0.0.1", "127.8.0.9", "127.1", "::1", "0:0:0:0:0:0:0:1", "0::1",
                          "localhost", "::ffff:127.0.0.1", "::FFFF:7f00:2"}) {
    EXPECT_TRUE(is_loopback(own)) << own;
  }
  for (const char* other : {"10.0.0.1", "128.0.0.1", "::2", "::ffff:10.0.0.1", "::127.0.0.1",
                            "127.example", "localhost.example", ""}) {
    EXPECT_FALSE(is_loopback(other)) << other;
  }
}

TEST(AddressText, TakesWhatEarlierReleasesTook) {
  for (const char* address : {"10.0.0.1", "::1", "fe80::1%eth0", "host-7.example.org", "256.1.1.1",
                              "0.0.0.0", "10.0.0.1:80", "HOST.example."}) {
    EXPECT_TRUE(check_address_text("address", address).ok()) << address;
  }
  for (const char* address : {"", "a b", "http://x", "[::1]", "x/y"}) {
    EXPECT_FALSE(check_address_text("address", address).ok()) << address;
  }
  EXPECT_EQ(check_address_text("address", std::string(254, 'a')).error().limit, 253);
}

}  // namespace
}  // namespace callbook::base
