#include "net/http_server.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <arpa/inet.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <netinet/tcp.h>

#include "base/address.h"
#include "base/check.h"
#include "net/ascii.h"
#include "net/http_connection_impl.h"

namespace callbook::net {
namespace {

constexpr auto kResult = asio::as_tuple(asio::deferred);
constexpr int kBacklog = 4096;
constexpr int64_t kMaxBeatMs = 250;
constexpr auto kAcceptPause = std::chrono::milliseconds(100);
constexpr uint64_t kAcceptLogEveryMs = 1000;
constexpr size_t kMaxRefused = 128;

int64_t beat_period_ms(const HttpLimits& limits) {
  const int64_t shortest = std::min({limits.header_timeout_ms, limits.body_timeout_ms,
                                     limits.idle_timeout_ms, limits.write_timeout_ms});
  return std::clamp(shortest / 4, int64_t{5}, kMaxBeatMs);
}

std::string text_of(const sockaddr_storage& address) {
  char host[INET6_ADDRSTRLEN] = "?";
  if (address.ss_family == AF_INET6) {
    sockaddr_in6 in6;
    std::memcpy(&in6, &address, sizeof in6);
    ::inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof host);
    // A socket that listens on :: is told 10.0.0.1 as ::ffff:10.0.0.1.
    return base::host_port(base::one_spelling(host), ntohs(in6.sin6_port));
  }
  sockaddr_in in4;
  std::memcpy(&in4, &address, sizeof in4);
  ::inet_ntop(AF_INET, &in4.sin_addr, host, sizeof host);
  return base::host_port(host, ntohs(in4.sin_port));
}

template <typename T>
bool set_option(int socket, int level, int name, T value) {
  return ::setsockopt(socket, level, name, &value, sizeof value) == 0;
}

/// Sockets that were answered 503 and wait a moment for their peers to read it.
class RefusedSockets {
 public:
  RefusedSockets() = default;
  ~RefusedSockets() { close_before(UINT64_MAX); }
  RefusedSockets(const RefusedSockets&) = delete;
  RefusedSockets& operator=(const RefusedSockets&) = delete;

  void add(int socket, uint64_t beat) {
    if (sockets_.size() == kMaxRefused) {
      ::close(sockets_.front().socket);
      sockets_.erase(sockets_.begin());
    }
    sockets_.push_back({socket, beat});
  }
  void close_before(uint64_t beat) {
    const auto fresh = std::find_if(sockets_.begin(), sockets_.end(),
                                    [&](const Entry& entry) { return entry.beat >= beat; });
    for (auto it = sockets_.begin(); it != fresh; ++it) ::close(it->socket);
    sockets_.erase(sockets_.begin(), fresh);
  }

 private:
  struct Entry {
    int socket;
    uint64_t beat;
  };
  std::vector<Entry> sockets_;
};

}  // namespace

ServerContext::ServerContext(EventLoop& event_loop, HttpHandler& request_handler,
                             HttpLimits http_limits)
    : loop(event_loop),
      handler(request_handler),
      limits(http_limits),
      beat_ms(beat_period_ms(http_limits)) {}

void ServerContext::add(std::shared_ptr<Connection> connection) {
  connection->index = open.size();
  open.push_back(std::move(connection));
  ++stats.connections_accepted;
  stats.connections_open = open.size();
}

void ServerContext::remove(Connection& connection) {
  const size_t index = connection.index;
  CALLBOOK_CHECK(index < open.size() && open[index].get() == &connection);
  open[index] = std::move(open.back());
  open[index]->index = index;
  open.pop_back();
  stats.connections_open = open.size();
  if (open.empty() && on_all_closed) on_all_closed();
}

void ServerContext::flush_soon(std::shared_ptr<Connection> connection) {
  if (connection->flush_queued) return;
  connection->flush_queued = true;
  dirty_.push_back(std::move(connection));
  if (dirty_.size() > 1) return;
  asio::post(loop.impl().io, [self = shared_from_this()] { self->flush_all(); });
}

void ServerContext::flush_all() {
  flushing_.swap(dirty_);
  for (const auto& connection : flushing_) {
    connection->flush_queued = false;
    connection->turn();
  }
  flushing_.clear();
}

uint64_t ServerContext::beats(int64_t duration_ms) const {
  return static_cast<uint64_t>((duration_ms + beat_ms - 1) / beat_ms);
}

void ServerContext::on_beat() {
  ++beat;
  // Backwards, for a connection that goes is replaced by the last one.
  for (size_t i = open.size(); i-- > 0;) {
    if (i >= open.size()) continue;
    const std::shared_ptr<Connection> connection = open[i];
    connection->on_beat();
  }
}

