#include "net/probe_address.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace callbook::net {
namespace {

using Bytes = std::array<uint8_t, 16>;

constexpr std::array<uint8_t, 12> kMappedV4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr Bytes kAmazonMetadata = {0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0,    0,
                                   0,    0,    0,    0,    0, 0, 0x02, 0x54};

bool names_a_host_v4(const uint8_t* bytes) {
  const uint32_t bits = uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 |
                        uint32_t{bytes[2]} << 8 | uint32_t{bytes[3]};
  const bool link_local = bits >> 16 == 0xA9FE;  // 169.254/16, with most clouds' metadata
  // Metadata and agents of clouds outside of it: Alibaba 100.100.100.200, Azure 168.63.129.16,
  // Oracle 192.0.0.192.
  const bool cloud = bits == 0x646464C8 || bits == 0xA83F8110 || bits == 0xC00000C0;
  const bool this_network = bits >> 24 == 0;
  const bool multicast = bits >> 28 == 0xE;
  return !link_local && !cloud && !this_network && !multicast && bits != 0xFFFFFFFF;
}

bool names_a_host_v6(const Bytes& bytes) {
  const bool link_local = bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80;
  const bool multicast = bytes[0] == 0xFF;
  return bytes != Bytes{} && !link_local && !multicast && bytes != kAmazonMetadata;
}

}  // namespace

std::optional<ProbeAddress> ProbeAddress::parse(const std::string& text) {
  if (text.find('\0') != std::string::npos) return std::nullopt;
  Bytes bytes{};
  if (::inet_pton(AF_INET, text.c_str(), &bytes[kMappedV4.size()]) == 1) {
    std::copy(kMappedV4.begin(), kMappedV4.end(), bytes.begin());
  } else if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) {
    return std::nullopt;
  }
  const ProbeAddress address(bytes);
  const bool names_a_host =
      address.is_v4() ? names_a_host_v4(&bytes[kMappedV4.size()]) : names_a_host_v6(bytes);
  return names_a_host ? std::optional(address) : std::nullopt;
}

bool ProbeAddress::is_v4() const {
  return std::equal(kMappedV4.begin(), kMappedV4.end(), bytes_.begin());
}

bool ProbeAddress::is_loopback() const {
  if (is_v4()) return bytes_[kMappedV4.size()] == 127;
  Bytes one{};
  one.back() = 1;
  return bytes_ == one;
}

socklen_t ProbeAddress::to_socket_address(uint16_t port, sockaddr_storage& out) const {
  out = {};
  if (is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, &bytes_[kMappedV4.size()], sizeof v4.sin_addr);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, bytes_.data(), sizeof v6.sin6_addr);
  return sizeof v6;
}

}  // namespace callbook::net
