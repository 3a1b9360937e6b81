#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace callbook::store {

/// A file opened for appending. append() and sync() may run on two threads at once; nothing else.
/// A file that was cut by FileSystem::truncate() while open must not be appended to again.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  /// Writes all of `bytes` with as few write() calls as the system allows. After a failure some of
  /// the bytes may be in the file; size() tells.
  virtual base::Status append(std::string_view bytes) = 0;
  /// fdatasync.
  virtual base::Status sync() = 0;
  virtual uint64_t size() const = 0;
};

/// The whole of a file, for reading. The bytes stay valid as long as the object.
class FileBytes {
 public:
  virtual ~FileBytes() = default;
  virtual std::string_view view() const = 0;
};

/// Holds a directory's lock while it lives.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

/// All file access of the store. The running node uses the system's; tests and the simulator use
/// MemoryFileSystem, which can lose, tear and flip bytes and fail on demand. Paths are plain
/// "dir/name" strings. Thread-safe as a whole, except that one AppendFile has one owner.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual base::Status create_directories(const std::string& dir) = 0;
  virtual base::Result<std::vector<std::string>> list(
      const std::string& dir) = 0;  ///< sorted names
  /// Opens for appending; `create_new` fails if the file exists, otherwise it must exist.
  virtual base::Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                                bool create_new) = 0;
  virtual base::Result<std::unique_ptr<FileBytes>> read(const std::string& path) = 0;
  /// Writes the bytes from `from` to the end over themselves. After an fsync error the kernel may
  /// count pages as clean that never reached the disk, and say so to the next process too; this
  /// makes the next sync carry them there.
  virtual base::Status redirty(const std::string& path, uint64_t from) = 0;
  virtual base::Status truncate(const std::string& path, uint64_t size) = 0;
  virtual base::Status rename(const std::string& from, const std::string& to) = 0;
  virtual base::Status remove(const std::string& path) = 0;
  virtual base::Status sync_directory(const std::string& dir) = 0;
  virtual base::Result<std::unique_ptr<DirectoryLock>> lock(const std::string& dir) = 0;
};

/// The operating system's files.
std::unique_ptr<FileSystem> make_posix_file_system();

}  // namespace callbook::store
