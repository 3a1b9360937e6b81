#pragma once

#include <string>
#include <vector>

#include "store/directory.h"
#include "store/log.h"

namespace callbook::store {

/// A segment that replay has verified, as it is on the disk.
struct RecoveredSegment {
  uint64_t number = 0;
  uint64_t end = 0;      ///< where its records end
  uint64_t version = 0;  ///< the last version appended up to there
  bool sealed = false;
};

/// What a log consists of after replay.
struct RecoveredLog {
  uint64_t base = 0;  ///< 0 for none
  uint64_t base_bytes = 0;
  std::vector<RecoveredSegment> segments;
  Point durable;  ///< everything before it is known to be on the disk
};

/// Replays a log once and repairs what a crash may leave: temporary files, replaced files, a torn
/// tail. Everything else that is wrong is damage: kCorrupt, and the files stay as they are.
class Recovery {
 public:
  Recovery(FileSystem& files, const std::string& dir, base::Logger& logger,
           const Log::OnRecord& on_record, RecoveryReport& report);

  base::Result<RecoveredLog> run();

 private:
  /// The end of a segment, or of a base, or the place where it stops making sense.
  struct Scan {
    uint64_t offset = 0;
    std::string problem;
    bool sealed = false;
  };

  base::Status replay_base();
  base::Status replay_segments();
  base::Result<Scan> replay_segment(size_t index);
  base::Result<Scan> scan_frames(std::string_view bytes, FileId id, uint64_t end);
  std::string check_segment_frame(const Frame& frame, Point at, uint64_t end) const;
  base::Status pass_on(const Frame& frame);
  base::Status stop_at(Point at, const std::string& why);
  base::Status cut_at(Point at, const std::string& why);
  base::Status cut_excess(FileId id, uint64_t offset, uint64_t size);
  base::Result<Point> furthest_known_durable(Point from);
  base::Result<uint64_t> end_by_next_header(size_t index);
  base::Error damaged(FileId id, uint64_t offset, const std::string& why);

  FileSystem& files_;
  const std::string& dir_;
  base::Logger& logger_;
  const Log::OnRecord& on_record_;
  RecoveryReport& report_;

  Inventory inventory_;
  RecoveredLog log_;
  uint64_t version_ = 0;  // the last one appended before the place replay has come to
  Point known_durable_;   // the furthest that anything read so far vouches for
  bool stopped_ = false;  // at a torn tail
};

}  // namespace callbook::store
