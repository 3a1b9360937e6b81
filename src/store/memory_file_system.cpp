#include "store/memory_file_system.h"

#include <algorithm>
#include <mutex>

#include "base/check.h"
#include "base/hash.h"

namespace callbook::store {
namespace {

constexpr size_t kPageBytes = 512;  // a disk writes sectors whole, and nothing larger

base::Error failure(const std::string& path, const char* what) {
  return {base::ErrorCode::kIo, path, what, {}};
}

std::string directory_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

/// The coins of one crash.
class Coins {
 public:
  explicit Coins(uint64_t seed) : state_(seed) {}
  uint64_t next() { return base::mix64(state_ += 0x9E3779B97F4A7C15); }
  bool flip() { return (next() & 1) != 0; }

 private:
  uint64_t state_;
};

}  // namespace

/// Appended bytes beyond `synced` are not on the disk. Before a truncation is synced, `on_disk`
/// holds what it would take away. After a sync that failed, pages may count as clean that never
/// reached the disk, as on Linux: later syncs succeed and mean nothing.
struct MemoryFileSystem::File {
  std::string bytes;
  size_t synced = 0;
  std::optional<std::string> on_disk;
  bool lost_pages = false;

  std::string durable() const { return on_disk ? *on_disk : bytes.substr(0, synced); }

  void truncate(size_t size) {
    if (size < synced && !on_disk) on_disk = bytes.substr(0, synced);
    bytes.resize(size);
    synced = std::min(synced, size);
  }

  void sync() {
    if (lost_pages) return;
    on_disk.reset();
    synced = bytes.size();
  }

  void settle(std::string content) {
    bytes = std::move(content);
    lost_pages = false;
    sync();
  }

  /// Each page as the disk or as the cache has it; a page that was never written reads as zeros.
  std::string torn(Coins& coins) const {
    std::string content = durable();
    const std::string old = content;
    if (coins.flip()) content.resize(bytes.size());
    for (size_t page = 0; page < content.size(); page += kPageBytes) {
      if (!coins.flip()) continue;
      for (size_t i = page; i < std::min(page + kPageBytes, content.size()); ++i) {
        content[i] = i < bytes.size() ? bytes[i] : i < old.size() ? old[i] : '\0';
      }
    }
    return content;
  }
};

struct MemoryFileSystem::Disk {
  using Names = std::map<std::string, std::shared_ptr<File>>;

  /// A change of one name that its directory's disk blocks do not show yet. No file: removed.
  struct NameChange {
    std::string path;
    std::shared_ptr<File> file;
    std::string renamed_from;
  };

  mutable std::mutex mutex;
  Names names;
  Names names_on_disk;
  std::vector<NameChange> unsynced_names;
  std::set<std::string> directories;
  std::set<std::string> locks;
  uint64_t life = 0;  // grows with each crash
  uint64_t operations = 0;
  std::optional<uint64_t> operations_left;
  std::optional<uint64_t> free_bytes;
  uint64_t appends_to_failure = 0;
  uint64_t bytes_kept_by_failure = 0;
  bool syncs_fail = false;
  uint64_t directory_syncs_to_failure = 0;
  bool truncates_fail = false;

  /// Counts a change; false once the disk has stopped.
  bool step() {
    if (operations_left) {
      if (*operations_left == 0) return false;
      --*operations_left;
    }
    ++operations;
    return true;
  }

  bool stopping() const { return operations_left && *operations_left == 0; }

  std::shared_ptr<File> find(const std::string& path) const {
    const auto found = names.find(path);
    return found == names.end() ? nullptr : found->second;
  }

  void change_name(NameChange change) {
    if (!change.renamed_from.empty()) names.erase(change.renamed_from);
    if (change.file) {
      names[change.path] = change.file;
    } else {
      names.erase(change.path);
    }
    unsynced_names.push_back(std::move(change));
  }

  static void apply(const NameChange& change, Names& to) {
    if (!change.renamed_from.empty()) to.erase(change.renamed_from);
    if (change.file) {
      to[change.path] = change.file;
    } else {
      to.erase(change.path);
    }
  }

  base::Status append(File& file, const std::string& path, std::string_view bytes) {
    if (!step()) return failure(path, "the disk has stopped");
    const char* problem = nullptr;
    size_t room = bytes.size();
    if (stopping()) {
      room = bytes.size() / 2;
      problem = "the disk has stopped";
    } else if (appends_to_failure > 0 && --appends_to_failure == 0) {
      room = std::min<size_t>(room, bytes_kept_by_failure);
      problem = "write: injected failure";
    } else if (free_bytes && *free_bytes < bytes.size()) {
      room = *free_bytes;
      problem = "write: no space left on device";
    }
    file.bytes.append(bytes.substr(0, room));
    if (free_bytes) *free_bytes -= std::min<uint64_t>(*free_bytes, room);
    return problem ? base::Status(failure(path, problem)) : base::Status();
  }
};

class MemoryFileSystem::Append final : public AppendFile {
 public:
  Append(std::shared_ptr<Disk> disk, std::shared_ptr<File> file, std::string path)
      : disk_(std::move(disk)),
        file_(std::move(file)),
        path_(std::move(path)),
        life_(disk_->life) {}

