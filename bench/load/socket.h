#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace callbook::load {

/// Owns a file descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() { close(); }

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void close();

 private:
  int fd_ = -1;
};

/// Starts to connect to 127.0.0.1, without blocking and with TCP_NODELAY. A refusal shows up in the
/// result (not open) or, later, as an error event. `receive_buffer_bytes` 0 leaves the default.
Socket connect_local(uint16_t port, int receive_buffer_bytes = 0);

/// Listens on a free port of 127.0.0.1 with the longest backlog that the system grants.
Socket listen_local(uint16_t& port);

/// Accepts one connection without blocking; not open if none waits.
Socket accept_local(const Socket& listener);

/// Lets this process have as many descriptors as the hard limit grants; fails the program if those
/// are fewer than `needed`.
void raise_descriptor_limit(uint64_t needed);

}  // namespace callbook::load
