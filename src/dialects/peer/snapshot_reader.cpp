#include "dialects/peer/snapshot_reader.h"

#include <utility>

#include <fmt/format.h>

#include "dialects/peer/peer_dialect.h"

namespace callbook::peer {
namespace {

constexpr int64_t kHeaderTimeoutMs = 5'000;

}  // namespace

SnapshotReader::SnapshotReader(net::EventLoop& loop, const std::string& host, uint16_t port,
                               bool follows, Callbacks callbacks)
    : follows_(follows), callbacks_(std::move(callbacks)), decoder_(follows) {
  net::ClientRequest request;
  request.target = PeerDialect::kSnapshotPath;
  if (follows) request.target += "?follow=true";
  request.timeout_ms = kHeaderTimeoutMs;
  net::ClientStreamReader& reader = *this;
  stream_ = std::make_unique<net::HttpClientStream>(loop, host, port, std::move(request), reader);
}

SnapshotReader::~SnapshotReader() = default;

void SnapshotReader::on_header(int status) {
  answered_ = status == 200;
  if (!answered_) {
    end(base::Error{base::ErrorCode::kIo, "snapshot", fmt::format("was refused with {}", status),
                    std::nullopt});
  }
}

void SnapshotReader::on_data(std::string_view data) {
  if (ended_ || !answered_) return;
  bytes_ += data.size();
  decoder_.add(data);
  while (!ended_) {
    auto frame = decoder_.next();
    if (!frame.ok()) return end(frame.error());
    if (!*frame) return;
    callbacks_.on_frame(std::move(*frame));
    if (decoder_.ended() && !follows_) return end({});
  }
}

void SnapshotReader::on_end(base::Status status) {
  if (status.ok()) {
    const bool whole = decoder_.ended();
    status = base::Error{base::ErrorCode::kIo, "snapshot",
                         whole ? "is not told on" : "ended before it was whole", std::nullopt};
  }
  end(std::move(status));
}

void SnapshotReader::end(base::Status status) {
  if (!std::exchange(ended_, true)) callbacks_.on_end(std::move(status));
}

}  // namespace callbook::peer
