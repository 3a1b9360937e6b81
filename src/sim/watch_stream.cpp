#include "sim/watch_stream.h"

#include <utility>

#include "base/check.h"
#include "sim/list_events.h"

namespace callbook::sim {
namespace {

constexpr int64_t kAliveEveryMs = 4'000;

}  // namespace

WatchStream::WatchStream(StreamId stream, uint64_t boot, size_t part_entries,
                         core::PublishedCatalog& catalog, ClientEnd& clients,
                         std::vector<Wanted> wanted, int64_t now_ms)
    : stream_(stream),
      boot_(boot),
      part_entries_(part_entries),
      catalog_(catalog),
      clients_(clients),
      now_ms_(now_ms),
      written_ms_(now_ms) {
  services_.reserve(wanted.size());
  due_.reserve(wanted.size());
  for (Wanted& one : wanted) {
    due_.push_back(catalog_.subscribe(one.key, *this));
    services_.push_back({std::move(one.key), std::move(one.cursor)});
  }
}

void WatchStream::flush(int64_t now_ms) {
  now_ms_ = now_ms;
  while (unread_ < clients_.window(stream_) && write_next()) {
    ++unread_;
    written_ms_ = now_ms;
  }
}

bool WatchStream::write_next() {
  for (; next_due_ < due_.size(); ++next_due_) {
    Followed& service = services_[due_[next_due_]];
    const core::ServiceViewPtr& view = catalog_.find(service.key);
    const core::Owed owed = service.cursor.owed(view.get());
    if (owed.kind != core::Owed::Kind::kNothing) {
      write(service, view.get(), owed);
      return true;
    }
    service.due = false;
  }
  due_.clear();
  next_due_ = 0;
  return false;
}

void WatchStream::write(Followed& service, const core::ServiceView* view, const core::Owed& owed) {
  const bool last_due = next_due_ + 1 == due_.size();
  std::optional<std::pair<uint64_t, uint64_t>> id;
  if (owed.kind == core::Owed::Kind::kDelta) {
    ListEvent made = make_delta(*view, owed, part_entries_);
    if (last_due && made.complete) id = {boot_, made.to};
    service.cursor.sent_delta(*view, made.to);
    clients_.write_event(stream_, std::move(made.event), id);
    return;
  }
  ListEvent made = make_snapshot(service.key, view, owed, part_entries_);
  const uint64_t version = view == nullptr ? catalog_.version() : view->version;
  if (last_due && made.complete) id = {boot_, version};
  service.cursor.sent_snapshot(view, made.last, made.end);
  clients_.write_event(stream_, std::move(made.event), id);
}

void WatchStream::event_read(int64_t now_ms) {
  CALLBOOK_CHECK(unread_ > 0);
  --unread_;
  flush(now_ms);
}

void WatchStream::tick(int64_t now_ms) {
  flush(now_ms);
  if (now_ms - written_ms_ < kAliveEveryMs) return;
  written_ms_ = now_ms;
  clients_.write_alive(stream_);
}

void WatchStream::on_changed(uint32_t token) {
  Followed& service = services_[token];
  if (service.due) return;
  service.due = true;
  due_.push_back(token);
}

void WatchStream::on_publication() {
  flush(now_ms_);
}

}  // namespace callbook::sim
