#include "dialects/peer/snapshot_stream.h"

#include <string>
#include <utility>

#include "dialects/peer/snapshot_codec.h"

namespace callbook::peer {

struct SnapshotStream::State {
  std::string ready;  ///< encoded, not yet pulled
  core::DumpCursor cursor;
  uint64_t records = 0;
  bool begun = false;
  bool asking = false;
  bool whole = false;
  bool failed = false;  ///< this node no longer serves: the stream ends short
  net::StreamWaker waker;

  void take(const core::RecordsRead::Part& part) {
    records += append_records(ready, part.records);
    cursor = part.next;
    whole = cursor.done();
    if (whole) append_end(ready, records);
  }

  /// What changed before the beginning is in it.
  void take_changes(const core::RecordBatch& changes, bool in_touch) {
    if (!begun || failed) return;
    if (ready.size() > kMostBehindBytes) {
      failed = true;
    } else {
      append_changes(ready, changes, in_touch);
    }
    waker.wake();
  }
};

SnapshotStream::SnapshotStream(core::Front& front, bool follows, std::function<void()> whole)
    : front_(front),
      follows_(follows),
      whole_(std::move(whole)),
      state_(std::make_shared<State>()) {
  if (!follows) return;
  tail_ = front.follow_records(
      [held = std::weak_ptr(state_)](const core::RecordBatch& changes, bool in_touch) {
        if (const auto state = held.lock()) state->take_changes(changes, in_touch);
      });
}

SnapshotStream::~SnapshotStream() {
  if (whole_) whole_();
}

void SnapshotStream::begin(const core::RecordsRead::Part& first) {
  append_beginning(state_->ready, first.positions, front_.facts().datacenter);
  state_->begun = true;
  state_->take(first);
}

void SnapshotStream::on_start(net::StreamWaker waker) {
  state_->waker = std::move(waker);
}

net::StreamPiece SnapshotStream::pull() {
  using StreamState = net::StreamPiece::State;
  const std::string bytes = std::exchange(state_->ready, {});
  const bool over = (state_->whole && !follows_) || state_->failed;
  if (state_->whole && whole_) std::exchange(whole_, nullptr)();
  if (!state_->whole && !over && !state_->asking) ask();
  auto piece = bytes.empty() ? nullptr : net::make_piece(bytes);
  if (over) return {StreamState::kEnd, std::move(piece)};
  return {piece ? StreamState::kMore : StreamState::kIdle, std::move(piece)};
}

/// The next part is read while the one before it is on its way.
void SnapshotStream::ask() {
  state_->asking = true;
  front_.submit(core::ReadRecords{state_->cursor, kPartRecords}, core::Ack::kLocal,
                [held = std::weak_ptr(state_)](const base::Result<core::Reply>& reply) {
                  const auto state = held.lock();
                  if (!state) return;
                  state->asking = false;
                  if (reply.ok()) {
                    state->take(*std::get<core::RecordsRead>(*reply).part);
                  } else {
                    state->failed = true;
                  }
                  state->waker.wake();
                });
}

}  // namespace callbook::peer
