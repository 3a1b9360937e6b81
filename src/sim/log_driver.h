#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/output.h"
#include "core/registry.h"
#include "sim/process.h"
#include "sim/random.h"
#include "store/log.h"

namespace callbook::sim {

/// Drives a process's log as the running node does: writes at once, group commits and the sealing
/// of rewrites take a while, rewrites are fed from the registry in small steps between other work.
class LogDriver {
 public:
  /// `on_progress` is called when more has become durable, or when the log has degraded.
  LogDriver(Process& process, std::unique_ptr<store::Log> log, Random random,
            std::function<void()> on_progress);

  /// Writes the records of all `outputs`. A failure is kept as the log's degradation: local
  /// acceptance goes on without the disk.
  void write(std::span<const core::Outputs> outputs);
  /// Somebody waits for what has been written so far.
  void sync_soon() { start_sync(); }
  /// Background work that is due.
  void tick(int64_t now_ms);

  const store::Log& log() const { return *log_; }

 private:
  void start_sync();
  void start_rewrite();
  void feed_rewrite();
  void seal_rewrite();

  Process& process_;
  std::unique_ptr<store::Log> log_;
  Random random_;
  const std::function<void()> on_progress_;
  const size_t rewrite_step_;
  std::vector<store::Record> batch_;
  core::RecordBatch dumped_;
  core::Registry::DumpCursor cursor_;
  bool syncing_ = false;
  bool rewriting_ = false;
  int64_t next_sync_ms_ = 0;
  int64_t next_rewrite_ms_ = 0;
};

}  // namespace callbook::sim
