#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "store/file_system.h"
#include "store/frame.h"

namespace callbook::store {

/// A segment that is open for appending. Its owner appends; syncs may come from several threads. A
/// failed sync sticks: the kernel may have thrown the pages away and reports that only once, so a
/// later success would prove nothing.
class SegmentFile {
 public:
  /// Makes a new file that holds `header`, or leaves none.
  static base::Result<std::shared_ptr<SegmentFile>> create(FileSystem& files,
                                                           const std::string& dir,
                                                           const FileHeader& header);
  static base::Result<std::shared_ptr<SegmentFile>> reopen(FileSystem& files,
                                                           const std::string& dir, uint64_t number);

  SegmentFile(uint64_t number, std::unique_ptr<AppendFile> file)
      : number_(number), file_(std::move(file)) {}

  uint64_t number() const { return number_; }
  FileId id() const { return {FileKind::kSegment, number_}; }

  base::Status append(std::string_view bytes) { return file_->append(bytes); }
  uint64_t size() const { return file_->size(); }
  base::Status sync();

 private:
  const uint64_t number_;
  const std::unique_ptr<AppendFile> file_;
  std::mutex mutex_;
  std::optional<base::Error> failure_;  // guarded by mutex_
};

}  // namespace callbook::store
