#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/front.h"
#include "dialects/native/live_streams.h"
#include "dialects/native/session_tie.h"
#include "net/http_server.h"

namespace callbook::native {

/// The stream of GET /v1/sessions/{session}/attach: it says `attached`, then `alive` about every
/// heartbeat as long as the session stands, `drained` and `restored` when an operator takes out an
/// instance of it and when that ends, `superseded` and `ended` with the reason when it no longer
/// stands.
class AttachStream final : public net::StreamSource, public Ticking {
 public:
  /// `mute` counts the streams that stand for the heartbeats of a process that promised none when
  /// they began; it outlives the stream, as `front` and `list` do.
  AttachStream(core::Front& front, Ticking::List& list, size_t& mute,
               const core::SessionOpened& opened, std::string attached_event);
  ~AttachStream() override { mute_ -= mutes_; }
  AttachStream(const AttachStream&) = delete;
  AttachStream& operator=(const AttachStream&) = delete;

  void on_start(net::StreamWaker waker) override { waker_ = std::move(waker); }

  net::StreamPiece pull() override;
  int64_t user_timeout_ms() const override { return kTiedUserTimeoutMs; }
  void on_end(net::StreamEnd reason) override { tie_.ended(reason); }
  void tick(int64_t now_ms) override;
  void leave() override;

 private:
  void ask();
  void answered(const base::Result<core::Reply>& reply);
  std::string changes_of(std::vector<core::TakenOut> taken_out);

  core::Front& front_;
  size_t& mute_;
  const size_t mutes_;  ///< what this stream adds to `mute_`
  SessionTie tie_;
  std::optional<std::string> pending_;     ///< the next event
  std::vector<core::TakenOut> taken_out_;  ///< as its client has been told
  bool ended_ = false;
  bool asking_ = false;
  int64_t asked_ms_;
  net::StreamWaker waker_;
  /// Answers that come after the stream is gone find this expired.
  std::shared_ptr<AttachStream*> self_;
};

}  // namespace callbook::native
