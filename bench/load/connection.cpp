#include "load/connection.h"

#include <cerrno>
#include <cstring>

#include "load/fail.h"
#include <sys/socket.h>

namespace callbook::load {

bool Connection::open(Poller& poller, uint64_t key, uint16_t port, int receive_buffer_bytes) {
  close();
  socket_ = connect_local(port, receive_buffer_bytes);
  if (!socket_.is_open()) return false;
  poller_ = &poller;
  key_ = key;
  poller.add(socket_, key, EPOLLIN);
  return true;
}

void Connection::close() {
  socket_.close();
  pending_.clear();
  waits_for_room_ = false;
}

void Connection::send(std::string_view bytes) {
  pending_.append(bytes);
  if (!waits_for_room_) flush();
}

void Connection::flush() {
  size_t sent = 0;
  while (sent < pending_.size()) {
    const ssize_t count =
        ::send(socket_.fd(), pending_.data() + sent, pending_.size() - sent, MSG_NOSIGNAL);
    if (count < 0) break;
    sent += static_cast<size_t>(count);
  }
  pending_.erase(0, sent);
  // An error other than "no room" also ends the connection for its reader, who then hears of it.
  const bool waits = !pending_.empty() && (errno == EAGAIN || errno == ENOTCONN);
  if (waits != waits_for_room_)
    poller_->change(socket_, key_, waits ? EPOLLIN | EPOLLOUT : EPOLLIN);
  waits_for_room_ = waits;
}

Connection::Read Connection::read(std::string& buffer, std::string_view& bytes) {
  const ssize_t count = recv(socket_.fd(), buffer.data(), buffer.size(), 0);
  if (count > 0) {
    bytes = std::string_view(buffer.data(), static_cast<size_t>(count));
    return Read::kBytes;
  }
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Read::kNothing;
  return Read::kClosed;
}

}  // namespace callbook::load
