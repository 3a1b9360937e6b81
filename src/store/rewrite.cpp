// The part of Log::Impl that replaces the log's files by a base written anew.

#include <fmt/format.h>

#include "base/check.h"
#include "store/log_impl.h"

namespace callbook::store {

bool Log::Impl::rewrite_due() const {
  if (rewriting()) return false;
  if (!degraded_.empty() || salvaged_) return true;
  return total_bytes() > 2 * base_bytes_ + options_.rewrite_slack_bytes;
}

base::Status Log::Impl::begin_rewrite() {
  CALLBOOK_CHECK(!rewriting());
  const uint64_t number = current_->number() + 1;
  auto base = BaseWriter::create(files_, dir_, number);
  if (!base.ok()) return base.error();
  const base::Status rolled = roll_over();
  if (!rolled.ok()) return rolled;
  base_ = std::move(base).value();
  rewrite_number_ = number;
  rewrite_tainted_ = false;
  return {};
}

base::Status Log::Impl::rewrite_append(const std::vector<Record>& records) {
  CALLBOOK_CHECK(base_ != nullptr);
  base::Status written = base_->append(records);
  if (!written.ok()) {
    ++stats_.write_failures;
    logger_.warn("{}: the rewrite failed: {}", dir_, written.error().to_string());
    abandon_rewrite();
  }
  return written;
}

void Log::Impl::abandon_rewrite() {
  if (!base_) return;
  base_.reset();
  rewrite_number_ = 0;
}

std::unique_ptr<Log::RewriteJob> Log::Impl::seal_rewrite() {
  CALLBOOK_CHECK(base_ != nullptr);
  return std::make_unique<RewriteJobImpl>(files_, dir_, std::move(base_),
                                          unsynced_from(rewrite_number_));
}

base::Status Log::Impl::finish_rewrite(std::unique_ptr<RewriteJob> job) {
  CALLBOOK_CHECK(rewriting() && base_ == nullptr);
  const auto& done = static_cast<const RewriteJobImpl&>(*job);
  const uint64_t number = rewrite_number_;
  if (!done.segments().status.ok()) {
    const base::Error error = sync_failed(done.segments());
    rewrite_number_ = 0;
    return error;
  }
  rewrite_number_ = 0;
  if (!done.base_status().ok()) {
    ++stats_.write_failures;
    logger_.warn("{}: the rewrite failed: {}", dir_, done.base_status().error().to_string());
    return done.base_status();
  }
  ++stats_.rewrites;
  base_bytes_ = done.base().bytes();
  std::erase_if(closed_, [&](const auto& segment) { return segment.number < number; });
  std::erase_if(unsealed_, [&](const auto& segment) { return segment.file->number() < number; });
  made_durable(done.unsynced());
  salvaged_ = false;
  if (rewrite_tainted_) return {};
  sync_in_doubt_ = false;
  if (!degraded_.empty()) logger_.info("{}: the log has healed", dir_);
  degraded_.clear();
  return {};
}

}  // namespace callbook::store
