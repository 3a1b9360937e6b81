#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace callbook::load {

/// Cuts the bytes of one connection into HTTP/1.1 responses: framed by Content-Length or chunked.
/// Feed it whatever a read gave; it calls the sink with
///   on_head(int status), on_body(std::string_view part) any number of times, on_end().
/// Views are borrowed from the bytes fed. Fails the program on anything that is not such a
/// response.
class ResponseScanner {
 public:
  template <typename Sink>
  void feed(std::string_view bytes, Sink& sink) {
    while (!bytes.empty()) {
      switch (state_) {
        case State::kHead:
          if (take_head(bytes)) {
            sink.on_head(status_);
            if (state_ == State::kHead) sink.on_end();
          }
          break;
        case State::kSized:
        case State::kChunk: {
          const size_t count = std::min(left_, bytes.size());
          sink.on_body(bytes.substr(0, count));
          bytes.remove_prefix(count);
          left_ -= count;
          if (left_ == 0 && end_of_part()) sink.on_end();
          break;
        }
        case State::kChunkSize:
          take_chunk_size(bytes);
          break;
        case State::kChunkEnd:
          if (take_line(bytes)) state_ = State::kChunkSize;
          break;
        case State::kTrailer:
          if (take_trailer(bytes)) sink.on_end();
          break;
      }
    }
  }

 private:
  enum class State { kHead, kSized, kChunkSize, kChunk, kChunkEnd, kTrailer };

  bool take_head(std::string_view& bytes);
  void parse_head(std::string_view head);
  void take_chunk_size(std::string_view& bytes);
  bool take_trailer(std::string_view& bytes);
  /// Collects a line, without its line end, in carry_; true when it is whole.
  bool take_line(std::string_view& bytes);
  bool end_of_part();

  State state_ = State::kHead;
  int status_ = 0;
  size_t left_ = 0;
  std::string carry_;  ///< the beginning of a head or line that came in pieces
  std::string line_;
};

}  // namespace callbook::load