  base::Status append(std::string_view bytes) override {
    const std::lock_guard lock(disk_->mutex);
    if (life_ != disk_->life) return failure(path_, "opened before the crash");
    return disk_->append(*file_, path_, bytes);
  }

  base::Status sync() override {
    const std::lock_guard lock(disk_->mutex);
    if (life_ != disk_->life) return failure(path_, "opened before the crash");
    if (!disk_->step()) return failure(path_, "the disk has stopped");
    if (disk_->syncs_fail) {
      file_->lost_pages = true;
      return failure(path_, "fdatasync: injected failure");
    }
    file_->sync();
    return {};
  }

  uint64_t size() const override {
    const std::lock_guard lock(disk_->mutex);
    return file_->bytes.size();
  }

 private:
  const std::shared_ptr<Disk> disk_;
  const std::shared_ptr<File> file_;
  const std::string path_;
  const uint64_t life_;
};

class MemoryFileSystem::Lock final : public DirectoryLock {
 public:
  Lock(std::shared_ptr<Disk> disk, std::string dir)
      : disk_(std::move(disk)), dir_(std::move(dir)), life_(disk_->life) {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() override {
    const std::lock_guard lock(disk_->mutex);
    if (life_ == disk_->life) disk_->locks.erase(dir_);
  }

 private:
  const std::shared_ptr<Disk> disk_;
  const std::string dir_;
  const uint64_t life_;
};

namespace {

class CopiedBytes final : public FileBytes {
 public:
  explicit CopiedBytes(std::string bytes) : bytes_(std::move(bytes)) {}
  std::string_view view() const override { return bytes_; }

 private:
  const std::string bytes_;
};

}  // namespace

MemoryFileSystem::MemoryFileSystem() : disk_(std::make_shared<Disk>()) {}
MemoryFileSystem::~MemoryFileSystem() = default;

base::Status MemoryFileSystem::create_directories(const std::string& dir) {
  const std::lock_guard lock(disk_->mutex);
  disk_->directories.insert(dir);
  return {};
}

base::Result<std::vector<std::string>> MemoryFileSystem::list(const std::string& dir) {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->directories.contains(dir)) return failure(dir, "no such directory");
  std::vector<std::string> found;
  for (const auto& [path, file] : disk_->names) {
    if (directory_of(path) == dir) found.push_back(path.substr(dir.size() + 1));
  }
  return found;
}

base::Result<std::unique_ptr<AppendFile>> MemoryFileSystem::open_append(const std::string& path,
                                                                        bool create_new) {
  const std::lock_guard lock(disk_->mutex);
  std::shared_ptr<File> file = disk_->find(path);
  if (create_new == (file != nullptr)) {
    return failure(path, create_new ? "open: file exists" : "open: no such file");
  }
  if (create_new) {
    if (!disk_->step()) return failure(path, "the disk has stopped");
    file = std::make_shared<File>();
    disk_->change_name({path, file, ""});
  }
  return std::unique_ptr<AppendFile>(std::make_unique<Append>(disk_, file, path));
}

base::Result<std::unique_ptr<FileBytes>> MemoryFileSystem::read(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  const std::shared_ptr<File> file = disk_->find(path);
  if (!file) return failure(path, "open: no such file");
  return std::unique_ptr<FileBytes>(std::make_unique<CopiedBytes>(file->bytes));
}

base::Status MemoryFileSystem::redirty(const std::string& path, uint64_t from) {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->step()) return failure(path, "the disk has stopped");
  const std::shared_ptr<File> file = disk_->find(path);
  if (!file) return failure(path, "open: no such file");
  if (from <= file->synced) file->lost_pages = false;
  return {};
}

base::Status MemoryFileSystem::truncate(const std::string& path, uint64_t size) {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->step()) return failure(path, "the disk has stopped");
  if (disk_->truncates_fail) return failure(path, "truncate: injected failure");
  const std::shared_ptr<File> file = disk_->find(path);
  if (!file) return failure(path, "truncate: no such file");
  if (disk_->free_bytes && size < file->bytes.size()) {
    *disk_->free_bytes += file->bytes.size() - size;
  }
  file->truncate(size);
  return {};
}

base::Status MemoryFileSystem::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->step()) return failure(from, "the disk has stopped");
  const std::shared_ptr<File> file = disk_->find(from);
  if (!file) return failure(from, "rename: no such file");
  disk_->change_name({to, file, from});
  return {};
}

