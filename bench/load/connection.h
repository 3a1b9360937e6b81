#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "load/poller.h"
#include "load/socket.h"

namespace callbook::load {

/// A nonblocking connection of one poller that holds back what the socket does not take yet.
class Connection {
 public:
  /// What read() found.
  enum class Read { kBytes, kNothing, kClosed };

  /// Starts to connect. false: refused at once. `key` is what the poller will report.
  bool open(Poller& poller, uint64_t key, uint16_t port, int receive_buffer_bytes = 0);
  void close();
  bool is_open() const { return socket_.is_open(); }

  /// Sends now what the socket takes, the rest from on_writable(). Bytes are copied.
  void send(std::string_view bytes);

  /// REQUIRES an EPOLLOUT event.
  void on_writable() { flush(); }

  /// Leaves what arrives in the socket from now on; the poller still reports the connection's end.
  void stop_reading() { poller_->change(socket_, key_, EPOLLRDHUP); }

  /// One recv() into `buffer`; kBytes fills `bytes`. A connection that is refused or reset counts
  /// as closed. Calls nothing back.
  Read read(std::string& buffer, std::string_view& bytes);

 private:
  void flush();

  Poller* poller_ = nullptr;
  uint64_t key_ = 0;
  Socket socket_;
  std::string pending_;
  bool waits_for_room_ = false;
};

/// What one recv() takes at most; also the size that buffers given to Connection::read() have.
inline constexpr size_t kReadBytes = 256 * 1024;

}  // namespace callbook::load
