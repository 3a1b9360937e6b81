#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "load/socket.h"
#include <sys/epoll.h>

namespace callbook::load {

/// When a scenario must be over, on the clock of now_ns(), and what to blame.
struct Deadline {
  int64_t at_ns = 0;
  std::string what;

  static Deadline in_seconds(uint64_t seconds, std::string what);
  /// Fails the program if the time is over; `progress` says how far it got.
  void check(std::string_view progress) const;
};

/// Level-triggered epoll. A key is the caller's own number for a descriptor.
class Poller {
 public:
  Poller();

  void add(const Socket& socket, uint64_t key, uint32_t events);
  void change(const Socket& socket, uint64_t key, uint32_t events);

  /// Waits until something is ready or `until_ns` is past; then the result is empty. Rounds the
  /// time-out up to whole milliseconds. Valid until the next call.
  std::span<const epoll_event> wait(int64_t until_ns);

 private:
  Socket epoll_;
  std::array<epoll_event, 512> ready_;
};

}  // namespace callbook::load
