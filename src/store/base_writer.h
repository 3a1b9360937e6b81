#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/file_system.h"
#include "store/frame.h"

namespace callbook::store {

/// Writes a base beside the files in use: nothing of it counts before publish() has renamed it. One
/// thread at a time. Removes its temporary file when destroyed unpublished.
class BaseWriter {
 public:
  /// The base that together with segment `number` and those after it will be the whole log.
  static base::Result<std::unique_ptr<BaseWriter>> create(FileSystem& files, std::string dir,
                                                          uint64_t number);
  ~BaseWriter();
  BaseWriter(const BaseWriter&) = delete;
  BaseWriter& operator=(const BaseWriter&) = delete;

  base::Status append(const std::vector<Record>& records);
  /// Writes the footer and syncs. Nothing may be appended afterwards.
  base::Status finish();
  /// Gives the finished base its name and syncs the directory.
  base::Status publish();

  uint64_t number() const { return id_.number; }
  uint64_t bytes() const { return bytes_; }

 private:
  BaseWriter(FileSystem& files, std::string dir, uint64_t number);
  base::Status write(std::string_view bytes);

  FileSystem& files_;
  const std::string dir_;
  const FileId id_;
  const std::string temporary_path_;
  std::unique_ptr<AppendFile> file_;  // null unless there is a temporary file
  std::string buffer_;
  uint64_t bytes_ = 0;
  uint64_t count_ = 0;
  uint64_t highest_version_ = 0;
};

}  // namespace callbook::store
