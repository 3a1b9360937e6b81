#include "core/feature_readers.h"

#include <algorithm>

namespace callbook::core {

void FeatureReaders::hear(NodeId node, RecordFeatures reads, RecordFeatures all_read,
                          int64_t now_ms) {
  readers_[node] = {reads, now_ms};
  vouched_ |= all_read;
}

void FeatureReaders::listen(int64_t now_ms) {
  if (listened_ms_ == 0 || now_ms - listened_ms_ > longest_gap_ms_) {
    listening_since_ms_ = now_ms;
    vouched_ = 0;
  }
  listened_ms_ = std::max<int64_t>(now_ms, 1);
  std::erase_if(readers_,
                [&](const auto& entry) { return now_ms - entry.second.heard_ms > absent_ms_; });
}

RecordFeatures FeatureReaders::read_by_all(int64_t now_ms) const {
  // Those that live must have had the time to say what they read.
  if (listened_ms_ == 0 || now_ms - listened_ms_ > longest_gap_ms_) return 0;
  if (now_ms - listening_since_ms_ <= longest_gap_ms_) return 0;
  RecordFeatures all = kReadFeatures;
  if (now_ms - listening_since_ms_ <= absent_ms_) all &= vouched_;
  for (const auto& [node, reader] : readers_) all &= reader.reads;
  return all;
}

}  // namespace callbook::core
