#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "net/event_loop.h"
#include "sdk/native_client.h"
#include "sdk/watcher.h"

namespace callbook::sdk {

/// The lists of a client on disk: read once each, written some time after they change, a file at a
/// time, so that a storm of changes is no storm of writes. A full disk or a directory that can't be
/// written is logged once and never stands in the way. Loop's thread only, but for read().
class ListsOnDisk {
 public:
  using Log = std::function<void(const std::string&)>;

  static constexpr int64_t kDelayMs = 1'000;     ///< from a change to its file
  static constexpr int64_t kBetweenMs = 20;      ///< two files
  static constexpr int64_t kOldestMs = 600'000;  ///< a list that does not change is dated anew

  /// Borrows `loop`. An empty directory: keeps nothing.
  ListsOnDisk(std::string directory, net::EventLoop& loop, Log log);

  /// What the disk has of a service; its source says whether that is anything. Any thread.
  Watcher::Restored read(const ServiceName& service) const;
  /// Another list is current.
  void put(const ServiceName& service, const InstanceList& list, int64_t current_wall_ms);
  /// The list is still current.
  void confirm(const ServiceName& service, int64_t current_wall_ms);
  /// Writes what waits. After the loop has ended.
  void write_all();

 private:
  using Key = std::pair<std::string, std::string>;  // namespace, service
  struct Entry {
    InstanceList list;
    int64_t current_wall_ms = 0;
    int64_t written_wall_ms = 0;  ///< what the file says of its age
    bool waits = false;
  };

  void write_later(Entry& entry);
  void write_next();
  void write(const Key& key, Entry& entry);

  const std::string directory_;
  net::EventLoop& loop_;
  const Log log_;
  std::map<Key, Entry> entries_;
  std::unique_ptr<net::EventLoop::Timer> timer_;
  bool failing_ = false;
};

}  // namespace callbook::sdk