struct HttpServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(EventLoop& event_loop, HttpHandler& handler, HttpLimits limits, base::Logger& log)
      : loop(event_loop),
        logger(log),
        context(std::make_shared<ServerContext>(event_loop, handler, limits)) {}

  base::Result<uint16_t> listen(const std::string& host, uint16_t port, bool reuse_port);
  base::Result<Tcp::endpoint> resolve(const std::string& host, uint16_t port);
  bool open_acceptor(Acceptor& acceptor, const Tcp::endpoint& endpoint, bool reuse_port);
  asio::awaitable<void, Executor> accept_loop(std::shared_ptr<Impl> self,
                                              std::shared_ptr<Acceptor> acceptor);
  bool accept_all(Acceptor& acceptor);
  void welcome(int socket, const sockaddr_storage& address);
  void turn_away(int socket);
  void note_accept_failure(int error);
  void start_beats();
  void stop(int64_t grace_ms, std::function<void()> when_done);
  void close_all();
  void finish_stop();

  EventLoop& loop;
  base::Logger& logger;
  std::shared_ptr<ServerContext> context;
  std::vector<std::shared_ptr<Acceptor>> acceptors;
  std::unique_ptr<EventLoop::Timer> beats;
  std::unique_ptr<EventLoop::Timer> grace;
  std::function<void()> done;
  RefusedSockets refused;
  uint64_t next_accept_log_beat = 0;
  bool closed = false;
};

base::Result<Tcp::endpoint> HttpServer::Impl::resolve(const std::string& host, uint16_t port) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (!error) return Tcp::endpoint(address, port);
  Tcp::resolver resolver(loop.impl().io);
  const auto found = resolver.resolve(host, std::to_string(port), error);
  if (error || found.empty()) {
    return base::Error{base::ErrorCode::kIo,
                       "listen",
                       fmt::format("cannot resolve {}: {}", host, error.message()),
                       {}};
  }
  return found.begin()->endpoint();
}

bool HttpServer::Impl::open_acceptor(Acceptor& acceptor, const Tcp::endpoint& endpoint,
                                     bool reuse_port) {
  boost::system::error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (error) return false;
  const int socket = acceptor.native_handle();
  // Accepted sockets inherit these options, which saves two system calls for each.
  const auto user_timeout = static_cast<unsigned>(context->limits.user_timeout_ms);
  return set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1) &&
         (!reuse_port || set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1)) &&
         set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1) &&
         set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout) &&
         ::bind(socket, endpoint.data(), static_cast<socklen_t>(endpoint.size())) == 0 &&
         ::listen(socket, kBacklog) == 0;
}

base::Result<uint16_t> HttpServer::Impl::listen(const std::string& host, uint16_t port,
                                                bool reuse_port) {
  const auto endpoint = resolve(host, port);
  if (!endpoint.ok()) return endpoint.error();
  auto acceptor = std::make_shared<Acceptor>(loop.impl().io);
  boost::system::error_code error;
  if (open_acceptor(*acceptor, *endpoint, reuse_port))
    acceptor->non_blocking(true, error);
  else
    error.assign(errno, boost::system::system_category());
  const Tcp::endpoint bound = error ? Tcp::endpoint() : acceptor->local_endpoint(error);
  if (error) {
    return base::Error{
        base::ErrorCode::kIo,
        "listen",
        fmt::format("cannot listen on {}: {}", base::host_port(host, port), error.message()),
        {}};
  }
  acceptors.push_back(acceptor);
  start_beats();
  asio::co_spawn(loop.impl().io, accept_loop(shared_from_this(), acceptor), asio::detached);
  return bound.port();
}

void HttpServer::Impl::start_beats() {
  if (beats) return;
  beats = loop.every(context->beat_ms, [self = weak_from_this()] {
    if (const auto impl = self.lock()) {
      const uint64_t linger = impl->context->beats(1000);
      const uint64_t beat = impl->context->beat;
      impl->refused.close_before(beat > linger ? beat - linger : 0);
      impl->context->on_beat();
    }
  });
}

asio::awaitable<void, Executor> HttpServer::Impl::accept_loop(std::shared_ptr<Impl> self,
                                                              std::shared_ptr<Acceptor> acceptor) {
  SteadyTimer pause(acceptor->get_executor());
  while (acceptor->is_open()) {
    co_await acceptor->async_wait(Acceptor::wait_read, kResult);
    if (!acceptor->is_open()) break;
    if (self->accept_all(*acceptor)) continue;
    pause.expires_after(kAcceptPause);  // the backlog keeps those who come meanwhile
    co_await pause.async_wait(kResult);
  }
}

