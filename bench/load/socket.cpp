#include "load/socket.h"

#include <cerrno>
#include <cstring>

#include "load/fail.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callbook::load {
namespace {

sockaddr_in local_address(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void set_option(int fd, int level, int name, int value) {
  if (setsockopt(fd, level, name, &value, sizeof value) != 0) {
    fail("setsockopt: {}", std::strerror(errno));
  }
}

Socket new_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket: {}", std::strerror(errno));
  return Socket(fd);
}

}  // namespace

void Socket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Socket connect_local(uint16_t port, int receive_buffer_bytes) {
  Socket result = new_socket();
  set_option(result.fd(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (receive_buffer_bytes > 0) {
    set_option(result.fd(), SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
  }
  const sockaddr_in address = local_address(port);
  if (connect(result.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EINPROGRESS) {
    return result;
  }
  if (errno != ECONNREFUSED && errno != ECONNRESET) fail("connect: {}", std::strerror(errno));
  return Socket();
}

Socket listen_local(uint16_t& port) {
  Socket result = new_socket();
  sockaddr_in address = local_address(0);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(result.fd(), generic, length) != 0 || listen(result.fd(), 65535) != 0 ||
      getsockname(result.fd(), generic, &length) != 0) {
    fail("listen: {}", std::strerror(errno));
  }
  port = ntohs(address.sin_port);
  return result;
}

Socket accept_local(const Socket& listener) {
  const int fd = accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0 && errno != EAGAIN) fail("accept: {}", std::strerror(errno));
  if (fd >= 0) set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  return Socket(fd);
}

void raise_descriptor_limit(uint64_t needed) {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("getrlimit: {}", std::strerror(errno));
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) fail("setrlimit: {}", std::strerror(errno));
  if (limit.rlim_cur < needed)
    fail("needs {} descriptors; the limit is {}", needed, limit.rlim_cur);
}

}  // namespace callbook::load
