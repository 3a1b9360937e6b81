// What nodes tell each other without the bus.

#include <algorithm>

#include "core/registry.h"

namespace callbook::core {

using base::Now;
using base::Result;

namespace {

/// At once to one node; one record may be longer than that.
constexpr size_t kMostTold = 500;
constexpr size_t kMostToldBytes = 256 * 1024;
/// Of a node that has said nothing for so long it is not known what it has taken.
constexpr int64_t kToldTimeoutMs = 5'000;
constexpr int64_t kTellAgainMs = 1'000;

}  // namespace

/// Tells each node that serves what it has not taken yet, a batch at a time.
void Registry::advance_direct(Now now, Outputs& out) {
  if (bus_connected_ || phase_ != Phase::kServing || join_.as_new) {
    if (direct_.active()) direct_.end();
    return;
  }
  direct_.begin(outbox_);
  for (const auto& [node, peer] : peers_.all()) {
    if (!peer.serving || peer.deaf || !peers_.is_alive(node, now.mono_ms)) continue;
    if (peer.telling_ms != 0 && now.mono_ms - peer.telling_ms < kToldTimeoutMs) continue;
    if (now.mono_ms >= peer.tell_after_ms) tell(node, now, out);
  }
}

void Registry::tell(NodeId node, Now now, Outputs& out) {
  PeerTable::Peer& peer = *peers_.find(node);
  DirectBatch batch{node, peer.told, {}};
  auto [next, end] = direct_.after(peer.told);
  while (next != end && batch.records.size() < kMostTold &&
         batch.records.byte_count() < kMostToldBytes) {
    batch.through = next->first;
    const DirectLine::Change& change = (next++)->second;
    const Outbox::Entry* owed = outbox_.find(change.stream, change.key);
    if (owed == nullptr || owed->reason != Outbox::Reason::kChange) continue;
    if (is_owed_for_too_long(*owed, now)) continue;
    write_current(change.key, owed->version, now, false, batch.records);
  }
  if (batch.records.empty()) {
    peer.told = batch.through;
    return;
  }
  peer.telling_ms = std::max<int64_t>(now.mono_ms, 1);
  counters_.told_directly += batch.records.size();
  out.direct.push_back(std::move(batch));
}

Result<Reply> Registry::apply(const SettleDirect& input, Now now, Outputs&) {
  PeerTable::Peer* peer = peers_.find(input.node);
  if (peer == nullptr || peer->telling_ms == 0) return Reply(Done{});
  peer->telling_ms = 0;
  if (input.outcome == SettleDirect::Outcome::kTaken) {
    peer->told = std::max(peer->told, input.through);
  } else if (input.outcome == SettleDirect::Outcome::kUnknown) {
    peer->deaf = true;
  } else {
    peer->tell_after_ms = now.mono_ms + kTellAgainMs;
  }
  return Reply(Done{});
}

/// Merged as what a snapshot shows: the bus need not have it, and no position moves.
Result<Reply> Registry::apply(const ApplyDirect& input, Now now, Outputs& out) {
  if (!options_.clustered || phase_ == Phase::kLoading) return Reply(Done{});
  // Sessions first, as of a batch of the bus.
  for (const bool of_sessions : {true, false}) {
    for (const BusMessage& record : input.records) {
      if (is_session_key(record.key) == of_sessions) apply_message({}, record, now, out);
    }
  }
  counters_.heard_directly += input.records.size();
  return Reply(Done{});
}

}  // namespace callbook::core
