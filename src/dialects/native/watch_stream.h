#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/front.h"
#include "core/published_catalog.h"
#include "core/watch_cursor.h"
#include "dialects/native/live_streams.h"
#include "dialects/native/scope.h"
#include "dialects/native/session_tie.h"
#include "net/http_server.h"

namespace callbook::native {

/// One subscriber's stream of events: a cursor per service and nothing else. What is owed is worked
/// out when the socket can take it, from the cursor and the present list.
class WatchStream final : public net::StreamSource, public core::Subscriber, public Ticking {
 public:
  struct Wanted {
    core::ServiceKey key;
    core::WatchCursor cursor;
  };

  /// Subscribes to all of `wanted`. Borrows the front, what `scope` names, and `list`.
  WatchStream(core::Front& front, const Scope& scope, Ticking::List& list,
              std::vector<Wanted> wanted, std::unique_ptr<SessionTie> tie);

  void on_start(net::StreamWaker waker) override { waker_ = std::move(waker); }

  net::StreamPiece pull() override;
  int64_t user_timeout_ms() const override { return tie_ ? kTiedUserTimeoutMs : 0; }
  void on_end(net::StreamEnd reason) override {
    if (tie_) tie_->ended(reason);
  }
  void on_changed(uint32_t token) override;
  void on_publication() override;
  bool has_seen(uint32_t token, uint64_t version) const override {
    return services_[token].cursor.has_reached(version);
  }
  void tick(int64_t now_ms) override;
  void leave() override;

 private:
  struct Followed {
    core::ServiceKey key;
    core::WatchCursor cursor;
    bool due = false;
  };

  net::StreamPiece send(Followed& service, const core::ServiceView* view, const core::Owed& owed);
  net::StreamPiece sending(net::SharedBytes piece);

  core::Front& front_;
  const Scope scope_;
  std::vector<Followed> services_;
  /// Tokens of the services that may be owed something, from next_due_ on. All others are complete
  /// through the present version.
  std::vector<uint32_t> due_;
  size_t next_due_ = 0;
  bool leaving_ = false;
  bool alive_due_ = true;  ///< until the first piece, and after silence
  int64_t quiet_since_ms_;
  bool nodes_due_;   ///< first of all, the client is told where else it may turn
  bool origin_due_;  ///< then, of another data center, how old it may be
  bool told_stale_ = false;
  std::unique_ptr<SessionTie> tie_;
  net::StreamWaker waker_;
};

}  // namespace callbook::native
