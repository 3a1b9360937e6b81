#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_message.h"

namespace callbook::net {

/// The bytes that a connection still owes its peer. Small ones are gathered in one string, large
/// ones are kept where they are; all go out in one system call. Not thread-safe.
class OutputQueue {
 public:
  enum class Flush : uint8_t { kDone, kBlocked, kFailed };

  /// A string to append small things to.
  std::string& text();
  void append(std::string_view bytes) { text().append(bytes); }
  void append_owned(std::string bytes);
  /// Bytes [begin, end) of `bytes`.
  void append(SharedBytes bytes, size_t begin, size_t end);

  /// Writes to the non-blocking socket until everything is written or it takes no more.
  Flush flush(int socket);

  bool empty() const { return unsent_bytes() == 0; }
  size_t unsent_bytes() const;
  uint64_t sent_bytes() const { return sent_bytes_; }
  /// Gives back the memory of an empty queue.
  void release();

 private:
  struct Segment {
    std::string owned;
    SharedBytes shared;  ///< instead of `owned`
    size_t begin = 0;
    size_t end = 0;  ///< of `shared`
    size_t size() const { return (shared ? end : owned.size()) - begin; }
    const char* data() const { return (shared ? shared->data() : owned.data()) + begin; }
  };

  long write_once(int socket);
  void consume(size_t bytes);
  void recycle();

  std::vector<Segment> segments_;
  size_t first_ = 0;  ///< segment with the next byte to send
  uint64_t sent_bytes_ = 0;
};

}  // namespace callbook::net
