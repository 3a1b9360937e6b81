#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/front.h"
#include "net/http_server.h"

namespace callbook::peer {

/// A snapshot of this node's records, read from core a part at a time and only as fast as the other
/// node takes it, so that it costs registrations here little. For who follows it goes on with every
/// change from its beginning on; who falls too far behind is cut off, and begins again.
class SnapshotStream final : public net::StreamSource {
 public:
  /// Borrows `front`. `whole` is called once the snapshot has been given, or at the end of its
  /// life; `held` is kept until then.
  SnapshotStream(core::Front& front, bool follows, std::function<void()> whole,
                 std::shared_ptr<const void> held);
  ~SnapshotStream() override;
  SnapshotStream(const SnapshotStream&) = delete;
  SnapshotStream& operator=(const SnapshotStream&) = delete;

  /// The first part has been read: it says whether there is anything to give.
  void begin(const core::RecordsRead::Part& first);
  void on_start(net::StreamWaker waker) override;
  net::StreamPiece pull() override;
  /// Who does not read for so long is not worth what is kept for it.
  int64_t user_timeout_ms() const override { return follows_ ? 20'000 : 0; }

  /// How many records core is asked for at once.
  static constexpr uint32_t kPartRecords = 500;
  /// What is kept for one that follows too slowly.
  static constexpr size_t kMostBehindBytes = 64U << 20U;

 private:
  struct State;
  void ask();

  core::Front& front_;
  const bool follows_;
  std::function<void()> whole_;
  const std::shared_ptr<const void> held_;
  /// Shared with answers under way, which may come when the stream has gone.
  std::shared_ptr<State> state_;
  std::unique_ptr<core::RecordsTail> tail_;
};

}  // namespace callbook::peer
