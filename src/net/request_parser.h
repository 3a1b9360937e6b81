#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "net/http_message.h"
#include "net/http_server.h"

namespace callbook::net {

/// Why a request is refused before any handler sees it.
struct Refusal {
  int status = 400;
  base::Error error;
};

/// Cuts the bytes of one connection into requests. Owns the read buffer: whole requests are handed
/// out where they were read, bodies are contiguous, chunked ones are decoded in place. Not
/// thread-safe. Usage: read into space(), commit(), then next() until it says kNeedMore.
class RequestParser {
 public:
  enum class Event : uint8_t {
    kNeedMore,
    kExpectContinue,  ///< the peer waits for "100 Continue" before it sends the body; told once
    kRequest,         ///< request() is complete; the following next() goes on to the one behind it
    kRefused          ///< refusal() says why; where the next request begins is not known any more
  };
  enum class Phase : uint8_t { kBetween, kHeader, kBody };

  /// Borrows `limits`.
  explicit RequestParser(const HttpLimits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// Room for the next read. Invalidates the views of request().
  std::span<char> space();
  void commit(size_t bytes);
  Event next();

  /// After kRequest, until the next call of next() or space(). `peer` is left empty.
  const HttpRequest& request() const { return request_; }
  bool keep_alive() const { return keep_alive_; }
  bool is_http10() const { return http10_; }
  const Refusal& refusal() const { return refusal_; }

  Phase phase() const { return phase_; }
  /// Bytes not yet handed out as a request.
  size_t buffered_bytes() const;
  size_t capacity_bytes() const { return capacity_; }

 private:
  class Wire;
  struct FieldAt;

  void begin_request();
  Event find_header();
  Event parse_header(size_t header_bytes);
  Event check_header();
  Event parse_body();
  Event parse_chunks();
  Event complete(size_t end);
  Event refuse(int status, base::Error error);
  Event refuse_header_size();
  bool fill_target();
  void grow(size_t capacity);
  /// Bytes until the end of a body of announced length; SIZE_MAX where that is not known.
  size_t missing_bytes() const;
  char* at(size_t offset) { return data_.get() + offset; }

  const HttpLimits& limits_;
  std::unique_ptr<Wire> wire_;

  std::unique_ptr<char[]> data_;  ///< capacity_ bytes and kBodyPadding behind them
  size_t capacity_ = 0;
  size_t begin_ = 0;    ///< of the request at hand
  size_t end_ = 0;      ///< of what has been read
  size_t scanned_ = 0;  ///< bytes of the request searched for the end of its header
  size_t header_bytes_ = 0;
  uint64_t body_bytes_ = 0;  ///< announced (Content-Length) or decoded so far (chunked)
  size_t chunk_at_ = 0;      ///< next chunk byte to decode
  size_t request_end_ = 0;   ///< of a complete request
  bool last_read_full_ = false;

  Phase phase_ = Phase::kBetween;
  bool complete_ = false;
  bool refused_ = false;
  bool chunked_ = false;
  bool continue_owed_ = false;
  bool keep_alive_ = true;
  bool http10_ = false;
  std::vector<HeaderField> headers_;
  HttpRequest request_;
  Refusal refusal_;
};

}  // namespace callbook::net
