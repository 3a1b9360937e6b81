#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "net/http_message.h"
#include "net/output_queue.h"
#include "net/response_stream.h"

namespace callbook::net {

/// How the answer to one request must be framed.
struct AnswerForm {
  bool head_only = false;  ///< the answer to HEAD
  bool keep_alive = true;  ///< the connection goes on after it
  bool http10 = false;
};

/// The answers that one connection owes, in the order of its requests. Answers may be completed in
/// any order; each moves to the output when those before it have. Not thread-safe.
class AnswerQueue {
 public:
  /// A place for the answer to the next request. Numbers count up from 0.
  uint64_t open(AnswerForm form);
  /// Text that goes out between the answers before and after it ("100 Continue").
  void add_interim(std::string_view text);

  void complete(uint64_t slot, HttpResponse response);
  void start_stream(uint64_t slot, std::string_view content_type,
                    std::shared_ptr<ResponseStream> stream);
  /// The stream whose turn it is has yielded its last byte: completes its answer.
  void finish_stream();

  /// The last answer owed when the server stops tells the peer that it is the last.
  void close_after_last() { closing_down_ = true; }

  /// Answers not yet moved to the output.
  size_t owed() const { return slots_.size() - first_; }
  /// Bytes of answers that are complete, moved to the output or not.
  size_t held_bytes() const { return waiting_bytes_ + output_.unsent_bytes(); }
  /// An answer that ends the connection is in the output; nothing may follow it.
  bool closed() const { return closed_; }
  /// The stream whose turn it is, or null.
  const std::shared_ptr<ResponseStream>& stream() const { return stream_; }
  bool stream_is_http10() const { return stream_form_.http10; }
  /// Streams whose turn has come or will come.
  size_t streams() const { return streams_; }
  /// Ends all streams; those whose turn has not come are answered as empty ones.
  void end_streams(StreamEnd reason);
  OutputQueue& output() { return output_; }
  /// Gives back the memory that an idle connection does not need.
  void release();

 private:
  struct Slot {
    AnswerForm form;
    bool interim = false;
    std::unique_ptr<HttpResponse> response;
    std::shared_ptr<ResponseStream> stream;
    std::string_view content_type;  ///< of the stream
  };

  Slot* find(uint64_t slot);
  void advance();
  void pop();
  void write(const AnswerForm& form, HttpResponse&& response);
  void write_stream_head(Slot& slot);
  bool last_of_all() const { return closing_down_ && owed() == 1; }

  std::vector<Slot> slots_;
  size_t first_ = 0;         ///< index of the oldest owed slot
  uint64_t first_slot_ = 0;  ///< its number
  size_t waiting_bytes_ = 0;
  size_t streams_ = 0;
  std::shared_ptr<ResponseStream> stream_;
  AnswerForm stream_form_;
  bool closing_down_ = false;
  bool closed_ = false;
  OutputQueue output_;
};

}  // namespace callbook::net
