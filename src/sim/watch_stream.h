#pragma once

#include <cstdint>
#include <vector>

#include "core/published_catalog.h"
#include "core/watch_cursor.h"
#include "sim/client_end.h"

namespace callbook::sim {

/// One subscriber's stream of events at a node: a cursor per service and nothing else. What is owed
/// is worked out when the socket has room, from the cursor and the present list.
class WatchStream final : public core::Subscriber {
 public:
  struct Wanted {
    core::ServiceKey key;
    core::WatchCursor cursor;
  };

  /// Borrows `catalog` and `clients`. Writes at most `part_entries` instances or changes an event.
  WatchStream(StreamId stream, uint64_t boot, size_t part_entries, core::PublishedCatalog& catalog,
              ClientEnd& clients, std::vector<Wanted> wanted, int64_t now_ms);

  /// Writes what is owed, as far as there is room.
  void flush(int64_t now_ms);
  void event_read(int64_t now_ms);
  /// Writes a sign of life if nothing else has been written for a while.
  void tick(int64_t now_ms);

  void on_changed(uint32_t token) override;
  void on_publication() override;
  bool has_seen(uint32_t token, uint64_t version) const override {
    return services_[token].cursor.has_reached(version);
  }

 private:
  struct Followed {
    core::ServiceKey key;
    core::WatchCursor cursor;
    bool due = true;
  };

  bool write_next();
  void write(Followed& service, const core::ServiceView* view, const core::Owed& owed);

  const StreamId stream_;
  const uint64_t boot_;
  const size_t part_entries_;
  core::PublishedCatalog& catalog_;
  ClientEnd& clients_;
  std::vector<Followed> services_;
  /// Tokens of the services that may be owed something, from next_due_ on. All others are complete
  /// through the present version.
  std::vector<uint32_t> due_;
  size_t next_due_ = 0;
  size_t unread_ = 0;  ///< events written that the client has not read
  int64_t now_ms_;     ///< of the last call that told
  int64_t written_ms_;
};

}  // namespace callbook::sim
