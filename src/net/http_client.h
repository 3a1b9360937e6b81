#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/event_loop.h"
#include "net/http_message.h"

namespace callbook::net {

/// A request that a client sends.
struct ClientRequest {
  Method method = Method::kGet;
  std::string target = {};  ///< already percent-encoded
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  int64_t timeout_ms = 10'000;  ///< to the whole response; for streams to its header
};

/// A whole response.
struct ClientResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

/// HTTP/1.1 client for one endpoint on one event loop: keeps one connection, opens it when first
/// needed and again after a failure. Requests are sent one after another. Loop's thread only.
class HttpClient {
 public:
  using OnResponse = std::function<void(base::Result<ClientResponse>)>;

  /// Borrows `loop`. `host` is an address or a name.
  HttpClient(EventLoop& loop, std::string host, uint16_t port);
  ~HttpClient();  ///< drops what is under way without calling back
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Calls back exactly once. Errors: kIo (refused, reset, timed out; the detail names the
  /// endpoint), kLimit (a response over 256 MB). A request that failed on a kept connection before
  /// any byte of its response is sent once more on a new one if its method is idempotent.
  void send(ClientRequest request, OnResponse on_response);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// What a stream's reader is told, in this order: at most one header, any data, one end.
class ClientStreamReader {
 public:
  virtual ~ClientStreamReader() = default;
  virtual void on_header(int status) = 0;
  virtual void on_data(std::string_view data) = 0;
  /// ok: the server ended the stream; an error: the connection failed.
  virtual void on_end(base::Status status) = 0;
};

/// One streamed request on a connection of its own. Destroying it closes the connection without
/// calling back. Loop's thread only; borrows `loop` and `reader`.
class HttpClientStream {
 public:
  HttpClientStream(EventLoop& loop, std::string host, uint16_t port, ClientRequest request,
                   ClientStreamReader& reader);
  ~HttpClientStream();
  HttpClientStream(const HttpClientStream&) = delete;
  HttpClientStream& operator=(const HttpClientStream&) = delete;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace callbook::net
