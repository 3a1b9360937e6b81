#include "dialects/peer/snapshot_stream.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "dialects/peer/snapshot_codec.h"

namespace callbook::peer {
namespace {

constexpr size_t kPieceBytes = 60'000;
/// Pulled bytes are dropped when so many have gathered, so that each is moved once or so.
constexpr size_t kDropBytes = 1U << 20U;

}  // namespace

struct SnapshotStream::State {
  std::string ready;  ///< encoded
  size_t pulled = 0;  ///< of that
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
    append_changes(ready, changes, in_touch);
    if (ready.size() - pulled > kMostBehindBytes) {
      failed = true;
      std::string().swap(ready);  // assigning would keep its memory
      pulled = 0;
    }
    waker.wake();
  }

  net::SharedBytes next_piece() {
    if (pulled == ready.size()) return nullptr;
    const std::string_view rest = std::string_view(ready).substr(pulled);
    auto piece = net::make_piece(rest.substr(0, kPieceBytes));
    pulled += std::min(rest.size(), kPieceBytes);
    if (pulled == ready.size() && ready.capacity() > kDropBytes) {
      std::string().swap(ready);
      pulled = 0;
    } else if (pulled == ready.size() || pulled >= kDropBytes) {
      ready.erase(0, std::exchange(pulled, 0));
    }
    return piece;
  }
};

SnapshotStream::SnapshotStream(core::Front& front, bool follows, std::function<void()> whole,
                               std::shared_ptr<const void> held)
    : front_(front),
      follows_(follows),
      whole_(std::move(whole)),
      held_(std::move(held)),
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
  auto piece = state_->next_piece();
  const bool drained = state_->pulled == state_->ready.size();
  const bool over = state_->failed || (drained && state_->whole && !follows_);
  if (state_->whole && whole_) std::exchange(whole_, nullptr)();
  if (drained && !state_->whole && !over && !state_->asking) ask();
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
