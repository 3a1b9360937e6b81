#include "sim/log_driver.h"

#include <utility>

#include "core/record_codec.h"

namespace callbook::sim {
namespace {

constexpr int64_t kSyncEveryMs = 1'000;
constexpr int64_t kRewriteRetryMs = 1'000;
constexpr int64_t kLongestDiskWaitMs = 10;

void append_records(const core::RecordBatch& records, bool with_marks,
                    std::vector<store::Record>& out) {
  for (size_t i = 0; i < records.size(); ++i) {
    const auto item = records[i];
    if (!with_marks && core::is_mark_key(item.key)) continue;
    out.push_back({item.version, item.key, item.value});
  }
}

}  // namespace

LogDriver::LogDriver(Process& process, std::unique_ptr<store::Log> log, Random random,
                     std::function<void()> on_progress)
    : process_(process),
      log_(std::move(log)),
      random_(random),
      on_progress_(std::move(on_progress)),
      rewrite_step_(static_cast<size_t>(random_.between(5, 100))) {}

void LogDriver::write(std::span<const core::Outputs> outputs) {
  batch_.clear();
  const bool whole = log_->degraded().empty();
  for (const core::Outputs& one : outputs) append_records(one.records, whole, batch_);
  if (batch_.empty()) return;
  if (!log_->append(batch_).ok()) on_progress_();
}

void LogDriver::tick(int64_t now_ms) {
  if (now_ms >= next_sync_ms_) {
    next_sync_ms_ = now_ms + kSyncEveryMs;
    if (log_->durable() < log_->end() && log_->degraded().empty()) start_sync();
  }
  if (!rewriting_ && log_->rewrite_due() && now_ms >= next_rewrite_ms_) {
    next_rewrite_ms_ = now_ms + kRewriteRetryMs;
    start_rewrite();
  }
}

void LogDriver::start_sync() {
  if (syncing_) return;
  std::unique_ptr<store::Log::SyncJob> job = log_->begin_sync();
  if (!job) return;
  syncing_ = true;
  // It may have happened on the disk before anybody knows of it, or not.
  const bool early = random_.chance(0.5);
  if (early) job->run();
  process_.later(random_.between(1, kLongestDiskWaitMs),
                 [this, early, done = std::move(job)]() mutable {
                   if (!early) done->run();
                   syncing_ = false;
                   static_cast<void>(log_->finish_sync(std::move(done)).ok());
                   on_progress_();
                 });
}

void LogDriver::start_rewrite() {
  if (!log_->begin_rewrite().ok()) return;
  rewriting_ = true;
  cursor_ = {};
  feed_rewrite();
}

void LogDriver::feed_rewrite() {
  dumped_.clear();
  batch_.clear();
  process_.registry().dump(cursor_, rewrite_step_, dumped_);
  append_records(dumped_, true, batch_);
  if (!log_->rewrite_append(batch_).ok()) {
    rewriting_ = false;
    return;
  }
  const bool done = cursor_.done();
  process_.later(random_.between(1, kLongestDiskWaitMs),
                 [this, done] { done ? seal_rewrite() : feed_rewrite(); });
}

void LogDriver::seal_rewrite() {
  std::unique_ptr<store::Log::RewriteJob> job = log_->seal_rewrite();
  const bool early = random_.chance(0.5);
  if (early) job->run();
  process_.later(random_.between(1, kLongestDiskWaitMs),
                 [this, early, done = std::move(job)]() mutable {
                   if (!early) done->run();
                   rewriting_ = false;
                   static_cast<void>(log_->finish_rewrite(std::move(done)).ok());
                   on_progress_();
                 });
}

}  // namespace callbook::sim
