#include "net/test_server.h"

#include <cerrno>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ascii.h"

namespace callbook::net::testing {

bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

LoopThread::~LoopThread() {
  loop_.stop();
  thread_.join();
}

void LoopThread::run(const std::function<void()>& task) {
  std::promise<void> done;
  loop_.post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

TestServer::TestServer(HttpLimits limits, Handle handle) : handle_(std::move(handle)) {
  thread_.run([&] {
    server_ = std::make_unique<HttpServer>(thread_.loop(), *this, limits, logger_);
    const auto port = server_->listen("127.0.0.1", 0, false);
    ASSERT_TRUE(port.ok()) << port.error().to_string();
    port_ = *port;
  });
}

TestServer::~TestServer() {
  thread_.run([&] {
    server_.reset();
    handle_ = {};
  });
}

HttpServerStats TestServer::stats() {
  HttpServerStats stats;
  thread_.run([&] { stats = server_->stats(); });
  return stats;
}

std::future<void> TestServer::stop(int64_t grace_ms) {
  auto done = std::make_shared<std::promise<void>>();
  thread_.run([&] { server_->stop(grace_ms, [done] { done->set_value(); }); });
  return done->get_future();
}

void TestServer::handle(const HttpRequest& request, HttpExchange exchange) {
  if (handle_) return handle_(request, std::move(exchange));
  HttpResponse response;
  response.body = fmt::format("{} {} {}", name_of(request.method), request.path, request.body);
  exchange.respond(std::move(response));
}

HttpResponse TestServer::refuse(int status, const base::Error& error) {
  HttpResponse response;
  response.status = status;
  response.body = error.to_string();
  return response;
}

RawClient::RawClient(uint16_t port, int receive_buffer_bytes) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (receive_buffer_bytes > 0) {
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(int));
  }
  const int one = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
}

RawClient::~RawClient() {
  if (socket_ >= 0) ::close(socket_);
}

bool RawClient::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

bool RawClient::fill() {
  pollfd entry{socket_, POLLIN, 0};
  const auto patience_ms = std::chrono::duration_cast<std::chrono::milliseconds>(kPatience).count();
  if (::poll(&entry, 1, static_cast<int>(patience_ms)) != 1) {
    ADD_FAILURE() << "nothing came; so far: " << buffer_.substr(0, 300);
    return false;
  }
  char bytes[16 * 1024];
  const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
  if (count < 0) reset_ = errno == ECONNRESET;
  if (count <= 0) return false;
  buffer_.append(bytes, static_cast<size_t>(count));
  return true;
}

WireResponse RawClient::read(bool head) {
  WireResponse response;
  size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return response;
  }
  const std::string header = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  response.status = std::stoi(header.substr(header.find(' ') + 1, 3));
  size_t at = header.find("\r\n") + 2;
  while (at < header.size()) {
    const size_t line_end = header.find("\r\n", at);
    const size_t colon = header.find(": ", at);
    std::string name = header.substr(at, colon - at);
    for (char& c : name) c = ascii_lower(c);
    response.headers[name] = header.substr(colon + 2, line_end - colon - 2);
    at = line_end + 2;
  }
  const auto length = response.headers.find("content-length");
  if (!head && length != response.headers.end())
    response.body = read_bytes(std::stoul(length->second));
  return response;
}

std::string RawClient::read_bytes(size_t bytes) {
  while (buffer_.size() < bytes && fill()) {
  }
  std::string taken = buffer_.substr(0, bytes);
  buffer_.erase(0, taken.size());
  return taken;
}

std::string RawClient::read_through(std::string_view end) {
  size_t at = 0;
  while ((at = buffer_.find(end)) == std::string::npos) {
    if (!fill()) return std::exchange(buffer_, {});
  }
  return read_bytes(at + end.size());
}

std::string RawClient::read_all(bool* reset) {
  while (fill()) {
  }
  if (reset != nullptr) *reset = reset_;
  return std::exchange(buffer_, {});
}

bool RawClient::at_eof() {
  return read_all().empty() && !reset_;
}

void RawClient::finish_sending() const {
  ::shutdown(socket_, SHUT_WR);
}

void RawClient::reset() {
  const linger hard{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  ::close(socket_);
  socket_ = -1;
}

std::string get(std::string_view target, std::string_view fields) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: test\r\n{}\r\n", target, fields);
}

std::string put(std::string_view target, std::string_view body, std::string_view fields) {
  return fmt::format("PUT {} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n{}\r\n{}", target,
                     body.size(), fields, body);
}

}  // namespace callbook::net::testing
