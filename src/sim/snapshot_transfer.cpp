#include "sim/snapshot_transfer.h"

#include <utility>

namespace callbook::sim {
namespace {

constexpr int64_t kFewestRecords = 10;
constexpr int64_t kMostRecords = 300;
constexpr int64_t kLongestPauseMs = 40;
constexpr int64_t kPatienceMs = 2'000;

}  // namespace

SnapshotSource::SnapshotSource(Process& process, Random random, Send send)
    : process_(process),
      random_(random),
      send_(std::move(send)),
      part_records_(static_cast<size_t>(random_.between(kFewestRecords, kMostRecords))) {}

void SnapshotSource::begin(size_t to, uint64_t transfer) {
  const core::Registry& registry = process_.registry();
  if (registry.phase() != core::Phase::kServing || sending_.contains(transfer)) return;
  sending_[transfer] = {to, 0, registry.positions(), {}};
  send_part(transfer);
}

void SnapshotSource::send_part(uint64_t transfer) {
  const core::Registry& registry = process_.registry();
  Sending& sending = sending_[transfer];
  if (registry.phase() != core::Phase::kServing) {
    sending_.erase(transfer);
    return;
  }
  auto part = std::make_shared<SnapshotPart>();
  part->transfer = transfer;
  part->number = sending.next++;
  part->positions = sending.positions;
  registry.dump(sending.cursor, part_records_, part->records);
  part->last = sending.cursor.done();
  part->messages.reserve(part->records.size());
  for (size_t i = 0; i < part->records.size(); ++i) {
    const auto item = part->records[i];
    part->messages.push_back({item.version, item.key, item.value});
  }
  send_(sending.to, part);
  if (part->last) {
    sending_.erase(transfer);
    return;
  }
  process_.later(random_.between(5, kLongestPauseMs), [this, transfer] { send_part(transfer); });
}

void SnapshotTarget::expect(uint64_t transfer, int64_t now_ms) {
  transfer_ = transfer;
  next_ = 0;
  under_way_ = true;
  heard_ms_ = now_ms;
}

bool SnapshotTarget::take(const SnapshotPart& part, int64_t now_ms) {
  if (!under_way_ || part.transfer != transfer_ || part.number < next_) return false;
  if (part.number > next_) {
    under_way_ = false;
    return false;
  }
  ++next_;
  heard_ms_ = now_ms;
  under_way_ = !part.last;
  return true;
}

bool SnapshotTarget::busy(int64_t now_ms) const {
  return under_way_ && now_ms - heard_ms_ < kPatienceMs;
}

}  // namespace callbook::sim
