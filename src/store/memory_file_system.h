#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/file_system.h"

namespace callbook::store {

/// A disk in memory: for --dev, for tests and for the simulator. It keeps apart what is on the disk
/// and what only a cache holds (bytes that were not synced, names whose directory was not), so that
/// a crash can lose it, and fails on demand. Deterministic. Thread-safe as FileSystem asks.
class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();
  ~MemoryFileSystem() override;

  base::Status create_directories(const std::string& dir) override;
  base::Result<std::vector<std::string>> list(const std::string& dir) override;
  base::Result<std::unique_ptr<AppendFile>> open_append(const std::string& path,
                                                        bool create_new) override;
  base::Result<std::unique_ptr<FileBytes>> read(const std::string& path) override;
  base::Status redirty(const std::string& path, uint64_t from) override;
  base::Status truncate(const std::string& path, uint64_t size) override;
  base::Status rename(const std::string& from, const std::string& to) override;
  base::Status remove(const std::string& path) override;
  base::Status sync_directory(const std::string& dir) override;
  base::Result<std::unique_ptr<DirectoryLock>> lock(const std::string& dir) override;

  enum class Survival : uint8_t {
    kEverything,  ///< the process died, the machine did not
    kSynced,      ///< power loss at the worst moment
    kRandom,      ///< power loss; of the rest each page, file length and name may survive
  };
  /// Ends the life of everything open on this disk: files opened before fail from now on, locks are
  /// released, injected faults end. `seed` decides what survives at random.
  void crash(Survival survival, uint64_t seed = 0);

  /// Lets the `nth` append from now (1 is the next) fail after writing `kept_bytes` of its bytes.
  void fail_append(uint64_t nth, uint64_t kept_bytes);
  /// Appends fail for lack of space once they would need more; nothing for no limit.
  void set_free_bytes(std::optional<uint64_t> bytes);
  /// Lets the `nth` sync of a directory from now fail; 0 for none.
  void fail_directory_sync(uint64_t nth);
  /// Whether syncs of files and truncations fail.
  void fail_syncs(bool fail);
  void fail_truncates(bool fail);
  /// Everything that changes the disk fails after `operations` more; the last append before that
  /// writes half of its bytes. Until crash().
  void stop_after(std::optional<uint64_t> operations);
  /// Changes to the disk so far, syncs included.
  uint64_t operations() const;

  /// For tests and salvage drills: the bytes as a reader sees them, and changing them at rest.
  std::string bytes(const std::string& path) const;
  void set_bytes(const std::string& path, std::string bytes);
  void flip_bit(const std::string& path, uint64_t bit);

 private:
  struct File;
  struct Disk;
  class Append;
  class Lock;

  // Shared with the files opened on it, which may outlive this object.
  const std::shared_ptr<Disk> disk_;
};

}  // namespace callbook::store
