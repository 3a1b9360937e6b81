#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "store/file_system.h"

namespace callbook::store {

/// One record: the whole state of a key as of `version`. An empty value erases the key. Views
/// borrow.
struct Record {
  uint64_t version = 0;    ///< above 0; grows from appended record to record, never repeats
  std::string_view key;    ///< 1 byte to 64 KiB
  std::string_view value;  ///< at most 1 MiB
};

struct LogOptions {
  uint64_t segment_bytes = 64ULL << 20;  ///< a segment is sealed once it is this long
  /// A rewrite is due when the log holds this many bytes more than twice the last base.
  uint64_t rewrite_slack_bytes = 64ULL << 20;
  /// Opens a damaged log by keeping every record that verifies, in a new base, and setting damaged
  /// files aside as `<name>.damaged`. An erasure that was lost may bring its key back.
  bool salvage = false;
};

/// A place in a file that holds something else than what was written.
struct Damage {
  std::string file;
  uint64_t offset = 0;
  std::string why;
};

/// What opening a log found.
struct RecoveryReport {
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t last_version = 0;
  bool torn_tail = false;  ///< the last segment was cut
  std::string torn_file;   ///< where
  uint64_t torn_offset = 0;
  uint64_t torn_bytes = 0;      ///< in this file and those after it
  std::vector<Damage> damages;  ///< the one that stopped open(), or all that salvage passed over
};

/// A point in the log, for asking whether what was written before it is durable.
using Position = uint64_t;

/// The node's durable log: a base file with the last record of every key, and append-only segments
/// behind it. Bytes as in docs/formats/store.md.
///
/// Not thread-safe, but for SyncJob::run() and RewriteJob::run(), which the owner may call on other
/// threads (both at once) while it goes on appending. Owns its files; one process at a time (a lock
/// file). `files` and `logger` must outlive the log and its jobs.
///
/// When the environment fails (disk full, fsync error), the log is *degraded*: append() and syncs
/// report it, nothing is lost that was durable, and a rewrite from the owner's memory heals it:
/// after a failed write or fsync the files' tail can't be trusted, so the owner writes every live
/// record anew into a new base. After a failed write append() fails at once until begin_rewrite()
/// has made a new file; after a failed fsync append() goes on (such records survive the death of
/// the process), but durable() stands still until finish_rewrite() has succeeded.
class Log {
 public:
  using OnRecord = std::function<base::Status(const Record&)>;

  /// Opens or creates the log in `dir`, replaying every record of the base, then of the segments. A
  /// key may come several times and the record with the highest version counts, which is for the
  /// owner to compare: a rewrite may have put into the base a newer record than one that the
  /// segments hold from before it was handed over. New records take versions above
  /// report->last_version. A record's views are valid during the call of `on_record` only. Errors:
  /// kCorrupt naming file and offset (nothing after the damage is served), kIo, kConflict when
  /// another process holds the lock, and what `on_record` returns. `report` is filled either way.
  static base::Result<std::unique_ptr<Log>> open(FileSystem& files, std::string dir,
                                                 LogOptions options, base::Logger& logger,
                                                 const OnRecord& on_record, RecoveryReport* report);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Writes the records with one write(). On success they survive the death of the process. On
  /// failure the log is degraded and the records are not in it (unless cutting off what was written
  /// of them fails as well: then the next open() may find some).
  base::Result<Position> append(const std::vector<Record>& records);

  /// Everything before this has been appended.
  Position end() const;
  /// Everything before this is known to be on the disk.
  Position durable() const;

  /// Takes a group commit to run elsewhere: run() calls fdatasync, then finish_sync() on the
  /// owner's thread moves durable() or degrades the log. At most one at a time. begin_sync() gives
  /// nothing while one is under way, when all is durable, and after an fsync error until a rewrite
  /// has replaced the files that it concerned.
  class SyncJob {
   public:
    virtual ~SyncJob() = default;
    virtual void run() = 0;  ///< any thread, once
  };
  std::unique_ptr<SyncJob> begin_sync();
  base::Status finish_sync(std::unique_ptr<SyncJob> job);

  /// Why the log is degraded, or empty.
  const std::string& degraded() const;

  /// Whether the owner should begin a rewrite: the log has grown, or is degraded.
  bool rewrite_due() const;
  bool rewriting() const;
  /// Starts a rewrite: a new segment takes what is appended from now on, and the owner hands over
  /// every live record by rewrite_append() in steps of its choosing; each record as it is when it
  /// is handed over. Fails, leaving all as it was, when the files can't be made.
  base::Status begin_rewrite();
  base::Status rewrite_append(const std::vector<Record>& records);
  /// Takes the end of the rewrite to run elsewhere: fsync, rename, directory fsync, and deleting
  /// what the new base replaces. Then finish_rewrite() moves durable() and ends the degradation,
  /// unless a write or fsync of the new segments has failed since begin_rewrite(). If it returns an
  /// error the log goes on with the old files.
  class RewriteJob {
   public:
    virtual ~RewriteJob() = default;
    virtual void run() = 0;  ///< any thread, once
  };
  std::unique_ptr<RewriteJob> seal_rewrite();
  base::Status finish_rewrite(std::unique_ptr<RewriteJob> job);
  /// Gives up a rewrite that is not sealed (a failed rewrite_append does so by itself, and does not
  /// degrade the log).
  void abandon_rewrite();

  struct Stats {
    uint64_t bytes = 0;  ///< of all files
    uint64_t segments = 0;
    uint64_t appended_records = 0;
    uint64_t appended_bytes = 0;
    uint64_t syncs = 0;
    uint64_t write_failures = 0;
    uint64_t sync_failures = 0;
    uint64_t rewrites = 0;
  };
  Stats stats() const;

 private:
  class Impl;
  explicit Log(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace callbook::store
