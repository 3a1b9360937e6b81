#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/bus_position.h"
#include "core/outbox.h"

namespace callbook::core {

/// What a node owes the bus, in the order in which it was last changed, while the bus is away: the
/// other nodes are told of it directly, each as far as it has taken it. Numbers grow for the life
/// of the process. Not thread-safe.
class DirectLine {
 public:
  /// Of more records than these, those that were changed last are kept; the others wait for the
  /// bus.
  static constexpr size_t kMostRecords = 100'000;

  struct Change {
    Stream stream = Stream::kTied;
    std::string key;
  };

  bool active() const { return active_; }
  /// The bus is away: begins with the changes that are owed already.
  void begin(const Outbox& outbox);
  /// The bus is back, and carries them.
  void end();
  /// REQUIRES active(). The record has changed; it takes the next number.
  void note(Stream stream, std::string_view key);
  /// Nothing is owed of the record any more.
  void drop(uint64_t number);

  /// Those with numbers above `after`, in order.
  auto after(uint64_t number) const {
    return std::pair(changes_.upper_bound(number), changes_.end());
  }
  size_t size() const { return changes_.size(); }

 private:
  using Place = std::pair<Stream, std::string>;

  bool active_ = false;
  uint64_t last_number_ = 0;
  std::map<uint64_t, Change> changes_;
  std::map<Place, uint64_t> numbers_;
};

}  // namespace callbook::core
