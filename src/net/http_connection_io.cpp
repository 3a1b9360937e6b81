// A connection's socket: when it is read, written and shut.
#include <array>
#include <cerrno>
#include <cstring>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <sys/socket.h>

#include "net/http_connection_impl.h"

namespace callbook::net {
namespace {

/// Bytes of a stream that the kernel may hold unsent.
constexpr unsigned kStreamUnsentBytes = 64 * 1024;

constexpr auto kResult = asio::as_tuple(asio::deferred);
constexpr uint64_t kMaxDiscardedBytes = 64 * 1024 * 1024;
constexpr size_t kMaxStreamInputBytes = 4 * 1024;
constexpr uint64_t kRestAfterBeats = 2;

/// What a failed system call on the socket says of the peer.
StreamEnd end_by(int error) {
  return error == ETIMEDOUT || error == EHOSTUNREACH ? StreamEnd::kPeerSilent
                                                     : StreamEnd::kPeerReset;
}

}  // namespace

bool Connection::wants_input() {
  if (closed_ || failed_ || peer_closed_) return false;
  return lingering_ || answers_.streams() > 0 || can_parse();
}

void Connection::read_on() {
  if (reading_ || !wants_input()) return;
  reading_ = true;
  asio::co_spawn(socket_.get_executor(), read_loop(shared_from_this()), asio::detached);
}

asio::awaitable<void, Executor> Connection::read_loop(std::shared_ptr<Connection> self) {
  while (wants_input()) {
    if (reads_unbuffered()) {
      shed_memory();
      const auto [error] = co_await socket_.async_wait(Socket::wait_read, kResult);
      if (closed_) break;
      if (!error) on_readable();
    } else {
      prepare_parser();
      const std::span<char> space = parser_->space();
      const auto [error, bytes] =
          co_await socket_.async_read_some(asio::buffer(space.data(), space.size()), kResult);
      if (closed_) break;
      error ? on_read_error(error) : on_input(bytes);
    }
  }
  self->reading_ = false;
}

void Connection::prepare_parser() {
  if (!parser_) parser_ = std::make_unique<RequestParser>(context_->limits);
}

void Connection::on_readable() {
  if (lingering_) return discard_input();
  std::array<char, 1024> bytes;  // less than the parser's room at any time
  const ssize_t count = ::recv(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (count < 0) {
    if (errno != EAGAIN && errno != EINTR) close(end_by(errno));
    return;
  }
  if (count == 0) return on_read_error(asio::error::eof);
  prepare_parser();
  std::memcpy(parser_->space().data(), bytes.data(), static_cast<size_t>(count));
  on_input(static_cast<size_t>(count));
}

void Connection::on_input(size_t bytes) {
  last_input_beat_ = context_->beat;
  resting_ = false;
  if (lingering_) return;
  parser_->commit(bytes);
  input_parsed_ = false;
  if (answers_.streams() == 0) return turn();
  // Requests behind a stream wait for its end; only so many.
  if (parser_->buffered_bytes() > kMaxStreamInputBytes) close(StreamEnd::kPeerReset);
}

void Connection::on_read_error(boost::system::error_code error) {
  if (error == asio::error::operation_aborted) {  // rest() wants the buffer back
    resting_ = true;
  } else if (error != asio::error::eof) {
    close(end_by(error.value()));
  } else if (lingering_) {
    close(StreamEnd::kPeerClosed);
  } else {
    // A peer that has nothing more to say may still wait for its answers.
    peer_closed_ = true;
    turn();
  }
}

void Connection::discard_input() {
  // TCP drops the bytes without copying them (tcp(7), MSG_TRUNC).
  const ssize_t count =
      ::recv(socket_.native_handle(), nullptr, 1024 * 1024, MSG_DONTWAIT | MSG_TRUNC);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count > 0) discarded_bytes_ += static_cast<uint64_t>(count);
  if (count <= 0 || discarded_bytes_ > kMaxDiscardedBytes) close(StreamEnd::kPeerClosed);
}

void Connection::rest() {
  if (!reading_ || reads_unbuffered()) return;
  const bool quiet = context_->beat - last_input_beat_ >= kRestAfterBeats;
  if (!quiet || awaiting_writable_ || !answers_.output().empty()) return;
  if (parser_ && parser_->buffered_bytes() > 0) return;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::shed_memory() {
  if (parser_ && parser_->buffered_bytes() == 0) {
    parser_.reset();
    input_parsed_ = true;
  }
  answers_.release();
}

void Connection::write_answers() {
  if (closed_ || failed_ || awaiting_writable_ || answers_.output().empty()) return;
  switch (answers_.output().flush(socket_.native_handle())) {
    case OutputQueue::Flush::kDone:
      break;
    case OutputQueue::Flush::kBlocked:
      await_writable();
      break;
    case OutputQueue::Flush::kFailed:
      close_soon(end_by(errno));
      break;
  }
}

void Connection::await_writable() {
  awaiting_writable_ = true;
  socket_.async_wait(Socket::wait_write,
                     [self = shared_from_this()](const boost::system::error_code&) {
                       self->awaiting_writable_ = false;
                       self->turn();
                     });
}

void Connection::linger() {
  if (peer_closed_) return close(StreamEnd::kPeerClosed);
  // Closing with unread input would reset the connection and could take the answer away from a
  // peer that is still sending.
  lingering_ = true;
  ::shutdown(socket_.native_handle(), SHUT_WR);
}

void Connection::set_stream_options(int64_t user_timeout_ms) {
  // A socket that refuses is one that is closing; its stream learns of that by itself.
  const auto set = [this](int option, unsigned value) {
    static_cast<void>(
        ::setsockopt(socket_.native_handle(), IPPROTO_TCP, option, &value, sizeof value));
  };
  if (user_timeout_ms > 0) set(TCP_USER_TIMEOUT, static_cast<unsigned>(user_timeout_ms));
  // Without it the kernel would queue megabytes for a peer that does not read, all of it stale.
  set(TCP_NOTSENT_LOWAT, kStreamUnsentBytes);
}

}  // namespace callbook::net
