#include "load/poller.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "load/fail.h"
#include "load/process.h"

namespace callbook::load {

Deadline Deadline::in_seconds(uint64_t seconds, std::string what) {
  return {now_ns() + static_cast<int64_t>(seconds) * 1'000'000'000, std::move(what)};
}

void Deadline::check(std::string_view progress) const {
  if (now_ns() >= at_ns) fail("{}: timed out ({})", what, progress);
}

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.is_open()) fail("epoll_create1: {}", std::strerror(errno));
}

void Poller::add(const Socket& socket, uint64_t key, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  if (epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, socket.fd(), &event) != 0) {
    fail("epoll_ctl: {}", std::strerror(errno));
  }
}

void Poller::change(const Socket& socket, uint64_t key, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  if (epoll_ctl(epoll_.fd(), EPOLL_CTL_MOD, socket.fd(), &event) != 0) {
    fail("epoll_ctl: {}", std::strerror(errno));
  }
}

std::span<const epoll_event> Poller::wait(int64_t until_ns) {
  for (;;) {
    const int64_t left_ns = std::max<int64_t>(until_ns - now_ns(), 0);
    const int timeout_ms =
        static_cast<int>(std::min<int64_t>((left_ns + 999'999) / 1'000'000, 60'000));
    const int count = epoll_wait(epoll_.fd(), ready_.data(), ready_.size(), timeout_ms);
    if (count > 0) return {ready_.data(), static_cast<size_t>(count)};
    if (count < 0 && errno != EINTR) fail("epoll_wait: {}", std::strerror(errno));
    if (now_ns() >= until_ns) return {};
  }
}

}  // namespace callbook::load
