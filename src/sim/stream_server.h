#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "core/published_catalog.h"
#include "core/watch_cursor.h"
#include "sim/client_end.h"
#include "sim/process.h"

namespace callbook::sim {

class WatchStream;

/// The streams that one process of a registry node serves: sessions tied to connections, and
/// watches. Does what the native dialect does, without bytes.
class StreamServer {
 public:
  /// Borrows everything; `catalog` is fed by the process.
  StreamServer(Process& process, const Scheduler& scheduler, core::PublishedCatalog& catalog,
               ClientEnd& clients, uint64_t boot, size_t part_entries);
  ~StreamServer();
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;

  // What a client asks.
  void attach(StreamId stream, core::AttachSession input);
  void watch(StreamId stream, const WatchRequest& request);
  /// The client has read an event: there is room for another.
  void event_read(StreamId stream);
  /// The client's FIN or reset has arrived.
  void hung_up(StreamId stream);

  /// The node can't serve any more; every stream is told why.
  void close_all(const base::Error& error);
  /// Signs of life, and streams whose other end is gone. A few times a second.
  void tick();

 private:
  struct Attached {
    core::SessionId session;
    bool open = false;  ///< core has tied the session to it
    int64_t next_alive_ms = 0;
  };

  void attached(StreamId stream, const base::Result<core::Reply>& reply);
  void refreshed(StreamId stream, const base::Result<core::Reply>& reply);
  using How = core::DetachSession::How;
  void detach(const core::SessionId& session, How how);
  void end_attached(StreamId stream, const std::optional<base::Error>& error, How how);
  core::WatchCursor cursor_for(const WatchRequest& request,
                               const WatchRequest::Service& service) const;

  Process& process_;
  const Scheduler& scheduler_;
  core::PublishedCatalog& catalog_;
  ClientEnd& clients_;
  const uint64_t boot_;
  const size_t part_entries_;
  std::map<StreamId, Attached> attached_;
  std::map<StreamId, std::unique_ptr<WatchStream>> watches_;
};

}  // namespace callbook::sim
