#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "dialects/peer/snapshot_codec.h"
#include "net/event_loop.h"
#include "net/http_client.h"

namespace callbook::peer {

/// Gets another node's snapshot, and follows it if asked to. Destroying it ends it without calling
/// back. Loop's thread only.
class SnapshotReader final : private net::ClientStreamReader {
 public:
  struct Callbacks {
    std::function<void(SnapshotFramePtr frame)> on_frame;
    /// Once, and last. An error: the snapshot did not come whole, or what was followed has ended.
    /// Must not destroy the reader.
    std::function<void(base::Status status)> on_end;
  };

  SnapshotReader(net::EventLoop& loop, const std::string& host, uint16_t port, bool follows,
                 Callbacks callbacks);
  ~SnapshotReader() override;
  SnapshotReader(const SnapshotReader&) = delete;
  SnapshotReader& operator=(const SnapshotReader&) = delete;

  bool ended() const { return ended_; }
  /// So many have come.
  uint64_t bytes() const { return bytes_; }

 private:
  void on_header(int status) override;
  void on_data(std::string_view data) override;
  void on_end(base::Status status) override;
  void end(base::Status status);

  const bool follows_;
  const Callbacks callbacks_;
  SnapshotDecoder decoder_;
  bool answered_ = false;  ///< with 200
  bool ended_ = false;
  uint64_t bytes_ = 0;
  std::unique_ptr<net::HttpClientStream> stream_;
};

}  // namespace callbook::peer
