#include "node/store_keeper.h"

#include <fmt/format.h>

#include "core/record_codec.h"

namespace callbook::node {
namespace {

/// Records handed over between two turns of the loop: about a millisecond's work.
constexpr size_t kRewriteStep = 1'000;
constexpr int64_t kRewriteRetryMs = 1'000;

void to_store(const core::RecordBatch& records, bool with_marks, std::vector<store::Record>& out) {
  out.clear();
  for (size_t i = 0; i < records.size(); ++i) {
    const auto item = records[i];
    if (!with_marks && core::is_mark_key(item.key)) continue;
    out.push_back({item.version, item.key, item.value});
  }
}

}  // namespace

StoreKeeper::StoreKeeper(net::EventLoop& loop, Worker& worker, const core::Registry& registry,
                         std::unique_ptr<store::Log> log, base::Logger& logger,
                         int64_t sync_interval_ms)
    : loop_(loop),
      worker_(worker),
      registry_(registry),
      log_(std::move(log)),
      logger_(logger),
      sync_interval_ms_(sync_interval_ms) {}

StoreKeeper::~StoreKeeper() = default;

void StoreKeeper::write(const core::RecordBatch& records) {
  if (records.empty()) return;
  to_store(records, log_->degraded().empty(), batch_);
  if (batch_.empty()) return;
  const auto written = log_->append(batch_);
  if (!written.ok()) report_degradation();
}

void StoreKeeper::when_durable(OnDurable done) {
  waiters_.push_back({log_->end(), std::move(done)});
  if (!log_->degraded().empty()) return fail_waiters();
  settle_waiters();
  if (!waiters_.empty()) start_sync();
}

void StoreKeeper::start_sync() {
  if (syncing_) return;
  auto job = std::make_shared<std::unique_ptr<store::Log::SyncJob>>(log_->begin_sync());
  if (!*job) return;
  syncing_ = true;
  worker_.post([this, job] {
    (*job)->run();
    loop_.post([this, job] { finish_sync(std::move(*job)); });
  });
}

void StoreKeeper::finish_sync(std::unique_ptr<store::Log::SyncJob> job) {
  syncing_ = false;
  const auto status = log_->finish_sync(std::move(job));
  if (!status.ok()) {
    report_degradation();
    return fail_waiters();
  }
  settle_waiters();
  if (!waiters_.empty()) start_sync();
}

void StoreKeeper::settle_waiters() {
  while (!waiters_.empty() && waiters_.front().position <= log_->durable()) {
    OnDurable done = std::move(waiters_.front().done);
    waiters_.pop_front();
    done({});
  }
}

void StoreKeeper::fail_waiters() {
  const base::Error error{
      base::ErrorCode::kAppliedNotLogged, "ack",
      fmt::format("could not be kept: the change is in effect, but not on the disk: {}",
                  log_->degraded()),
      std::nullopt};
  while (!waiters_.empty()) {
    OnDurable done = std::move(waiters_.front().done);
    waiters_.pop_front();
    done(error);
  }
}

void StoreKeeper::tick(int64_t now_ms) {
  if (now_ms - last_sync_ms_ >= sync_interval_ms_) {
    last_sync_ms_ = now_ms;
    if (log_->durable() < log_->end() && log_->degraded().empty()) start_sync();
  }
  if (!feeding_ && log_->rewrite_due() && now_ms >= next_rewrite_ms_) {
    next_rewrite_ms_ = now_ms + kRewriteRetryMs;
    start_rewrite();
  }
}

void StoreKeeper::start_rewrite() {
  if (auto status = log_->begin_rewrite(); !status.ok()) {
    logger_.warn("store: can't begin a rewrite: {}", status.error().detail);
    return;
  }
  feeding_ = true;
  cursor_ = {};
  feed_rewrite();
}

void StoreKeeper::feed_rewrite() {
  dumped_.clear();
  registry_.dump(cursor_, kRewriteStep, dumped_);
  to_store(dumped_, true, batch_);
  if (auto status = log_->rewrite_append(batch_); !status.ok()) {
    feeding_ = false;
    logger_.warn("store: the rewrite failed: {}", status.error().detail);
    return;
  }
  if (!cursor_.done()) {
    loop_.post([this] { feed_rewrite(); });
    return;
  }
  auto job = std::make_shared<std::unique_ptr<store::Log::RewriteJob>>(log_->seal_rewrite());
  worker_.post([this, job] {
    (*job)->run();
    loop_.post([this, job] { finish_rewrite(std::move(*job)); });
  });
}

void StoreKeeper::finish_rewrite(std::unique_ptr<store::Log::RewriteJob> job) {
  feeding_ = false;
  const auto status = log_->finish_rewrite(std::move(job));
  if (!status.ok()) {
    logger_.warn("store: the rewrite failed: {}", status.error().detail);
    return;
  }
  report_degradation();
  settle_waiters();
}

void StoreKeeper::report_degradation() {
  if (reported_ == log_->degraded()) return;
  reported_ = log_->degraded();
  if (reported_.empty()) {
    logger_.info("store: healed: everything is on the disk again");
  } else {
    logger_.error("store: degraded, going on without the disk: {}", reported_);
  }
}

}  // namespace callbook::node
