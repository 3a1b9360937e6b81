#include "sdk/lists_on_disk.h"

#include <algorithm>

#include <fmt/format.h>

#include "sdk/cache_file.h"

namespace callbook::sdk {

ListsOnDisk::ListsOnDisk(std::string directory, net::EventLoop& loop, Log log)
    : directory_(std::move(directory)), loop_(loop), log_(std::move(log)) {}

Watcher::Restored ListsOnDisk::read(const ServiceName& service) const {
  Watcher::Restored restored;
  restored.source = Directory::Source::kNone;
  if (directory_.empty()) return restored;
  auto cached = read_cache_file(directory_, service.name_space, service.service);
  if (cached.ok()) {
    return {std::move(cached->list), Directory::Source::kCache, cached->current_wall_ms};
  }
  if (cached.error().code != base::ErrorCode::kNotFound) {
    log_(fmt::format("cache: {}; it is not used", cached.error().to_string()));
  }
  return restored;
}

void ListsOnDisk::put(const ServiceName& service, const InstanceList& list,
                      int64_t current_wall_ms) {
  if (directory_.empty()) return;
  Entry& entry = entries_[{service.name_space, service.service}];
  entry.list = list;
  entry.current_wall_ms = current_wall_ms;
  write_later(entry);
}

void ListsOnDisk::confirm(const ServiceName& service, int64_t current_wall_ms) {
  const auto found = entries_.find({service.name_space, service.service});
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.current_wall_ms = std::max(entry.current_wall_ms, current_wall_ms);
  if (entry.current_wall_ms - entry.written_wall_ms >= kOldestMs) write_later(entry);
}

void ListsOnDisk::write_later(Entry& entry) {
  entry.waits = true;
  if (timer_ == nullptr) timer_ = loop_.after(kDelayMs, [this] { write_next(); });
}

void ListsOnDisk::write_next() {
  timer_.reset();
  const auto next = std::find_if(entries_.begin(), entries_.end(),
                                 [](const auto& entry) { return entry.second.waits; });
  if (next == entries_.end()) return;
  write(next->first, next->second);
  timer_ = loop_.after(kBetweenMs, [this] { write_next(); });
}

void ListsOnDisk::write_all() {
  timer_.reset();
  for (auto& [key, entry] : entries_) {
    // Dated anew as well: it was current until now.
    if (entry.waits || entry.current_wall_ms > entry.written_wall_ms) write(key, entry);
  }
}

void ListsOnDisk::write(const Key& key, Entry& entry) {
  entry.waits = false;
  entry.written_wall_ms = entry.current_wall_ms;
  const base::Status status =
      write_cache_file(directory_, {key.first, key.second, entry.current_wall_ms, entry.list});
  const bool failed = !status.ok();
  if (failed && !failing_) {
    log_(fmt::format("cache: {}; lists are kept in memory alone", status.error().to_string()));
  }
  failing_ = failed;
}

}  // namespace callbook::sdk
