#include "sim/stream_server.h"

#include <utility>

#include "sim/watch_stream.h"

namespace callbook::sim {
namespace {

constexpr int64_t kAliveEveryMs = 2'000;
/// A lost host is noticed soon when a session hangs on it (TCP_USER_TIMEOUT), late otherwise.
constexpr int64_t kTiedTimeoutMs = 5'000;
constexpr int64_t kOtherTimeoutMs = 60'000;

base::Error not_ready() {
  return {base::ErrorCode::kNotReady, "", "the registry is still loading its catalog",
          std::nullopt};
}

}  // namespace

StreamServer::StreamServer(Process& process, const Scheduler& scheduler,
                           core::PublishedCatalog& catalog, ClientEnd& clients, uint64_t boot,
                           size_t part_entries)
    : process_(process),
      scheduler_(scheduler),
      catalog_(catalog),
      clients_(clients),
      boot_(boot),
      part_entries_(part_entries) {}

StreamServer::~StreamServer() = default;

// --- Attach streams ---

void StreamServer::attach(StreamId stream, core::AttachSession input) {
  attached_[stream] = {input.id};
  process_.submit(input, core::Ack::kLocal,
                  [this, stream, session = input.id](const base::Result<core::Reply>& reply) {
                    // Hung up while core was asked: the tie was made all the same.
                    if (!attached_.contains(stream)) {
                      if (reply.ok()) detach(session, How::kBroken);
                      return;
                    }
                    attached(stream, reply);
                  });
}

void StreamServer::attached(StreamId stream, const base::Result<core::Reply>& reply) {
  if (!reply.ok()) return end_attached(stream, reply.error(), How::kReleased);
  Attached& one = attached_[stream];
  one.open = true;
  one.next_alive_ms = scheduler_.now_ms() + kAliveEveryMs;
  clients_.write_opened(stream);
}

void StreamServer::refreshed(StreamId stream, const base::Result<core::Reply>& reply) {
  if (!attached_.contains(stream)) return;
  if (!reply.ok()) return end_attached(stream, reply.error(), How::kReleased);
  clients_.write_alive(stream);
}

void StreamServer::detach(const core::SessionId& session, How how) {
  process_.submit(core::DetachSession{session, how}, core::Ack::kLocal,
                  [](const base::Result<core::Reply>&) {});
}

void StreamServer::end_attached(StreamId stream, const std::optional<base::Error>& error, How how) {
  const auto found = attached_.find(stream);
  const Attached ended = found->second;
  attached_.erase(found);
  if (ended.open) detach(ended.session, how);
  clients_.write_end(stream, error);
}

// --- Watch streams ---

core::WatchCursor StreamServer::cursor_for(const WatchRequest& request,
                                           const WatchRequest::Service& service) const {
  // Versions mean nothing in another boot than that which gave them.
  if (request.last_event_id && request.last_event_id->first == boot_ &&
      request.last_event_id->second <= catalog_.version()) {
    return core::WatchCursor::at_version(request.last_event_id->second);
  }
  if (service.digest) return core::WatchCursor::with_digest(*service.digest);
  return core::WatchCursor::blank();
}

void StreamServer::watch(StreamId stream, const WatchRequest& request) {
  if (process_.registry().loading()) return clients_.write_end(stream, not_ready());
  std::vector<WatchStream::Wanted> wanted;
  wanted.reserve(request.services.size());
  for (const WatchRequest::Service& service : request.services) {
    wanted.push_back({service.key, cursor_for(request, service)});
  }
  const int64_t now_ms = scheduler_.now_ms();
  clients_.write_opened(stream);
  auto made = std::make_unique<WatchStream>(stream, boot_, part_entries_, catalog_, clients_,
                                            std::move(wanted), now_ms);
  made->flush(now_ms);
  watches_[stream] = std::move(made);
}

void StreamServer::event_read(StreamId stream) {
  const auto found = watches_.find(stream);
  if (found != watches_.end()) found->second->event_read(scheduler_.now_ms());
}

// --- Both ---

void StreamServer::hung_up(StreamId stream) {
  watches_.erase(stream);
  if (attached_.contains(stream)) end_attached(stream, std::nullopt, How::kBroken);
}

void StreamServer::close_all(const base::Error& error) {
  while (!attached_.empty()) {
    end_attached(attached_.begin()->first, error, How::kReleased);
  }
  for (const auto& [stream, watch] : std::exchange(watches_, {})) clients_.write_end(stream, error);
}

void StreamServer::tick() {
  const int64_t now_ms = scheduler_.now_ms();
  for (auto next = attached_.begin(); next != attached_.end();) {
    const StreamId stream = next->first;
    Attached& one = (next++)->second;  // may be erased below
    const int64_t silent_ms = clients_.unacknowledged_ms(stream);
    if (silent_ms >= kTiedTimeoutMs) {
      end_attached(stream, std::nullopt,
                   silent_ms == ClientEnd::kReset ? How::kBroken : How::kSilent);
    } else if (one.open && now_ms >= one.next_alive_ms) {
      one.next_alive_ms = now_ms + kAliveEveryMs;
      process_.submit(
          core::CheckTie{one.session}, core::Ack::kLocal,
          [this, stream](const base::Result<core::Reply>& reply) { refreshed(stream, reply); });
    }
  }
  for (auto next = watches_.begin(); next != watches_.end();) {
    if (clients_.unacknowledged_ms(next->first) >= kOtherTimeoutMs) {
      clients_.write_end(next->first, std::nullopt);
      next = watches_.erase(next);
    } else {
      (next++)->second->tick(now_ms);
    }
  }
}

}  // namespace callbook::sim
