#include "store/jobs.h"

#include "store/directory.h"

namespace callbook::store {
namespace {

SyncOutcome sync_files(const Unsynced& unsynced) {
  for (const UnsealedSegment& segment : unsynced.earlier) {
    const base::Status synced = segment.file->sync();
    if (!synced.ok()) return {synced, segment.file->number()};
  }
  return {unsynced.current->sync(), unsynced.current->number()};
}

/// Syncs the segments and their names.
SyncOutcome sync_segments(const Unsynced& unsynced, FileSystem& files, const std::string& dir) {
  SyncOutcome outcome = sync_files(unsynced);
  if (outcome.status.ok()) outcome = {files.sync_directory(dir), unsynced.current->number()};
  return outcome;
}

}  // namespace

void SyncJobImpl::run() {
  if (unsynced_.earlier.empty()) {
    outcome_ = sync_files(unsynced_);
    return;
  }
  outcome_ = sync_segments(unsynced_, files_, dir_);
  if (outcome_.status.ok()) outcome_ = {seal_earlier(), unsynced_.earlier.front().file->number()};
}

/// A seal says that its segment and the next one's header are on the disk, so it comes last.
base::Status SyncJobImpl::seal_earlier() {
  for (const UnsealedSegment& segment : unsynced_.earlier) {
    if (!segment.sealable) continue;
    std::string seal;
    append_seal(seal, segment.file->id(), segment.end, segment.version);
    base::Status done = segment.file->append(seal);
    if (done.ok()) done = segment.file->sync();
    if (!done.ok()) return done;
  }
  return {};
}

void RewriteJobImpl::run() {
  base_status_ = base_->finish();
  if (!base_status_.ok()) return;
  // The base takes effect with its name, and from then on needs these segments.
  segments_ = sync_segments(unsynced_, files_, dir_);
  if (!segments_.status.ok()) return;
  base_status_ = base_->publish();
  if (base_status_.ok()) remove_replaced_by(base_->number(), files_, dir_);
}

}  // namespace callbook::store
