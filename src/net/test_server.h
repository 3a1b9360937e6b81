#pragma once

// For tests only: a server on a thread of its own, and a client that sends what it is told to.

#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/http_server.h"

namespace callbook::net::testing {

/// How long a test waits for what must happen. Long: only a failing test ever waits so long.
inline constexpr std::chrono::seconds kPatience{20};

/// Asks until `condition` holds or patience ends; returns whether it held.
bool eventually(const std::function<bool()>& condition);

/// An event loop on a thread of its own.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop_.run(); }) {}
  ~LoopThread();

  EventLoop& loop() { return loop_; }
  /// Runs `task` on the loop and waits until it is done.
  void run(const std::function<void()>& task);

 private:
  EventLoop loop_;
  std::thread thread_;
};

class QuietLogger final : public base::Logger {
 public:
  void write(base::LogLevel, std::string_view) override {}
};

/// A server whose handler is a function. By default it answers with the method, path and body.
class TestServer final : public HttpHandler {
 public:
  using Handle = std::function<void(const HttpRequest&, HttpExchange)>;

  explicit TestServer(HttpLimits limits = {}, Handle handle = {});
  ~TestServer() override;

  uint16_t port() const { return port_; }
  LoopThread& thread() { return thread_; }
  HttpServerStats stats();
  /// Begins to stop; the future is ready when the server says that it is done.
  std::future<void> stop(int64_t grace_ms);

  void handle(const HttpRequest& request, HttpExchange exchange) override;
  HttpResponse refuse(int status, const base::Error& error) override;

 private:
  LoopThread thread_;
  QuietLogger logger_;
  Handle handle_;
  std::unique_ptr<HttpServer> server_;
  uint16_t port_ = 0;
};

/// A response as read from the wire.
struct WireResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// A blocking client. A failed expectation inside a call fails the test.
class RawClient {
 public:
  explicit RawClient(uint16_t port, int receive_buffer_bytes = 0);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// False when the peer has reset or closed.
  bool send(std::string_view bytes) const;
  /// Reads one response; `head` for the answer to HEAD. Status 0: the connection ended before.
  WireResponse read(bool head = false);
  /// Reads until `bytes` have come in all that was not read by read(), and returns them.
  std::string read_bytes(size_t bytes);
  /// Reads until `end` has been seen, and returns all through it.
  std::string read_through(std::string_view end);
  /// Reads to the end of the connection. `reset` tells a RST from a FIN.
  std::string read_all(bool* reset = nullptr);
  bool at_eof();
  void finish_sending() const;  ///< FIN
  void reset();                 ///< RST
  int socket() const { return socket_; }

 private:
  bool fill();

  int socket_ = -1;
  bool reset_ = false;
  std::string buffer_;
};

std::string get(std::string_view target, std::string_view fields = {});
std::string put(std::string_view target, std::string_view body, std::string_view fields = {});

}  // namespace callbook::net::testing
