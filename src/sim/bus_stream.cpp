#include "sim/bus_stream.h"

#include <algorithm>
#include <unordered_set>

#include "base/check.h"

namespace callbook::sim {

uint64_t BusStream::append(std::string key, std::string value, int64_t now_ms) {
  entries_.push_back(std::make_shared<const BusEntry>(
      BusEntry{++version_, now_ms, std::move(key), std::move(value)}));
  last_read_.reset();
  return version_;
}

BusBatchPtr BusStream::read(uint64_t after, size_t most) const {
  CALLBOOK_CHECK(after <= version_);
  if (last_read_ && last_read_->after == after) return last_read_;
  auto batch = std::make_shared<BusBatch>();
  batch->stream = stream_;
  batch->generation = generation_;
  batch->after = after;
  auto entry = std::upper_bound(
      entries_.begin(), entries_.end(), after,
      [](uint64_t version, const BusEntryPtr& other) { return version < other->version; });
  for (; entry != entries_.end() && batch->entries.size() < most; ++entry) {
    batch->entries.push_back(*entry);
    batch->messages.push_back({(*entry)->version, (*entry)->key, (*entry)->value});
  }
  batch->through = entry == entries_.end() ? version_ : batch->entries.back()->version;
  last_read_ = batch;
  return batch;
}

void BusStream::compact() {
  std::unordered_set<std::string_view> seen;  // lookup only
  seen.reserve(entries_.size());
  std::deque<BusEntryPtr> kept;
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (seen.insert((*entry)->key).second) kept.push_front(*entry);
  }
  entries_ = std::move(kept);
  last_read_.reset();
}

void BusStream::drop_older_than(int64_t before_ms) {
  while (!entries_.empty() && entries_.front()->at_ms < before_ms) {
    entries_.pop_front();
    last_read_.reset();
  }
}

void BusStream::lose_tail(uint64_t count) {
  version_ -= std::min(count, version_);
  while (!entries_.empty() && entries_.back()->version > version_) entries_.pop_back();
  last_read_.reset();
}

}  // namespace callbook::sim
