#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "load/connection.h"
#include "load/event_scanner.h"
#include "load/response_scanner.h"

namespace callbook::load {

/// Many watch streams, each on its own connection, read by one thread.
class Watchers {
 public:
  /// Called for every event of a stream. `index` counts the streams from 0.
  using OnEvent = std::function<void(size_t index, const Event& event)>;

  /// Opens `count` streams with the same request, 200 under way at a time, and returns when each
  /// has had its first event. Fails the program on any status but 200.
  Watchers(uint16_t port, size_t count, std::string_view request, const Deadline& deadline);

  /// Reads all streams until `done()` is true after a round of reading. Fails the program when a
  /// stream ends or the time is over.
  void read_until(const OnEvent& on_event, const std::function<bool()>& done,
                  const Deadline& deadline);

  size_t size() const { return streams_.size(); }
  /// Bytes read so far from all streams, framing included.
  uint64_t bytes_read() const { return bytes_read_; }

 private:
  struct Stream {
    Connection connection;
    ResponseScanner responses;
    EventScanner events;
    bool is_live = false;
  };
  struct Sink;

  void read(size_t index, uint32_t ready, const OnEvent& on_event);

  Poller poller_;
  std::vector<Stream> streams_;
  std::string buffer_;
  uint64_t bytes_read_ = 0;
};

/// The body of a POST /v1/watch with digests, and the whole request.
struct WatchedService {
  std::string name;
  std::string digest;
};
std::string watch_request(const std::vector<WatchedService>& services);

}  // namespace callbook::load
