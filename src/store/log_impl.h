#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/jobs.h"
#include "store/log.h"
#include "store/recovery.h"

namespace callbook::store {

class Log::Impl {
 public:
  Impl(FileSystem& files, std::string dir, LogOptions options, base::Logger& logger,
       std::unique_ptr<DirectoryLock> lock)
      : files_(files),
        dir_(std::move(dir)),
        options_(options),
        logger_(logger),
        lock_(std::move(lock)) {}
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  base::Status start(const RecoveredLog& log);

  base::Result<Position> append(const std::vector<Record>& records);
  std::unique_ptr<SyncJob> begin_sync();
  base::Status finish_sync(std::unique_ptr<SyncJob> job);

  bool rewrite_due() const;
  base::Status begin_rewrite();
  base::Status rewrite_append(const std::vector<Record>& records);
  std::unique_ptr<RewriteJob> seal_rewrite();
  base::Status finish_rewrite(std::unique_ptr<RewriteJob> job);
  void abandon_rewrite();

  Position end() const { return position_; }
  Position durable() const { return durable_; }
  const std::string& degraded() const { return degraded_; }
  bool rewriting() const { return rewrite_number_ != 0; }
  Stats stats() const;
  void note_salvaged() { salvaged_ = true; }

 private:
  struct ClosedSegment {
    uint64_t number = 0;
    uint64_t bytes = 0;
  };

  base::Status redirty(const RecoveredLog& log);
  SyncOutcome sync_recovered(const RecoveredLog& log);
  base::Status open_segments(const std::vector<RecoveredSegment>& segments);
  base::Status roll_over();
  void roll_over_if_long();
  bool put_mark();
  void encode(const std::vector<Record>& records);
  void write_failed(const base::Error& error);
  base::Error sync_failed(const SyncOutcome& outcome);
  void degrade(std::string why);
  Unsynced unsynced_from(uint64_t first_segment) const;
  void made_durable(const Unsynced& unsynced);
  uint64_t total_bytes() const;

  FileSystem& files_;
  const std::string dir_;
  const LogOptions options_;
  base::Logger& logger_;
  const std::unique_ptr<DirectoryLock> lock_;

  // The segments.
  std::shared_ptr<SegmentFile> current_;
  uint64_t current_end_ = 0;  // where its records end; the file may hold the rest of a failed write
  uint64_t roll_over_at_ = 0;
  uint64_t version_ = 0;                   // the last one appended
  std::vector<ClosedSegment> closed_;      // all but the current
  std::vector<UnsealedSegment> unsealed_;  // of those, the ones not known to be on the disk
  uint64_t base_bytes_ = 0;
  std::string buffer_;

  // What is durable.
  Position position_ = 0;
  Position durable_ = 0;
  Point durable_point_;
  bool mark_due_ = false;  // durable_point_ has moved since the last mark
  bool syncing_ = false;

  // What has failed.
  std::string degraded_;
  bool writable_ = true;        // no append to the current segment has failed
  bool sync_in_doubt_ = false;  // an fsync failed that a later one would have to rely on
  bool salvaged_ = false;

  // The rewrite under way.
  uint64_t rewrite_number_ = 0;       // of its base and first segment; 0 for none
  std::unique_ptr<BaseWriter> base_;  // null once sealed
  bool rewrite_tainted_ = false;      // a write or fsync of its segments has failed

  Stats stats_;
};

}  // namespace callbook::store
