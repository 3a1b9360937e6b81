#include "store/log_impl.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"

namespace callbook::store {
namespace {

constexpr size_t kKeptBufferBytes = 4 << 20;  // a larger one, from a huge batch, is given back

}  // namespace

Log::Impl::~Impl() {
  // Spares the next open() from taking a flipped bit at the end for a torn tail. If it fails,
  // nothing is lost but that.
  buffer_.clear();
  if (current_ && writable_ && put_mark()) static_cast<void>(current_->append(buffer_).ok());
}

base::Status Log::Impl::start(const RecoveredLog& log) {
  base_bytes_ = log.base_bytes;
  roll_over_at_ = options_.segment_bytes;
  const base::Status opened = open_segments(log.segments);
  if (!opened.ok()) return opened;
  const SyncOutcome outcome = sync_recovered(log);
  if (!outcome.status.ok()) {
    sync_failed(outcome);
    return {};
  }
  made_durable(unsynced_from(0));
  unsealed_.clear();
  return {};
}

/// Makes durable what recovery found: a process that was killed may have left records that only the
/// page cache holds, and one whose fsync failed, records that the cache wrongly takes for written.
SyncOutcome Log::Impl::sync_recovered(const RecoveredLog& log) {
  const base::Status dirty = redirty(log);
  if (!dirty.ok()) return {dirty, current_->number()};
  SyncJobImpl job(files_, dir_, unsynced_from(0));
  job.run();
  if (!job.outcome().status.ok()) return job.outcome();
  return {files_.sync_directory(dir_), current_->number()};
}

base::Status Log::Impl::redirty(const RecoveredLog& log) {
  for (const RecoveredSegment& segment : log.segments) {
    if (segment.sealed || segment.number < log.durable.segment) continue;
    const uint64_t from = segment.number == log.durable.segment ? log.durable.offset : 0;
    const base::Status done =
        files_.redirty(path_of(dir_, {FileKind::kSegment, segment.number}), from);
    if (!done.ok()) return done;
  }
  return {};
}

base::Status Log::Impl::open_segments(const std::vector<RecoveredSegment>& segments) {
  if (segments.empty()) {
    auto created = SegmentFile::create(files_, dir_, {{FileKind::kSegment, 1}});
    if (!created.ok()) return created.error();
    current_ = std::move(created).value();
    current_end_ = kHeaderBytes;
    return {};
  }
  for (const RecoveredSegment& segment : segments) {
    const bool last = &segment == &segments.back();
    if (!last) closed_.push_back({segment.number, segment.end});
    if (segment.sealed) continue;
    auto reopened = SegmentFile::reopen(files_, dir_, segment.number);
    if (!reopened.ok()) return reopened.error();
    CALLBOOK_CHECK(reopened.value()->size() == segment.end);
    if (last) {
      current_ = std::move(reopened).value();
    } else {
      unsealed_.push_back({std::move(reopened).value(), segment.end, segment.version, true});
    }
  }
  CALLBOOK_CHECK(current_ != nullptr);  // recovery leaves no sealed segment without a next one
  current_end_ = segments.back().end;
  version_ = segments.back().version;
  return {};
}

/// Puts into the buffer, which is to be written next, how far the log is known to be durable.
bool Log::Impl::put_mark() {
  if (!mark_due_) return false;
  append_mark(buffer_, current_->id(), current_end_ + buffer_.size(), version_, durable_point_);
  return true;
}

void Log::Impl::encode(const std::vector<Record>& records) {
  uint64_t version = version_;
  for (const Record& record : records) {
    CALLBOOK_CHECK(record.version > version);
    version = record.version;
    append_record(buffer_, current_->id(), current_end_ + buffer_.size(), record);
  }
}

base::Result<Position> Log::Impl::append(const std::vector<Record>& records) {
  if (!writable_) return base::Error{base::ErrorCode::kIo, "", degraded_, {}};
  if (records.empty()) return position_;
  roll_over_if_long();
  buffer_.clear();
  const bool marked = put_mark();
  encode(records);
  const base::Status written = current_->append(buffer_);
  if (!written.ok()) {
    write_failed(written.error());
    return base::Error{base::ErrorCode::kIo, "", degraded_, {}};
  }
  if (marked) mark_due_ = false;
  version_ = records.back().version;
  current_end_ += buffer_.size();
  position_ += buffer_.size();
  stats_.appended_records += records.size();
  stats_.appended_bytes += buffer_.size();
  if (buffer_.capacity() > kKeptBufferBytes) buffer_ = std::string();
  return position_;
}

/// From now on records go to a new segment. The old one is synced and sealed by the next job: until
/// then recovery takes both as one tail.
base::Status Log::Impl::roll_over() {
  const FileHeader header{{FileKind::kSegment, current_->number() + 1}, current_end_, version_};
  auto created = SegmentFile::create(files_, dir_, header);
  if (!created.ok()) return created.error();
  closed_.push_back({current_->number(), current_end_});
  unsealed_.push_back({std::move(current_), current_end_, version_, writable_});
  current_ = std::move(created).value();
  current_end_ = kHeaderBytes;
  roll_over_at_ = options_.segment_bytes;
  writable_ = true;
  return {};
}

void Log::Impl::roll_over_if_long() {
  if (current_end_ < roll_over_at_) return;
  const base::Status rolled = roll_over();
  if (rolled.ok()) return;
  // The limit is soft: as long as this segment takes records, a longer one is the lesser evil.
  logger_.warn("{}: can't begin a new segment: {}", dir_, rolled.error().to_string());
  roll_over_at_ = current_end_ + options_.segment_bytes;
}

void Log::Impl::degrade(std::string why) {
  if (degraded_.empty()) logger_.error("{}: the log is degraded: {}", dir_, why);
  degraded_ = std::move(why);
}

void Log::Impl::write_failed(const base::Error& error) {
  ++stats_.write_failures;
  writable_ = false;
  rewrite_tainted_ = true;
  degrade(fmt::format("writing failed: {}", error.to_string()));
  // Records refused must not come back when the log is opened again.
  const std::string path = path_of(dir_, current_->id());
  const base::Status cut = files_.truncate(path, current_end_);
  if (!cut.ok()) {
    logger_.warn("{}: can't cut off a failed write: {}", path, cut.error().to_string());
  }
}

base::Error Log::Impl::sync_failed(const SyncOutcome& outcome) {
  ++stats_.sync_failures;
  sync_in_doubt_ = true;
  if (outcome.segment >= rewrite_number_) rewrite_tainted_ = true;
  degrade(fmt::format("fsync failed: {}", outcome.status.error().to_string()));
  return {base::ErrorCode::kIo, "", degraded_, {}};
}

Unsynced Log::Impl::unsynced_from(uint64_t first_segment) const {
  Unsynced unsynced;
  for (const UnsealedSegment& segment : unsealed_) {
    if (segment.file->number() >= first_segment) unsynced.earlier.push_back(segment);
  }
  unsynced.current = current_;
  unsynced.point = {current_->number(), current_end_};
  unsynced.position = position_;
  return unsynced;
}

void Log::Impl::made_durable(const Unsynced& unsynced) {
  durable_ = std::max(durable_, unsynced.position);
  if (unsynced.point > durable_point_) {
    durable_point_ = unsynced.point;
    mark_due_ = true;
  }
}

std::unique_ptr<Log::SyncJob> Log::Impl::begin_sync() {
  if (syncing_ || sync_in_doubt_) return nullptr;
  if (durable_ == position_ && unsealed_.empty()) return nullptr;
  syncing_ = true;
  return std::make_unique<SyncJobImpl>(files_, dir_, unsynced_from(0));
}

base::Status Log::Impl::finish_sync(std::unique_ptr<SyncJob> job) {
  CALLBOOK_CHECK(syncing_);
  syncing_ = false;
  const auto& done = static_cast<const SyncJobImpl&>(*job);
  const SyncOutcome& outcome = done.outcome();
  ++stats_.syncs;
  if (!outcome.status.ok()) {
    const uint64_t first = closed_.empty() ? current_->number() : closed_.front().number;
    if (outcome.segment >= first) return sync_failed(outcome);
    return {};  // a rewrite has replaced the file meanwhile; durable() tells how far
  }
  for (const UnsealedSegment& sealed : done.unsynced().earlier) {
    std::erase_if(unsealed_, [&](const auto& segment) { return segment.file == sealed.file; });
  }
  made_durable(done.unsynced());
  return {};
}

uint64_t Log::Impl::total_bytes() const {
  uint64_t bytes = base_bytes_ + current_end_;
  for (const ClosedSegment& segment : closed_) bytes += segment.bytes;
  return bytes;
}

Log::Stats Log::Impl::stats() const {
  Stats stats = stats_;
  stats.bytes = total_bytes();
  stats.segments = closed_.size() + 1;
  return stats;
}

}  // namespace callbook::store
