#include "store/salvage.h"

#include <algorithm>
#include <set>

#include "store/base_writer.h"
#include "store/segment_file.h"

namespace callbook::store {
namespace {

class Salvage {
 public:
  Salvage(FileSystem& files, const std::string& dir, base::Logger& logger,
          const Log::OnRecord& on_record, RecoveryReport& report)
      : files_(files), dir_(dir), logger_(logger), on_record_(on_record), report_(report) {}

  base::Result<RecoveredLog> run(const Inventory& inventory) {
    std::vector<FileId> ids;
    if (inventory.base != 0) ids.push_back({FileKind::kBase, inventory.base});
    uint64_t expected = inventory.first_segment();
    for (const uint64_t number : inventory.segments) {
      for (; expected < number; ++expected) note_missing(expected);
      ids.push_back({FileKind::kSegment, number});
      ++expected;
    }
    if (inventory.segments.empty()) note_missing(expected);
    const uint64_t number = ids.back().number + 1;
    auto writer = BaseWriter::create(files_, dir_, number);
    if (!writer.ok()) return writer.error();
    writer_ = std::move(writer).value();
    for (const FileId id : ids) {
      const base::Status kept = keep_what_verifies(id);
      if (!kept.ok()) return kept.error();
    }
    return publish(number);
  }

 private:
  void note(FileId id, uint64_t offset, std::string_view why) {
    report_.damages.push_back({path_of(dir_, id), offset, std::string(why)});
    logger_.error("{}: damaged at offset {}: {}; salvaging the rest", path_of(dir_, id), offset,
                  why);
  }

  void note_missing(uint64_t number) {
    note({FileKind::kSegment, number}, 0, "the file is missing");
  }

  void note_in(FileId id, uint64_t offset, std::string_view why) {
    note(id, offset, why);
    if (damaged_.empty() || damaged_.back() != id) damaged_.push_back(id);
  }

  base::Status keep(const Record& record) {
    ++report_.records;
    report_.last_version = std::max(report_.last_version, record.version);
    const base::Status passed = on_record_(record);
    return passed.ok() ? writer_->append({record}) : passed;
  }

  base::Status keep_what_verifies(FileId id) {
    auto file = files_.read(path_of(dir_, id));
    if (!file.ok()) return file.error();
    const std::string_view bytes = file.value()->view();
    const std::optional<FileHeader> header = read_header(bytes);
    if (!header || header->id != id) note_in(id, 0, "wrong file header");
    bool footer = id.kind == FileKind::kSegment;
    for (uint64_t offset = kHeaderBytes; offset < bytes.size();) {
      const auto [frame, problem] = read_frame(bytes, id, offset);
      if (frame) {
        const base::Status kept =
            frame->kind == FrameKind::kRecord ? keep(frame->record()) : base::Status();
        if (!kept.ok()) return kept;
        footer = footer || frame->kind == FrameKind::kFooter;
        offset += frame->bytes;
        continue;
      }
      note_in(id, offset, problem);
      const std::optional<uint64_t> next = find_frame(bytes, id, offset + 1);
      if (!next) return {};
      offset = *next;
    }
    if (!footer) note_in(id, bytes.size(), "the footer is missing");
    return {};
  }

  /// Makes the new base and an empty segment behind it the log, in an order in which a crash leaves
  /// either the damaged log or the new one.
  base::Result<RecoveredLog> publish(uint64_t number) {
    const FileHeader header{{FileKind::kSegment, number}, 0, report_.last_version};
    const auto segment = SegmentFile::create(files_, dir_, header);
    if (!segment.ok()) return segment.error();
    base::Status done = segment.value()->sync();
    if (done.ok()) done = files_.sync_directory(dir_);
    if (done.ok()) done = writer_->finish();
    if (!done.ok()) {
      static_cast<void>(files_.remove(path_of(dir_, header.id)).ok());
      return done.error();
    }
    done = writer_->publish();
    if (!done.ok()) return done.error();
    for (const FileId id : damaged_) {
      const std::string path = path_of(dir_, id);
      done = files_.rename(path, path + std::string(kDamagedSuffix));
      if (!done.ok()) return done.error();
    }
    remove_replaced_by(number, files_, dir_);
    RecoveredLog log;
    log.base = number;
    log.base_bytes = writer_->bytes();
    log.segments.push_back({number, kHeaderBytes, report_.last_version, false});
    report_.bytes = log.base_bytes + kHeaderBytes;
    return log;
  }

  FileSystem& files_;
  const std::string& dir_;
  base::Logger& logger_;
  const Log::OnRecord& on_record_;
  RecoveryReport& report_;
  std::unique_ptr<BaseWriter> writer_;
  std::vector<FileId> damaged_;
};

}  // namespace

base::Result<RecoveredLog> salvage(FileSystem& files, const std::string& dir, base::Logger& logger,
                                   const Log::OnRecord& on_record, RecoveryReport& report) {
  const auto inventory = take_inventory(files, dir);
  if (!inventory.ok()) return inventory.error();
  return Salvage(files, dir, logger, on_record, report).run(inventory.value());
}

}  // namespace callbook::store
