#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace callbook::sdk {

/// One server-sent event. Views are valid during the call that hands it out.
struct ServerEvent {
  std::string_view name;  ///< "message" where the server gave none
  std::string_view data;
  std::string_view last_id;  ///< the latest id on the stream, this event's included
};

/// Cuts a byte stream into server-sent events, however the bytes are split
/// (html.spec.whatwg.org/multipage/server-sent-events.html). Not thread-safe.
class SseReader {
 public:
  static constexpr size_t kMaxEventBytes = 16 * 1024 * 1024;

  /// An event of more than `max_event_bytes` is an error: nothing is kept without bound.
  explicit SseReader(size_t max_event_bytes = kMaxEventBytes) : max_bytes_(max_event_bytes) {}

  /// Calls `on_event` for every event that `bytes` completes, until it returns false; what is left
  /// of `bytes` then is dropped. kLimit: the event is too large; feed nothing more.
  base::Status feed(std::string_view bytes,
                    const std::function<bool(const ServerEvent&)>& on_event);

 private:
  base::Status append_to_line(std::string_view bytes);
  bool end_line(const std::function<bool(const ServerEvent&)>& on_event);
  void take_field(std::string_view name, std::string_view value);
  bool dispatch(const std::function<bool(const ServerEvent&)>& on_event);

  const size_t max_bytes_;
  std::string line_;
  std::string name_;
  std::string data_;
  std::string last_id_;
  bool has_data_ = false;
  bool skip_line_feed_ = false;  ///< the last byte was a carriage return
  bool at_start_ = true;
};

}  // namespace callbook::sdk
