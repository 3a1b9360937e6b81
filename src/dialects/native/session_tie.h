#pragma once

#include "core/front.h"
#include "net/http_server.h"

namespace callbook::native {

/// How long the host of a tied session may leave data unacknowledged: a lost host is noticed soon.
inline constexpr int64_t kTiedUserTimeoutMs = 5'000;

/// Ties a session to a connection for as long as it lives. Made after AttachSession has succeeded.
class SessionTie {
 public:
  SessionTie(core::Front& front, core::SessionId session, int64_t heartbeat_ms)
      : front_(front), session_(session), heartbeat_ms_(heartbeat_ms) {}
  SessionTie(const SessionTie&) = delete;
  SessionTie& operator=(const SessionTie&) = delete;
  ~SessionTie() {
    front_.submit(core::DetachSession{session_, how_}, core::Ack::kLocal, [](const auto&) {});
  }

  /// How the connection came to its end; unless told, this node let it go.
  void ended(net::StreamEnd reason) {
    using How = core::DetachSession::How;
    const bool broken =
        reason == net::StreamEnd::kPeerClosed || reason == net::StreamEnd::kPeerReset;
    if (broken) how_ = How::kBroken;
    if (reason == net::StreamEnd::kPeerSilent) how_ = How::kSilent;
  }

  core::SessionId session() const { return session_; }
  int64_t heartbeat_ms() const { return heartbeat_ms_; }

 private:
  core::Front& front_;
  const core::SessionId session_;
  const int64_t heartbeat_ms_;
  core::DetachSession::How how_ = core::DetachSession::How::kReleased;
};

}  // namespace callbook::native
