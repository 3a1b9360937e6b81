#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace callbook::load {

/// One server-sent event as docs/native-api.md writes them. Views are borrowed.
struct Event {
  std::string_view type;  ///< "delta"
  std::string_view data;  ///< the JSON text of its one data line

  /// The text of the string member `name` that comes first in the data; empty if there is none.
  /// `name` with quotes and colon, as in `"digest":`. Values that hold escapes are not understood,
  /// and names of services and digests need none.
  std::string_view text_of(std::string_view name) const;
};

Event parse_event(std::string_view text);

/// Cuts the body of a stream into events and calls `on_event(const Event&)` for each.
class EventScanner {
 public:
  template <typename OnEvent>
  void feed(std::string_view bytes, OnEvent&& on_event) {
    while (!bytes.empty()) {
      const std::string_view text = take(bytes);
      if (text.empty()) return;
      on_event(parse_event(text));
      partial_.clear();
    }
  }

 private:
  /// The next whole event, without its empty line; empty when all bytes are used up.
  std::string_view take(std::string_view& bytes);

  std::string partial_;
};

}  // namespace callbook::load
