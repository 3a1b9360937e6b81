#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

#include <sys/socket.h>

namespace callbook::net {

/// The IP address of a host that may be probed. IPv4 is held as IPv6 writes it (::ffff:a.b.c.d), so
/// that a host's address is one however it is written.
class ProbeAddress {
 public:
  /// None for what is no IP address (names, zones), and for those that name no host of their own:
  /// unspecified, multicast, link-local, and where clouds keep their metadata.
  static std::optional<ProbeAddress> parse(const std::string& text);

  bool is_v4() const;
  /// 127.0.0.0/8 or ::1: another host's is another host.
  bool is_loopback() const;
  /// Fills in `out`; returns how long it is.
  socklen_t to_socket_address(uint16_t port, sockaddr_storage& out) const;

  friend auto operator<=>(const ProbeAddress&, const ProbeAddress&) = default;

 private:
  using Bytes = std::array<uint8_t, 16>;
  explicit ProbeAddress(const Bytes& bytes) : bytes_(bytes) {}

  Bytes bytes_;
};

}  // namespace callbook::net