base::Status MemoryFileSystem::remove(const std::string& path) {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->step()) return failure(path, "the disk has stopped");
  const std::shared_ptr<File> file = disk_->find(path);
  if (!file) return failure(path, "unlink: no such file");
  if (disk_->free_bytes) *disk_->free_bytes += file->bytes.size();
  disk_->change_name({path, nullptr, ""});
  return {};
}

base::Status MemoryFileSystem::sync_directory(const std::string& dir) {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->step()) return failure(dir, "the disk has stopped");
  if (disk_->directory_syncs_to_failure > 0 && --disk_->directory_syncs_to_failure == 0) {
    return failure(dir, "fsync: injected failure");
  }
  std::erase_if(disk_->unsynced_names, [&](const Disk::NameChange& change) {
    if (directory_of(change.path) != dir) return false;
    Disk::apply(change, disk_->names_on_disk);
    return true;
  });
  return {};
}

base::Result<std::unique_ptr<DirectoryLock>> MemoryFileSystem::lock(const std::string& dir) {
  const std::lock_guard lock(disk_->mutex);
  if (!disk_->locks.insert(dir).second) {
    return base::Error{
        base::ErrorCode::kConflict, dir + "/LOCK", "another process uses this directory", {}};
  }
  return std::unique_ptr<DirectoryLock>(std::make_unique<Lock>(disk_, dir));
}

void MemoryFileSystem::crash(Survival survival, uint64_t seed) {
  const std::lock_guard lock(disk_->mutex);
  Disk& disk = *disk_;
  ++disk.life;
  disk.locks.clear();
  disk.operations_left.reset();
  disk.free_bytes.reset();
  disk.appends_to_failure = 0;
  disk.directory_syncs_to_failure = 0;
  disk.syncs_fail = disk.truncates_fail = false;
  if (survival == Survival::kEverything) return;
  Coins coins(seed);
  for (const Disk::NameChange& change : disk.unsynced_names) {
    if (survival == Survival::kRandom && coins.flip()) Disk::apply(change, disk.names_on_disk);
  }
  disk.unsynced_names.clear();
  disk.names = disk.names_on_disk;
  for (const auto& [path, file] : disk.names) {
    file->settle(survival == Survival::kRandom ? file->torn(coins) : file->durable());
  }
}

void MemoryFileSystem::fail_append(uint64_t nth, uint64_t kept_bytes) {
  const std::lock_guard lock(disk_->mutex);
  disk_->appends_to_failure = nth;
  disk_->bytes_kept_by_failure = kept_bytes;
}

void MemoryFileSystem::set_free_bytes(std::optional<uint64_t> bytes) {
  const std::lock_guard lock(disk_->mutex);
  disk_->free_bytes = bytes;
}

void MemoryFileSystem::fail_syncs(bool fail) {
  const std::lock_guard lock(disk_->mutex);
  disk_->syncs_fail = fail;
}

void MemoryFileSystem::fail_directory_sync(uint64_t nth) {
  const std::lock_guard lock(disk_->mutex);
  disk_->directory_syncs_to_failure = nth;
}

void MemoryFileSystem::fail_truncates(bool fail) {
  const std::lock_guard lock(disk_->mutex);
  disk_->truncates_fail = fail;
}

void MemoryFileSystem::stop_after(std::optional<uint64_t> operations) {
  const std::lock_guard lock(disk_->mutex);
  disk_->operations_left = operations;
}

uint64_t MemoryFileSystem::operations() const {
  const std::lock_guard lock(disk_->mutex);
  return disk_->operations;
}

std::string MemoryFileSystem::bytes(const std::string& path) const {
  const std::lock_guard lock(disk_->mutex);
  const std::shared_ptr<File> file = disk_->find(path);
  CALLBOOK_CHECK(file != nullptr);
  return file->bytes;
}

void MemoryFileSystem::set_bytes(const std::string& path, std::string bytes) {
  const std::lock_guard lock(disk_->mutex);
  disk_->directories.insert(directory_of(path));
  std::shared_ptr<File>& file = disk_->names[path];
  if (!file) file = std::make_shared<File>();
  disk_->names_on_disk[path] = file;
  file->settle(std::move(bytes));
}

void MemoryFileSystem::flip_bit(const std::string& path, uint64_t bit) {
  const std::lock_guard lock(disk_->mutex);
  const std::shared_ptr<File> file = disk_->find(path);
  CALLBOOK_CHECK(file != nullptr && bit / 8 < file->bytes.size());
  char& byte = file->bytes[bit / 8];
  byte = static_cast<char>(byte ^ (1 << (bit % 8)));
}

}  // namespace callbook::store
