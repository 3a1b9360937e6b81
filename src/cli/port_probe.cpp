#include "cli/port_probe.h"

#include <cerrno>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace callbook::cli {
namespace {

constexpr int kTicksToConnect = 20;  // one second, then a new attempt

}  // namespace

PortProbe::PortProbe(net::EventLoop& loop, const sdk::SocketAddress& address,
                     std::function<void()> on_open)
    : address_(address), on_open_(std::move(on_open)) {
  timer_ = loop.every(kPeriodMs, [this] { on_tick(); });
}

PortProbe::~PortProbe() {
  close();
}

void PortProbe::on_tick() {
  if (socket_ < 0) begin();
  if (connected()) {
    close();
    timer_.reset();
    const auto on_open = on_open_;  // the call may destroy this
    on_open();
    return;
  }
  if (++ticks_waited_ > kTicksToConnect) close();
}

void PortProbe::begin() {
  ticks_waited_ = 0;
  socket_ = ::socket(address_.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  // Whether it succeeded is asked of the socket, at once and on later ticks.
  if (socket_ >= 0 && ::connect(socket_, address_.get(), address_.size) != 0 &&
      errno != EINPROGRESS) {
    close();
  }
}

bool PortProbe::connected() {
  pollfd state{socket_, POLLOUT, 0};
  if (socket_ < 0 || ::poll(&state, 1, 0) != 1) return false;
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) return true;
  close();
  return false;
}

void PortProbe::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

}  // namespace callbook::cli
