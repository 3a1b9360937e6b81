#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/result.h"
#include "net/event_loop.h"
#include "net/http_message.h"

namespace callbook::net {

/// What one HTTP server will bear. Each limit is enforced before the bytes behind it are parsed.
struct HttpLimits {
  uint32_t max_connections = 100'000;          ///< per server; more are answered 503 and closed
  uint32_t max_header_bytes = 16 * 1024;       ///< request line and fields; over it: 431
  uint64_t max_body_bytes = 16 * 1024 * 1024;  ///< over it: 413, from Content-Length if sent
  uint32_t max_pipelined = 1024;  ///< requests of one connection under way; then reading pauses
  uint32_t max_pipelined_bytes = 1024 * 1024;  ///< response bytes held for one; then likewise
  int64_t header_timeout_ms = 10'000;  ///< from a request's first byte to the end of its header
  int64_t body_timeout_ms = 30'000;    ///< from the end of the header to the end of the body
  int64_t idle_timeout_ms = 120'000;   ///< between requests of a kept connection
  int64_t write_timeout_ms = 30'000;   ///< without progress on a response (streams excepted)
  int64_t user_timeout_ms = 60'000;    ///< TCP_USER_TIMEOUT: unacknowledged data ends the peer
};

/// Why a stream ended, as its source is told.
enum class StreamEnd : uint8_t {
  kPeerClosed,    ///< FIN from the peer
  kPeerReset,     ///< RST, or it broke the protocol
  kPeerSilent,    ///< TCP_USER_TIMEOUT: what was sent was not acknowledged
  kFinished,      ///< the source ended it itself
  kServerStopped  ///< we are shutting down
};

/// What pull() yields.
struct StreamPiece {
  enum class State : uint8_t {
    kMore,  ///< `bytes` is a piece; ask again when it has been handed to the kernel
    kIdle,  ///< nothing now; ask again after wake()
    kEnd    ///< the stream is complete (`bytes` may hold its last piece)
  };
  State state = State::kIdle;
  /// A piece made by make_piece(), shared among all streams that send the same. At most one piece
  /// is held per stream however slow its peer is, so a piece should stay below 64 KB.
  SharedBytes bytes;
};

/// Frames payload as one HTTP/1.1 chunk, so that one buffer can be sent on many connections in one
/// system call each.
SharedBytes make_piece(std::string_view payload);

/// Lets a source's owner say that there is something to pull. Value; safe to use after the stream
/// is gone (then it does nothing). Loop's thread only.
class StreamWaker {
 public:
  class Target {
   public:
    virtual ~Target() = default;
    virtual void wake() = 0;
  };
  StreamWaker() = default;
  explicit StreamWaker(std::weak_ptr<Target> target) : target_(std::move(target)) {}
  /// Pulls and sends at once if the socket is writable; never calls pull() re-entrantly.
  void wake() const {
    if (auto target = target_.lock()) target->wake();
  }

 private:
  std::weak_ptr<Target> target_;
};

/// Produces the body of a streamed response, on the loop's thread, only when the socket can take
/// more: what is owed is computed as late as possible.
class StreamSource {
 public:
  virtual ~StreamSource() = default;
  /// Called first of all, with what says that there is something to pull. Must not wake: the first
  /// pull() comes by itself, unless the peer has gone meanwhile.
  virtual void on_start(StreamWaker waker) { static_cast<void>(waker); }
  virtual StreamPiece pull() = 0;
  /// TCP_USER_TIMEOUT for this stream's connection; 0 leaves the server's. A short one notices a
  /// lost host soon, but also ends a peer that has not read for so long.
  virtual int64_t user_timeout_ms() const { return 0; }
  /// Called once, before destruction, unless pull() ended the stream. Never from within pull() or
  /// wake(): an end that they notice is told later.
  virtual void on_end(StreamEnd reason) { static_cast<void>(reason); }
};

/// The place of one answer. Move-only; used once, on the loop's thread, at any time: answers to
/// pipelined requests are sent in the order of the requests. Destroyed unused, it answers 500.
class HttpExchange {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void respond(uint64_t slot, HttpResponse response) = 0;
    virtual StreamWaker stream(uint64_t slot, std::string_view content_type,
                               std::unique_ptr<StreamSource> source) = 0;
    virtual bool closed() const = 0;
  };

  HttpExchange() = default;
  HttpExchange(std::shared_ptr<Sink> sink, uint64_t slot) : sink_(std::move(sink)), slot_(slot) {}
  HttpExchange(HttpExchange&& other) noexcept = default;
  HttpExchange& operator=(HttpExchange&& other) noexcept {
    const HttpExchange replaced(std::exchange(sink_, std::move(other.sink_)), slot_);
    slot_ = other.slot_;
    return *this;
  }
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;
  ~HttpExchange();

  void respond(HttpResponse response);
  /// Answers 200 with a chunked body pulled from `source`, which may be gone when this returns: its
  /// waker comes by on_start(). Later requests on the connection are not read until the stream has
  /// ended. The answer to HEAD ends at once (kFinished).
  StreamWaker stream(std::string_view content_type, std::unique_ptr<StreamSource> source);
  /// Nobody is there to read the answer any more.
  bool abandoned() const { return sink_ == nullptr || sink_->closed(); }

 private:
  std::shared_ptr<Sink> sink_;
  uint64_t slot_ = 0;
};

/// Serves the requests of one server. Called on its loop's thread.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual void handle(const HttpRequest& request, HttpExchange exchange) = 0;
  /// The body of an answer that the server itself gives (400, 408, 413, 431, 503), so that every
  /// error has the same form. `detail` names the limit.
  virtual HttpResponse refuse(int status, const base::Error& error) = 0;
};

/// Counters of one server; read on its loop's thread.
struct HttpServerStats {
  uint64_t connections_open = 0;
  uint64_t connections_accepted = 0;
  uint64_t connections_refused = 0;
  uint64_t requests = 0;
  uint64_t refused_requests = 0;  ///< malformed, too large or too slow
  uint64_t streams_open = 0;
};

/// HTTP/1.1 server on one event loop: keep-alive, pipelining, chunked streams, limits. Several
/// servers on several loops may share one port (SO_REUSEPORT). It knows nothing of what it serves.
class HttpServer {
 public:
  /// Borrows `loop`, `handler` and `logger`, which must outlive it.
  HttpServer(EventLoop& loop, HttpHandler& handler, HttpLimits limits, base::Logger& logger);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds and listens on "host:port" (port 0 takes a free one) with a backlog of 4,096; returns
  /// the real port. Call before the loop runs, or on its thread.
  base::Result<uint16_t> listen(const std::string& host, uint16_t port, bool reuse_port);

  /// Stops accepting, lets requests under way finish for at most `grace_ms`, ends streams, closes
  /// all, then calls `done`, never from within. Loop's thread; once.
  void stop(int64_t grace_ms, std::function<void()> done);

  HttpServerStats stats() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace callbook::net
