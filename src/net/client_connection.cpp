#include <algorithm>
#include <cerrno>

#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <sys/socket.h>

#include "base/address.h"
#include "net/ascii.h"
#include "net/client_connection_impl.h"

namespace callbook::net {
namespace {

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

bool has_control(std::string_view text) {
  return !std::all_of(text.begin(), text.end(), is_field_text_char);
}

bool is_target(std::string_view target) {
  return !target.empty() && target.front() == '/' && !has_control(target) &&
         target.find_first_of(" \t") == std::string_view::npos;
}

bool may_have_body(Method method) {
  return method == Method::kPut || method == Method::kPost || method == Method::kPatch;
}

}  // namespace

ClientConnection::ClientConnection(EventLoop& loop, std::string host, uint16_t port)
    : host_(std::move(host)),
      port_(port),
      socket_(loop.impl().io),
      resolver_(loop.impl().io.get_executor()),
      timer_(loop.impl().io) {}

void ClientConnection::set_deadline(int64_t timeout_ms) {
  timeout_ms_ = timeout_ms;
  timed_out_ = false;
  timer_.expires_after(std::chrono::milliseconds(timeout_ms));
  timer_.async_wait([weak = weak_from_this(), number = ++deadlines_](auto error) {
    const auto self = weak.lock();
    if (error || !self || self->deadlines_ != number) return;
    self->timed_out_ = true;
    self->close();
  });
}

void ClientConnection::clear_deadline() {
  ++deadlines_;
  timer_.cancel();
}

void ClientConnection::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  resolver_.cancel();
}

bool ClientConnection::is_usable() {
  if (!socket_.is_open()) return false;
  char byte = 0;  // between two responses there is nothing to read, or the connection is spoilt
  return ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         errno == EAGAIN && buffer_.size() == 0;
}

Task<base::Result<bool>> ClientConnection::ensure_open() {
  if (is_usable()) co_return true;
  close();
  buffer_.clear();
  const boost::system::error_code error = co_await connect();
  if (error || timed_out_) {
    close();
    co_return failure(error);
  }
  co_return false;
}

Task<boost::system::error_code> ClientConnection::connect() {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host_, error);
  if (!error) {
    const auto [failed] =
        co_await socket_.async_connect(Tcp::endpoint(address, port_), kClientResult);
    error = failed;
  } else {
    const std::string service = std::to_string(port_);
    const auto [unresolved, endpoints] =
        co_await resolver_.async_resolve(host_, service, kClientResult);
    if (unresolved) co_return unresolved;
    if (timed_out_) co_return asio::error::timed_out;
    const auto [failed, endpoint] = co_await asio::async_connect(socket_, endpoints, kClientResult);
    error = failed;
  }
  if (!error) socket_.set_option(Tcp::no_delay(true), error);
  co_return error;
}

Task<boost::system::error_code> ClientConnection::write(const std::string& bytes) {
  const auto [error, count] =
      co_await asio::async_write(socket_, asio::buffer(bytes), kClientResult);
  co_return error;
}

base::Result<std::string> ClientConnection::serialize(const ClientRequest& request) const {
  if (request.method == Method::kOther) return base::invalid("method", "is not one to send");
  if (!is_target(request.target)) {
    return base::invalid("target", "must begin with '/' and hold no space or control character");
  }
  std::string out = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n", name_of(request.method),
                                request.target, base::host_port(host_, port_));
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) return base::invalid("headers", "holds a name that is not a token");
    if (has_control(value)) return base::invalid(name, "holds a control character");
    fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
  }
  if (!request.body.empty() || may_have_body(request.method)) {
    fmt::format_to(std::back_inserter(out), "Content-Length: {}\r\n", request.body.size());
  }
  out.append("\r\n").append(request.body);
  return out;
}

base::Error ClientConnection::failure(boost::system::error_code error) const {
  const std::string what =
      timed_out_ ? fmt::format("timed out after {} ms", timeout_ms_) : error.message();
  return {base::ErrorCode::kIo, "", fmt::format("{}: {}", base::host_port(host_, port_), what), {}};
}

}  // namespace callbook::net
