#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "bus/bus.h"

namespace callbook::bus::nats {

/// Events on their way to the core. Any thread may call anything. Holds what it is given: of
/// batches so much as the followers let in (backlog_bytes), of settlements at most what is in
/// flight, and of beats the latest kMaxBeats.
class EventQueue {
 public:
  using Wake = std::function<void()>;

  explicit EventQueue(Wake wake) : wake_(std::move(wake)) {}

  // Pushing returns whether there was nothing before: the caller then calls wake(), with nothing
  // locked.

  [[nodiscard]] bool push(Event event);
  /// Appends a message to the last event, if that is a batch of the same stream that ends at
  /// `after` and is not too large, or begins another batch.
  [[nodiscard]] bool push_message(Stream stream, Position after, const Message& message);
  /// Heads of `heads`, or of what the batches before have brought, if that is later: a stream that
  /// was looked at a moment ago has gone on since, and must not seem to have been shortened.
  [[nodiscard]] bool push_heads(Positions heads);
  /// The stream really has been shortened, to there.
  void cut(Stream stream, Position head);
  void wake() const { wake_(); }
  void tell(Event event) {
    if (push(std::move(event))) wake();
  }
  std::vector<Event> take();
  /// Nothing more goes in.
  void close();

  /// Bytes of that stream's batches that wait here.
  size_t backlog_bytes(Stream stream) const;

 private:
  bool push_locked(Event event);
  void note_end(Stream stream, Position end);

  const Wake wake_;
  mutable std::mutex mutex_;
  std::vector<Event> events_;
  std::array<size_t, kStreamCount> backlog_{};
  Positions ends_{};  ///< of the batches so far
  size_t beats_ = 0;
  bool closed_ = false;
};

}  // namespace callbook::bus::nats
