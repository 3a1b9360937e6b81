#include "store/segment_file.h"

#include "store/directory.h"

namespace callbook::store {

base::Result<std::shared_ptr<SegmentFile>> SegmentFile::create(FileSystem& files,
                                                               const std::string& dir,
                                                               const FileHeader& header) {
  const std::string path = path_of(dir, header.id);
  auto file = files.open_append(path, true);
  if (!file.ok()) return file.error();
  std::string bytes;
  append_header(bytes, header);
  const base::Status written = file.value()->append(bytes);
  if (!written.ok()) {
    // Were this to fail too, the next open() would find a torn header and remove the file.
    static_cast<void>(files.remove(path).ok());
    return written.error();
  }
  return std::make_shared<SegmentFile>(header.id.number, std::move(file).value());
}

base::Result<std::shared_ptr<SegmentFile>> SegmentFile::reopen(FileSystem& files,
                                                               const std::string& dir,
                                                               uint64_t number) {
  auto file = files.open_append(path_of(dir, {FileKind::kSegment, number}), false);
  if (!file.ok()) return file.error();
  return std::make_shared<SegmentFile>(number, std::move(file).value());
}

base::Status SegmentFile::sync() {
  const std::lock_guard lock(mutex_);
  if (failure_) return *failure_;
  base::Status status = file_->sync();
  if (!status.ok()) failure_ = status.error();
  return status;
}

}  // namespace callbook::store
