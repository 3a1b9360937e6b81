#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sdk/backoff.h"
#include "sdk/directory.h"
#include "sim/checkers.h"
#include "sim/client_port.h"
#include "sim/random.h"
#include "sim/scheduler.h"
#include "sim/settings.h"

namespace callbook::sim {

/// A process that watches services and keeps the client library's directory of each. On an error,
/// silence, or a list that its digest contradicts, it goes on, mostly at another node, after a
/// wait. It brings along the last event id and the digests of its lists, so that the same process
/// of the same node resumes it exactly and any other by what differs.
///
/// Where consumers report, it calls those whom it is told to call every few seconds, and reports
/// whom it does not reach; now and then nobody at all, by a fault of its own.
class Consumer final : public ListHolder {
 public:
  Consumer(Scheduler& scheduler, ClientPort& port, Random random, const Settings& settings,
           Checkers& checkers, ClientId client, std::vector<uint32_t> services);
  ~Consumer() override;
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  void start();
  /// Hangs up and comes back, to the same node or another, for no reason.
  void reconnect();
  /// For so long it reads nothing: what comes waits.
  void stop_reading(int64_t for_ms);

  ClientId client() const override { return client_; }
  std::optional<size_t> connected() const override;
  size_t list_count() const override { return lists_.size(); }
  uint32_t service(size_t list) const override { return lists_[list].service; }
  const sdk::Directory& directory(size_t list) const override { return lists_[list].directory; }

  uint64_t state_hash() const;

 private:
  class WatchSink;
  struct List {
    uint32_t service;
    sdk::Directory directory;
  };
  using EventId = std::optional<std::pair<uint64_t, uint64_t>>;
  struct Unread {
    uint64_t era = 0;
    std::optional<WatchEvent> event;  ///< none: a sign of life
    EventId id;
  };

  void connect(size_t node);
  WatchRequest request();
  void opened();
  void received(Unread one);
  void read_on();
  void read(Unread& one);
  void take(WatchEvent& event, const EventId& id);
  void lost(const std::optional<base::Error>& error);
  void go_on(bool same_node);
  void watch_silence();
  size_t other_node();
  void call_later();
  void call_all();
  void report(uint32_t service, const std::string& id);

  Scheduler& scheduler_;
  ClientPort& port_;
  Random random_;
  Random calls_random_;
  const bool reports_;
  Checkers& checkers_;
  const ClientId client_;
  std::vector<List> lists_;
  sdk::Backoff backoff_;
  uint64_t era_ = 0;
  size_t node_ = 0;
  StreamId stream_ = 0;
  bool streaming_ = false;
  bool open_ = false;
  int64_t heard_ms_ = 0;
  EventId last_id_;
  size_t last_id_node_ = SIZE_MAX;
  std::vector<Unread> unread_;
  int64_t reads_again_ms_ = 0;
  int64_t blind_until_ms_ = 0;  ///< it reaches nobody, by its own fault
};

}  // namespace callbook::sim
