#include "sdk/local_address.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <netdb.h>
#include <unistd.h>

#include "base/address.h"
#include "sdk/socket_address.h"

namespace callbook::sdk {
namespace {

base::Error unknown_address(const Endpoint& endpoint, const char* reason) {
  return base::invalid("address",
                       fmt::format("cannot tell this machine's address towards {}: {}; give "
                                   "--address",
                                   endpoint.to_string(), reason));
}

}  // namespace

base::Result<std::string> local_address_towards(const Endpoint& endpoint) {
  if (endpoint.is_loopback()) return std::string("127.0.0.1");
  const auto remote = resolve(endpoint.host, endpoint.port);
  if (!remote.ok()) return remote.error();

  // Connecting a datagram socket only chooses the route.
  const int socket = ::socket(remote.value().storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  SocketAddress local;
  local.size = sizeof local.storage;
  const bool routed = socket >= 0 &&
                      ::connect(socket, remote.value().get(), remote.value().size) == 0 &&
                      ::getsockname(socket, local.get(), &local.size) == 0;
  const int error = errno;
  if (socket >= 0) ::close(socket);
  if (!routed) return unknown_address(endpoint, std::strerror(error));

  char text[NI_MAXHOST];
  const int failed =
      ::getnameinfo(local.get(), local.size, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  if (failed != 0) return unknown_address(endpoint, ::gai_strerror(failed));
  return base::one_spelling(text);
}

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

}  // namespace callbook::sdk