/// Accepts all that wait. False: the process has no means to accept more now.
bool HttpServer::Impl::accept_all(Acceptor& acceptor) {
  while (acceptor.is_open()) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int socket = ::accept4(acceptor.native_handle(), reinterpret_cast<sockaddr*>(&address),
                                 &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket >= 0) {
      welcome(socket, address);
      continue;
    }
    if (errno == EAGAIN) return true;
    if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO) continue;
    note_accept_failure(errno);
    return false;
  }
  return true;
}

void HttpServer::Impl::note_accept_failure(int error) {
  if (context->beat < next_accept_log_beat) return;
  next_accept_log_beat = context->beat + context->beats(kAcceptLogEveryMs);
  logger.warn("cannot accept connections, trying again: {}", std::strerror(error));
}

void HttpServer::Impl::welcome(int socket, const sockaddr_storage& address) {
  if (context->open.size() >= context->limits.max_connections) return turn_away(socket);
  Socket accepted(loop.impl().io);
  boost::system::error_code error;
  accepted.assign(address.ss_family == AF_INET6 ? Tcp::v6() : Tcp::v4(), socket, error);
  if (error) {
    ::close(socket);
    return note_accept_failure(error.value());
  }
  auto connection = std::make_shared<Connection>(context, std::move(accepted), text_of(address));
  context->add(connection);
  connection->start();
}

void HttpServer::Impl::turn_away(int socket) {
  ++context->stats.connections_refused;
  HttpResponse response = context->handler.refuse(
      503, {base::ErrorCode::kOverloaded, "connections", "the server has too many connections",
            context->limits.max_connections});
  const auto is_retry_after = [](const auto& field) {
    return same_token(field.first, "retry-after");
  };
  if (std::none_of(response.headers.begin(), response.headers.end(), is_retry_after)) {
    response.headers.emplace_back("Retry-After", "1");
  }
  AnswerQueue answers;
  answers.complete(answers.open({.keep_alive = false}), std::move(response));
  // A fresh socket takes that much at once; if not, there is nothing cheaper than to give up.
  answers.output().flush(socket);
  ::shutdown(socket, SHUT_WR);
  refused.add(socket, context->beat);
}

void HttpServer::Impl::stop(int64_t grace_ms, std::function<void()> when_done) {
  CALLBOOK_CHECK(!context->stopping);
  done = std::move(when_done);
  context->stopping = true;
  for (const auto& acceptor : acceptors) {
    boost::system::error_code ignored;
    acceptor->close(ignored);
  }
  const std::weak_ptr<Impl> weak = weak_from_this();
  const auto finish = [weak] {
    if (const auto impl = weak.lock()) impl->finish_stop();
  };
  const auto connections = context->open;  // winding down may call anyone back
  for (const auto& connection : connections) connection->wind_down();
  if (closed) return;
  context->on_all_closed = [this, finish] { loop.post(finish); };
  if (context->open.empty()) return loop.post(finish);
  grace = loop.after(grace_ms, finish);
}

void HttpServer::Impl::close_all() {
  closed = true;
  context->on_all_closed = nullptr;
  beats.reset();
  grace.reset();
  for (const auto& acceptor : acceptors) {
    boost::system::error_code ignored;
    acceptor->close(ignored);
  }
  context->stopping = true;
  const auto connections = context->open;
  for (const auto& connection : connections) connection->close(StreamEnd::kServerStopped);
}

void HttpServer::Impl::finish_stop() {
  if (closed) return;
  close_all();
  if (auto call = std::exchange(done, nullptr)) call();
}

HttpServer::HttpServer(EventLoop& loop, HttpHandler& handler, HttpLimits limits,
                       base::Logger& logger)
    : impl_(std::make_shared<Impl>(loop, handler, limits, logger)) {}

HttpServer::~HttpServer() {
  impl_->close_all();
}

base::Result<uint16_t> HttpServer::listen(const std::string& host, uint16_t port, bool reuse_port) {
  return impl_->listen(host, port, reuse_port);
}

void HttpServer::stop(int64_t grace_ms, std::function<void()> done) {
  const auto impl = impl_;
  impl->stop(grace_ms, std::move(done));
}

HttpServerStats HttpServer::stats() const {
  return impl_->context->stats;
}

HttpExchange::~HttpExchange() {
  if (!sink_) return;
  respond({.status = 500,
           .content_type = "application/problem+json",
           .headers = {},
           .body = R"({"title":"Internal Server Error","status":500})",
           .shared_body = nullptr});
}

void HttpExchange::respond(HttpResponse response) {
  CALLBOOK_CHECK(sink_ != nullptr);
  std::exchange(sink_, nullptr)->respond(slot_, std::move(response));
}

StreamWaker HttpExchange::stream(std::string_view content_type,
                                 std::unique_ptr<StreamSource> source) {
  CALLBOOK_CHECK(sink_ != nullptr);
  return std::exchange(sink_, nullptr)->stream(slot_, content_type, std::move(source));
}

}  // namespace callbook::net
