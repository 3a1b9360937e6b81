#include "net/response_stream.h"

#include <fmt/format.h>

#include "base/check.h"

namespace callbook::net {

SharedBytes make_piece(std::string_view payload) {
  if (payload.empty()) return std::make_shared<const std::string>();  // an empty chunk would end it
  return std::make_shared<const std::string>(
      fmt::format("{:x}\r\n{}\r\n", payload.size(), payload));
}

std::string_view payload_of(const std::string& piece) {
  const size_t line_end = piece.find("\r\n");
  if (line_end == std::string::npos) return {};
  CALLBOOK_CHECK(piece.size() >= line_end + 4);
  return std::string_view(piece).substr(line_end + 2, piece.size() - line_end - 4);
}

void ResponseStream::wake() {
  woken_ = true;
  if (!active_ || ended_ || pulling_) return;
  if (auto carrier = carrier_.lock()) carrier->pump();
}

StreamPiece ResponseStream::pull() {
  CALLBOOK_CHECK(!pulling_ && !ended_);
  woken_ = false;
  pulling_ = true;
  StreamPiece piece = source_->pull();
  pulling_ = false;
  if (ended_) {  // ended from within pull()
    if (piece.state != StreamPiece::State::kEnd) source_->on_end(end_reason_);
    source_.reset();
    return {};
  }
  if (piece.state == StreamPiece::State::kEnd) {
    ended_ = true;
    source_.reset();
  }
  return piece;
}

void ResponseStream::end(StreamEnd reason) {
  if (ended_) return;
  ended_ = true;
  end_reason_ = reason;
  if (pulling_) return;
  source_->on_end(reason);
  source_.reset();
}

}  // namespace callbook::net
