#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/bus_position.h"
#include "core/input.h"

namespace callbook::sim {

/// A message as the bus holds it. Never modified; shared with whoever is still reading it.
struct BusEntry {
  uint64_t version = 0;
  int64_t at_ms = 0;  ///< when it was accepted, by the bus's clock
  std::string key;
  std::string value;
};
using BusEntryPtr = std::shared_ptr<const BusEntry>;

/// Part of a stream on its way to a node, with the bytes that its messages borrow.
struct BusBatch {
  core::Stream stream = core::Stream::kTied;
  uint64_t generation = 0;
  uint64_t after = 0;
  uint64_t through = 0;
  std::vector<BusEntryPtr> entries;
  std::vector<core::BusMessage> messages;

  /// Valid as long as this batch.
  core::ApplyBatch input() const { return {stream, generation, after, through, messages}; }
};
using BusBatchPtr = std::shared_ptr<const BusBatch>;

/// One ordered, compacted stream of records as a bus keeps it. After any version, reading on yields
/// for every key at least its last message. Value type: a copy is a bus that has forked.
class BusStream {
 public:
  BusStream(core::Stream stream, uint64_t generation) : stream_(stream), generation_(generation) {}

  core::Stream name() const { return stream_; }
  core::StreamPosition head() const { return {generation_, version_}; }
  uint64_t append(std::string key, std::string value, int64_t now_ms);
  /// The messages above `after`, at most `most` of them. REQUIRES after <= head().version.
  BusBatchPtr read(uint64_t after, size_t most) const;

  /// Drops every message that a later one of its key has replaced.
  void compact();
  void drop_older_than(int64_t before_ms);
  /// The last `count` versions were never there.
  void lose_tail(uint64_t count);

  size_t size() const { return entries_.size(); }
  const BusEntryPtr& at(size_t index) const { return entries_[index]; }

 private:
  core::Stream stream_;
  uint64_t generation_;
  uint64_t version_ = 0;
  std::deque<BusEntryPtr> entries_;  ///< by version
  /// The last batch read: every node is pushed the same.
  mutable BusBatchPtr last_read_;
};

}  // namespace callbook::sim
