#include "dialects/native/watch_stream.h"

#include <utility>

#include "dialects/native/json_output.h"

namespace callbook::native {
namespace {

constexpr int64_t kAliveMs = 5'000;

}  // namespace

WatchStream::WatchStream(core::Front& front, const Scope& scope, Ticking::List& list,
                         std::vector<Wanted> wanted, std::unique_ptr<SessionTie> tie)
    : Ticking(list),
      front_(front),
      scope_(scope),
      quiet_since_ms_(front.now().mono_ms),
      nodes_due_(front.facts().clustered),
      origin_due_(scope.followed != nullptr),
      tie_(std::move(tie)) {
  services_.reserve(wanted.size());
  due_.reserve(wanted.size());
  for (Wanted& one : wanted) {
    due_.push_back(scope_.catalog->subscribe(one.key, *this));
    services_.push_back({std::move(one.key), std::move(one.cursor), true});
  }
}

net::StreamPiece WatchStream::pull() {
  if (std::exchange(nodes_due_, false)) {
    return {net::StreamPiece::State::kMore,
            net::make_piece(nodes_event("nodes", *front_.other_nodes()))};
  }
  if (std::exchange(origin_due_, false)) {
    const Origin origin = scope_.origin(front_.now().mono_ms);
    told_stale_ = origin.stale;
    return {net::StreamPiece::State::kMore, net::make_piece(origin_event(origin))};
  }
  for (; next_due_ < due_.size(); ++next_due_) {
    Followed& service = services_[due_[next_due_]];
    const core::ServiceViewPtr& view = scope_.catalog->find(service.key);
    const core::Owed owed = service.cursor.owed(view.get());
    if (owed.kind != core::Owed::Kind::kNothing) return send(service, view.get(), owed);
    service.due = false;
  }
  due_.clear();
  next_due_ = 0;
  if (leaving_) {
    return {net::StreamPiece::State::kEnd,
            net::make_piece(nodes_event("leaving", *front_.other_nodes()))};
  }
  if (!alive_due_) return {net::StreamPiece::State::kIdle, nullptr};
  return sending(scope_.encoder->alive(scope_.catalog->version(), true));
}

net::StreamPiece WatchStream::send(Followed& service, const core::ServiceView* view,
                                   const core::Owed& owed) {
  const bool last_due = next_due_ + 1 == due_.size();
  const EncodedEvent& event =
      scope_.encoder->encode(service.key, view, owed, last_due, scope_.catalog->version());
  if (owed.kind == core::Owed::Kind::kDelta) {
    service.cursor.sent_delta(*view, event.to);
  } else {
    service.cursor.sent_snapshot(view, event.last, event.end);
  }
  return sending(event.piece);
}

net::StreamPiece WatchStream::sending(net::SharedBytes piece) {
  alive_due_ = false;
  quiet_since_ms_ = front_.now().mono_ms;
  return {net::StreamPiece::State::kMore, std::move(piece)};
}

void WatchStream::on_changed(uint32_t token) {
  Followed& service = services_[token];
  if (service.due) return;
  service.due = true;
  due_.push_back(token);
}

void WatchStream::on_publication() {
  waker_.wake();
}

/// What is owed until then goes out before.
void WatchStream::leave() {
  leaving_ = true;
  waker_.wake();
}

void WatchStream::tick(int64_t now_ms) {
  if (scope_.is_stale(now_ms) != told_stale_ && !origin_due_) {
    origin_due_ = true;
    waker_.wake();
  }
  const int64_t every_ms = tie_ ? tie_->heartbeat_ms() : kAliveMs;
  if (now_ms - quiet_since_ms_ < every_ms) return;
  alive_due_ = true;
  waker_.wake();
}

}  // namespace callbook::native
