#pragma once

#include <memory>

#include "net/http_server.h"

namespace callbook::net {

/// What carries a stream's bytes: a connection.
class StreamCarrier {
 public:
  virtual ~StreamCarrier() = default;
  virtual void pump() = 0;
};

/// One streamed answer: the source, and what ties the source's owner to the connection. Held by
/// the connection alone, so that wakers die with the stream.
class ResponseStream final : public StreamWaker::Target {
 public:
  ResponseStream(std::weak_ptr<StreamCarrier> carrier, std::unique_ptr<StreamSource> source)
      : carrier_(std::move(carrier)), source_(std::move(source)) {}

  void wake() override;
  StreamPiece pull();
  /// Tells the source that it has ended, unless it has ended the stream itself or been told. Within
  /// pull() the source is told when pull() has returned.
  void end(StreamEnd reason);

  /// Whether wake() came after the last pull() began.
  bool woken() const { return woken_; }
  /// It is this answer's turn on its connection.
  void activate() { active_ = true; }
  bool active() const { return active_; }
  bool ended() const { return ended_; }

 private:
  std::weak_ptr<StreamCarrier> carrier_;
  std::unique_ptr<StreamSource> source_;
  StreamEnd end_reason_ = StreamEnd::kFinished;
  bool active_ = false;
  bool woken_ = false;
  bool pulling_ = false;
  bool ended_ = false;
};

/// The payload's place in a piece that make_piece() made: for HTTP/1.0, which knows no chunks.
std::string_view payload_of(const std::string& piece);

/// The chunk that ends a chunked body.
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace callbook::net
