#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/unique_function.h"
#include "core/registry.h"
#include "net/event_loop.h"
#include "node/worker.h"
#include "store/log.h"

namespace callbook::node {

/// Drives the log on the core's thread: group commits and the sealing of rewrites run on a worker,
/// rewrites are fed from the registry in small steps between other work. Borrows what it is given.
class StoreKeeper {
 public:
  using OnDurable = base::UniqueFunction<void(const base::Status&)>;

  StoreKeeper(net::EventLoop& loop, Worker& worker, const core::Registry& registry,
              std::unique_ptr<store::Log> log, base::Logger& logger, int64_t sync_interval_ms);
  ~StoreKeeper();
  StoreKeeper(const StoreKeeper&) = delete;
  StoreKeeper& operator=(const StoreKeeper&) = delete;

  /// Writes the records. A failure is kept as the log's degradation, not returned: local
  /// acceptance goes on without the disk.
  void write(const core::RecordBatch& records);

  /// Calls back when everything written so far is on the disk, or can't be known to be.
  void when_durable(OnDurable done);

  /// Background work that is due; a few times a second.
  void tick(int64_t now_ms);

  /// Why writes do not reach the disk, or empty.
  const std::string& degraded() const { return log_->degraded(); }
  store::Log::Stats stats() const { return log_->stats(); }
  bool rewriting() const { return log_->rewriting(); }

 private:
  struct Waiter {
    store::Position position;
    OnDurable done;
  };

  void start_sync();
  void finish_sync(std::unique_ptr<store::Log::SyncJob> job);
  void settle_waiters();
  void fail_waiters();
  void start_rewrite();
  void feed_rewrite();
  void finish_rewrite(std::unique_ptr<store::Log::RewriteJob> job);
  void report_degradation();

  net::EventLoop& loop_;
  Worker& worker_;
  const core::Registry& registry_;
  std::unique_ptr<store::Log> log_;
  base::Logger& logger_;
  const int64_t sync_interval_ms_;
  std::deque<Waiter> waiters_;
  std::vector<store::Record> batch_;
  core::RecordBatch dumped_;
  core::Registry::DumpCursor cursor_;
  bool syncing_ = false;
  bool feeding_ = false;
  int64_t last_sync_ms_ = 0;
  int64_t next_rewrite_ms_ = 0;
  std::string reported_;
};

}  // namespace callbook::node
