#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/base_writer.h"
#include "store/log.h"
#include "store/segment_file.h"

namespace callbook::store {

/// A segment that nothing more is appended to, but that is not known to be on the disk.
struct UnsealedSegment {
  std::shared_ptr<SegmentFile> file;
  uint64_t end = 0;
  uint64_t version = 0;  ///< the last one appended to it or before
  bool sealable = true;  ///< no write to it has failed: it ends at `end`
};

/// What a job is to make durable, as of its beginning.
struct Unsynced {
  std::vector<UnsealedSegment> earlier;
  std::shared_ptr<SegmentFile> current;
  Point point;            ///< the end, as a mark tells it
  Position position = 0;  ///< the end, as the owner counts
};

/// An fsync that failed, and the first segment that it leaves in doubt.
struct SyncOutcome {
  base::Status status;
  uint64_t segment = 0;
};

class SyncJobImpl final : public Log::SyncJob {
 public:
  SyncJobImpl(FileSystem& files, std::string dir, Unsynced unsynced)
      : files_(files), dir_(std::move(dir)), unsynced_(std::move(unsynced)) {}

  void run() override;

  const Unsynced& unsynced() const { return unsynced_; }
  const SyncOutcome& outcome() const { return outcome_; }

 private:
  base::Status seal_earlier();

  FileSystem& files_;
  const std::string dir_;
  const Unsynced unsynced_;
  SyncOutcome outcome_;
};

class RewriteJobImpl final : public Log::RewriteJob {
 public:
  RewriteJobImpl(FileSystem& files, std::string dir, std::unique_ptr<BaseWriter> base,
                 Unsynced unsynced)
      : files_(files),
        dir_(std::move(dir)),
        base_(std::move(base)),
        unsynced_(std::move(unsynced)) {}

  void run() override;

  const Unsynced& unsynced() const { return unsynced_; }
  const BaseWriter& base() const { return *base_; }
  /// Of the segments that go with the base; a failure leaves them in doubt.
  const SyncOutcome& segments() const { return segments_; }
  /// Of the base; a failure leaves the old files in force.
  const base::Status& base_status() const { return base_status_; }

 private:
  FileSystem& files_;
  const std::string dir_;
  const std::unique_ptr<BaseWriter> base_;
  const Unsynced unsynced_;
  SyncOutcome segments_;
  base::Status base_status_;
};

}  // namespace callbook::store
