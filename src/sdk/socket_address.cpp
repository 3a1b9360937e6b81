#include "sdk/socket_address.h"

#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <netdb.h>

namespace callbook::sdk {

base::Result<SocketAddress> resolve(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port);
  const int error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
  if (error != 0) {
    return base::Error{
        base::ErrorCode::kIo, {}, fmt::format("{}:{}: {}", host, port, ::gai_strerror(error)), {}};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  SocketAddress address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  return address;
}

}  // namespace callbook::sdk
