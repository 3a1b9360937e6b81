#include "net/http_client.h"

#include <deque>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <fmt/format.h>

#include "net/client_connection_impl.h"

namespace callbook::net {
namespace {

namespace http = boost::beast::http;
using ResponseParser = http::response_parser<http::string_body>;

constexpr uint64_t kMaxResponseBytes = 256 * 1024 * 1024;

bool is_idempotent(Method method) {  // RFC 9110, 9.2.2
  return method != Method::kPost && method != Method::kPatch && method != Method::kOther;
}

ClientResponse take_response(ResponseParser& parser) {
  auto& message = parser.get();
  ClientResponse response;
  response.status = message.result_int();
  for (const auto& field : message) {
    response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  }
  response.body = std::move(message.body());
  return response;
}

}  // namespace

struct HttpClient::Impl : std::enable_shared_from_this<Impl> {
  struct Pending {
    ClientRequest request;
    OnResponse on_response;
  };
  /// One attempt's end.
  struct Attempt {
    base::Result<ClientResponse> result;
    bool repeatable = false;  ///< a kept connection broke before any byte of the response
  };

  Impl(EventLoop& loop, std::string host, uint16_t port)
      : io(loop.impl().io),
        connection(std::make_shared<ClientConnection>(loop, std::move(host), port)) {}

  void send(ClientRequest request, OnResponse on_response);
  void close();
  Task<> run(std::shared_ptr<Impl> self);
  Task<base::Result<ClientResponse>> exchange(const ClientRequest& request);
  Task<Attempt> attempt(const ClientRequest& request, const std::string& bytes);
  Task<Attempt> read_response(bool kept, bool head_only);

  asio::io_context& io;
  std::shared_ptr<ClientConnection> connection;
  std::deque<Pending> queue;
  bool running = false;
  bool dead = false;
};

void HttpClient::Impl::send(ClientRequest request, OnResponse on_response) {
  queue.push_back({std::move(request), std::move(on_response)});
  if (running) return;
  running = true;
  asio::post(io, [self = shared_from_this()] {  // never calls back within send()
    asio::co_spawn(self->io, self->run(self), asio::detached);
  });
}

void HttpClient::Impl::close() {
  dead = true;
  queue.clear();
  connection->clear_deadline();
  connection->close();
}

Task<> HttpClient::Impl::run(std::shared_ptr<Impl> self) {
  while (!dead && !queue.empty()) {
    Pending pending = std::move(queue.front());
    queue.pop_front();
    connection->set_deadline(pending.request.timeout_ms);
    base::Result<ClientResponse> result = co_await exchange(pending.request);
    if (dead) co_return;
    connection->clear_deadline();
    if (!result.ok()) connection->close();
    pending.on_response(std::move(result));  // may destroy the client
  }
  self->running = false;
}

Task<base::Result<ClientResponse>> HttpClient::Impl::exchange(const ClientRequest& request) {
  const base::Result<std::string> bytes = connection->serialize(request);
  if (!bytes.ok()) co_return bytes.error();
  Attempt first = co_await attempt(request, *bytes);
  if (!first.repeatable || !is_idempotent(request.method) || dead || connection->timed_out()) {
    co_return std::move(first.result);
  }
  connection->close();
  Attempt second = co_await attempt(request, *bytes);
  co_return std::move(second.result);
}

Task<HttpClient::Impl::Attempt> HttpClient::Impl::attempt(const ClientRequest& request,
                                                          const std::string& bytes) {
  const base::Result<bool> kept = co_await connection->ensure_open();
  if (!kept.ok()) co_return Attempt{kept.error()};
  // A server may refuse a request and close before it has read all of it: its answer counts, so a
  // failed write does not end the attempt.
  co_await connection->write(bytes);
  Attempt end = co_await read_response(*kept, request.method == Method::kHead);
  co_return end;
}

Task<HttpClient::Impl::Attempt> HttpClient::Impl::read_response(bool kept, bool head_only) {
  auto& buffer = connection->buffer();
  std::optional<ResponseParser> parser;
  do {  // an interim response (1xx) goes before the one that counts
    parser.emplace();
    parser->header_limit(kMaxResponseHeaderBytes);
    parser->body_limit(kMaxResponseBytes);
    parser->skip(head_only);
    const auto [error, bytes] =
        co_await http::async_read(connection->socket(), buffer, *parser, kClientResult);
    if (error == http::error::body_limit) {
      co_return Attempt{base::over_limit("response", "is over 256 MB", kMaxResponseBytes)};
    }
    if (error) {
      const bool silent = !parser->got_some() && buffer.size() == 0;
      co_return Attempt{connection->failure(error), kept && silent};
    }
  } while (parser->get().result_int() / 100 == 1);
  if (!parser->keep_alive()) connection->close();
  co_return Attempt{take_response(*parser)};
}

HttpClient::HttpClient(EventLoop& loop, std::string host, uint16_t port)
    : impl_(std::make_shared<Impl>(loop, std::move(host), port)) {}

HttpClient::~HttpClient() {
  impl_->close();
}

void HttpClient::send(ClientRequest request, OnResponse on_response) {
  impl_->send(std::move(request), std::move(on_response));
}

}  // namespace callbook::net
