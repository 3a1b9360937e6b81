#pragma once

#include <cstdint>
#include <string>

#include <sys/socket.h>

#include "base/result.h"

namespace callbook::sdk {

/// An address of the kernel's, of either family.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

/// The first address of `host`, an address or a name. May ask the resolver, and wait for it. kIo
/// with what the resolver said.
base::Result<SocketAddress> resolve(const std::string& host, uint16_t port);

}  // namespace callbook::sdk
