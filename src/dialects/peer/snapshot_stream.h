#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/front.h"
#include "net/http_server.h"

namespace callbook::peer {

/// A snapshot of this node's records, read from core a part at a time and only as fast as the other
/// node takes it, so that it costs registrations here little.
class SnapshotStream final : public net::StreamSource {
 public:
  /// Borrows `front`. `gone` is called at the end of its life.
  SnapshotStream(core::Front& front, std::function<void()> gone);
  ~SnapshotStream() override;
  SnapshotStream(const SnapshotStream&) = delete;
  SnapshotStream& operator=(const SnapshotStream&) = delete;

  /// The first part has been read: it says whether there is anything to give.
  void begin(const core::RecordsRead::Part& first);
  void on_start(net::StreamWaker waker) override;
  net::StreamPiece pull() override;

  /// How many records core is asked for at once.
  static constexpr uint32_t kPartRecords = 500;

 private:
  struct State;
  void ask();

  core::Front& front_;
  const std::function<void()> gone_;
  /// Shared with answers under way, which may come when the stream has gone.
  std::shared_ptr<State> state_;
};

}  // namespace callbook::peer
