#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/event_loop.h"
#include "sdk/socket_address.h"

namespace callbook::cli {

/// Tries to connect to a port until something listens there. Loop's thread only.
class PortProbe {
 public:
  static constexpr int64_t kPeriodMs = 50;

  /// Calls `on_open` once; destroying the probe, within that call too, ends it. Borrows `loop`.
  PortProbe(net::EventLoop& loop, const sdk::SocketAddress& address, std::function<void()> on_open);
  ~PortProbe();
  PortProbe(const PortProbe&) = delete;
  PortProbe& operator=(const PortProbe&) = delete;

 private:
  void on_tick();
  void begin();
  bool connected();
  void close();

  const sdk::SocketAddress address_;
  const std::function<void()> on_open_;
  int socket_ = -1;       ///< a connection under way
  int ticks_waited_ = 0;  ///< for it
  std::unique_ptr<net::EventLoop::Timer> timer_;
};

}  // namespace callbook::cli
