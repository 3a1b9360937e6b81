#include <array>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include "net/client_connection_impl.h"

namespace callbook::net {
namespace {

namespace http = boost::beast::http;
using StreamParser = http::response_parser<http::buffer_body>;

constexpr size_t kPieceBytes = 16 * 1024;

}  // namespace

struct HttpClientStream::Impl : std::enable_shared_from_this<Impl> {
  Impl(EventLoop& loop, std::string host, uint16_t port, ClientRequest stream_request,
       ClientStreamReader& stream_reader)
      : io(loop.impl().io),
        connection(std::make_shared<ClientConnection>(loop, std::move(host), port)),
        request(std::move(stream_request)),
        reader(stream_reader) {}

  void start();
  void close();
  Task<> run(std::shared_ptr<Impl> self);
  Task<base::Status> open();
  Task<base::Status> read_header();
  Task<base::Status> read_body();

  asio::io_context& io;
  std::shared_ptr<ClientConnection> connection;
  const ClientRequest request;
  ClientStreamReader& reader;
  std::optional<StreamParser> parser;
  std::array<char, kPieceBytes> piece;
  bool dead = false;  ///< the stream's owner has gone, and the reader may have too
};

void HttpClientStream::Impl::start() {
  asio::post(io, [self = shared_from_this()] {  // never calls back within the constructor
    asio::co_spawn(self->io, self->run(self), asio::detached);
  });
}

void HttpClientStream::Impl::close() {
  dead = true;
  connection->clear_deadline();
  connection->close();
}

Task<> HttpClientStream::Impl::run(std::shared_ptr<Impl> /*kept alive*/) {
  if (dead) co_return;
  connection->set_deadline(request.timeout_ms);
  base::Status status = co_await open();
  if (!dead && status.ok()) {
    connection->clear_deadline();
    reader.on_header(static_cast<int>(parser->get().result_int()));
    if (!dead) status = co_await read_body();
  }
  if (dead) co_return;
  connection->clear_deadline();
  connection->close();
  reader.on_end(std::move(status));
}

Task<base::Status> HttpClientStream::Impl::open() {
  const base::Result<std::string> bytes = connection->serialize(request);
  if (!bytes.ok()) co_return bytes.error();
  const base::Result<bool> opened = co_await connection->ensure_open();
  if (!opened.ok()) co_return opened.error();
  co_await connection->write(*bytes);  // if it failed, there may still be an answer to read
  base::Status header = co_await read_header();
  co_return header;
}

Task<base::Status> HttpClientStream::Impl::read_header() {
  do {
    parser.emplace();
    parser->header_limit(kMaxResponseHeaderBytes);
    parser->body_limit(boost::none);
    parser->skip(request.method == Method::kHead);
    const auto [error, bytes] = co_await http::async_read_header(
        connection->socket(), connection->buffer(), *parser, kClientResult);
    if (error) co_return connection->failure(error);
  } while (parser->get().result_int() / 100 == 1);
  co_return base::Status{};
}

Task<base::Status> HttpClientStream::Impl::read_body() {
  while (!parser->is_done()) {
    auto& body = parser->get().body();
    body.data = piece.data();
    body.size = piece.size();
    body.more = true;
    const auto [error, bytes] = co_await http::async_read_some(
        connection->socket(), connection->buffer(), *parser, kClientResult);
    if (dead) co_return base::Status{};
    const size_t arrived = piece.size() - body.size;
    if (arrived > 0) reader.on_data({piece.data(), arrived});
    if (dead) co_return base::Status{};
    if (error && error != http::error::need_buffer) co_return connection->failure(error);
  }
  co_return base::Status{};
}

HttpClientStream::HttpClientStream(EventLoop& loop, std::string host, uint16_t port,
                                   ClientRequest request, ClientStreamReader& reader)
    : impl_(std::make_shared<Impl>(loop, std::move(host), port, std::move(request), reader)) {
  impl_->start();
}

HttpClientStream::~HttpClientStream() {
  impl_->close();
}

}  // namespace callbook::net
