#include "store/recovery.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace callbook::store {
namespace {

constexpr uint64_t kUnknownEnd = std::numeric_limits<uint64_t>::max();

FileId segment(uint64_t number) {
  return {FileKind::kSegment, number};
}

bool header_fits(const std::optional<FileHeader>& header, FileId id) {
  return header && header->id == id;
}

}  // namespace

Recovery::Recovery(FileSystem& files, const std::string& dir, base::Logger& logger,
                   const Log::OnRecord& on_record, RecoveryReport& report)
    : files_(files), dir_(dir), logger_(logger), on_record_(on_record), report_(report) {}

base::Result<RecoveredLog> Recovery::run() {
  auto inventory = take_inventory(files_, dir_);
  if (!inventory.ok()) return inventory.error();
  inventory_ = std::move(inventory).value();
  for (const std::string& name : inventory_.temporary) {
    logger_.info("removing {}/{}, left by an unfinished rewrite", dir_, name);
    const base::Status removed = files_.remove(dir_ + "/" + name);
    if (!removed.ok()) return removed.error();
  }
  if (inventory_.base != 0) {
    const base::Status replayed = replay_base();
    if (!replayed.ok()) return replayed.error();
    remove_replaced_by(inventory_.base, files_, dir_);
  }
  const base::Status replayed = replay_segments();
  if (!replayed.ok()) return replayed.error();
  report_.last_version = std::max(report_.last_version, version_);
  log_.durable = known_durable_;
  return std::move(log_);
}

base::Error Recovery::damaged(FileId id, uint64_t offset, const std::string& why) {
  const std::string path = path_of(dir_, id);
  report_.damages.push_back({path, offset, why});
  return {
      base::ErrorCode::kCorrupt, path, fmt::format("damaged at offset {}: {}", offset, why), {}};
}

base::Status Recovery::pass_on(const Frame& frame) {
  ++report_.records;
  report_.last_version = std::max(report_.last_version, frame.version);
  return on_record_(frame.record());
}

base::Status Recovery::replay_base() {
  const FileId id{FileKind::kBase, inventory_.base};
  auto file = files_.read(path_of(dir_, id));
  if (!file.ok()) return file.error();
  const std::string_view bytes = file.value()->view();
  if (!header_fits(read_header(bytes), id)) return damaged(id, 0, "wrong file header");
  uint64_t count = 0;
  uint64_t highest = 0;
  for (uint64_t offset = kHeaderBytes;;) {
    const auto [frame, problem] = read_frame(bytes, id, offset);
    if (!frame) return damaged(id, offset, problem);
    if (frame->kind == FrameKind::kFooter) {
      if (frame->count != count || frame->version != highest) {
        return damaged(id, offset, "the footer does not fit the records");
      }
      offset += frame->bytes;
      if (offset != bytes.size()) return damaged(id, offset, "bytes after the footer");
      break;
    }
    const base::Status passed = pass_on(*frame);
    if (!passed.ok()) return passed;
    highest = std::max(highest, frame->version);
    ++count;
    offset += frame->bytes;
  }
  log_.base = inventory_.base;
  log_.base_bytes = bytes.size();
  report_.bytes += bytes.size();
  return {};
}

base::Status Recovery::replay_segments() {
  const uint64_t first = inventory_.first_segment();
  const std::vector<uint64_t>& numbers = inventory_.segments;
  if (numbers.empty() && inventory_.base == 0) return {};
  // A base, and any later segment, comes into being only after the first one's header is durable.
  if (inventory_.base != 0 || numbers.back() != first) known_durable_ = {first, kHeaderBytes};
  for (size_t i = 0; i < numbers.size() && !stopped_; ++i) {
    if (numbers[i] != first + i) return stop_at({first + i, 0}, "the file is missing");
    auto scan = replay_segment(i);
    if (!scan.ok()) return scan.error();
    if (!scan->problem.empty()) {
      const base::Status stopped = stop_at({numbers[i], scan->offset}, scan->problem);
      if (!stopped.ok()) return stopped;
    }
    report_.bytes += scan->offset;
    if (scan->offset >= kHeaderBytes) {
      log_.segments.push_back({numbers[i], scan->offset, version_, scan->sealed});
    }
  }
  const uint64_t next = first + numbers.size();
  const bool more = numbers.empty() || (!stopped_ && log_.segments.back().sealed);
  return more ? stop_at({next, 0}, "the file is missing") : base::Status();
}

/// Where the next segment's header says this one ends. A batch that failed was cut off there, or
/// could not be: what stands behind was refused to its writer.
base::Result<uint64_t> Recovery::end_by_next_header(size_t index) {
  const std::vector<uint64_t>& numbers = inventory_.segments;
  if (index + 1 == numbers.size() || numbers[index + 1] != numbers[index] + 1) return kUnknownEnd;
  const FileId next = segment(numbers[index + 1]);
  auto file = files_.read(path_of(dir_, next));
  if (!file.ok()) return file.error();
  const std::optional<FileHeader> header = read_header(file.value()->view());
  return header_fits(header, next) ? header->previous_end : kUnknownEnd;
}

base::Result<Recovery::Scan> Recovery::replay_segment(size_t index) {
  const FileId id = segment(inventory_.segments[index]);
  const auto end = end_by_next_header(index);
  if (!end.ok()) return end.error();
  auto file = files_.read(path_of(dir_, id));
  if (!file.ok()) return file.error();
  const std::string_view bytes = file.value()->view();
  const std::optional<FileHeader> header = read_header(bytes);
  if (!header_fits(header, id)) return Scan{0, "wrong file header"};
  if (index == 0) version_ = header->previous_version;
  if (header->previous_version != version_) {
    return Scan{0, "the file does not follow the one before it"};
  }
  auto scan = scan_frames(bytes, id, *end);
  if (!scan.ok() || !scan->problem.empty() || scan->offset == bytes.size()) return scan;
  const std::optional<Frame> last = read_frame(bytes, id, scan->offset).frame;
  if (last && last->kind == FrameKind::kSeal && scan->offset + last->bytes == bytes.size()) {
    scan->sealed = true;
    known_durable_ = std::max(known_durable_, last->durable);
    return scan;
  }
  const uint64_t size = bytes.size();
  file.value().reset();
  const base::Status cut = cut_excess(id, scan->offset, size);
  if (!cut.ok()) return cut.error();
  return scan;
}

/// Passes on the records up to `end`, or up to a seal or the end of the file if that is unknown.
base::Result<Recovery::Scan> Recovery::scan_frames(std::string_view bytes, FileId id,
                                                   uint64_t end) {
  Scan scan{kHeaderBytes, ""};
  while (scan.offset < end && (end != kUnknownEnd || scan.offset < bytes.size())) {
    const auto [frame, problem] = read_frame(bytes, id, scan.offset);
    scan.problem = frame ? check_segment_frame(*frame, {id.number, scan.offset}, end) : problem;
    if (!scan.problem.empty()) return scan;
    if (frame->kind == FrameKind::kSeal) {
      if (scan.offset + frame->bytes != bytes.size()) scan.problem = "bytes after the seal";
      return scan;
    }
    if (frame->kind == FrameKind::kMark) known_durable_ = std::max(known_durable_, frame->durable);
    if (frame->kind == FrameKind::kRecord) {
      version_ = frame->version;
      const base::Status passed = pass_on(*frame);
      if (!passed.ok()) return passed.error();
    }
    scan.offset += frame->bytes;
  }
  return scan;
}

std::string Recovery::check_segment_frame(const Frame& frame, Point at, uint64_t end) const {
  if (frame.kind == FrameKind::kRecord) {
    if (frame.version <= version_) return "the version does not grow";
  } else if (frame.version != version_) {
    return "a mark or seal that does not fit the records";
  }
  if (frame.kind == FrameKind::kMark && frame.durable > at) return "a mark ahead of itself";
  if (end == kUnknownEnd) return "";
  if (frame.kind == FrameKind::kSeal || at.offset + frame.bytes > end) {
    return "the next file begins elsewhere";
  }
  return "";
}

/// The furthest point that anything stored at or after `from` vouches for.
base::Result<Point> Recovery::furthest_known_durable(Point from) {
  Point furthest = known_durable_;
  for (const uint64_t number : inventory_.segments) {
    if (number < from.segment) continue;
    auto file = files_.read(path_of(dir_, segment(number)));
    if (!file.ok()) return file.error();
    const uint64_t offset = number == from.segment ? from.offset : 0;
    const Point found = furthest_durable(file.value()->view(), segment(number), offset);
    furthest = std::max(furthest, found);
  }
  return furthest;
}

/// Decides what a place that does not verify is. Below a point that was durable it is damage;
/// beyond, it is what the last crash left, and so is everything after it.
base::Status Recovery::stop_at(Point at, const std::string& why) {
  const auto durable = furthest_known_durable(at);
  if (!durable.ok()) return durable.error();
  if (durable.value() > at) return damaged(segment(at.segment), at.offset, why);
  stopped_ = true;
  return cut_at(at, why);
}

base::Status Recovery::cut_at(Point at, const std::string& why) {
  report_.torn_tail = true;
  report_.torn_file = path_of(dir_, segment(at.segment));
  report_.torn_offset = at.offset;
  const std::vector<uint64_t>& numbers = inventory_.segments;
  for (auto number = numbers.rbegin(); number != numbers.rend(); ++number) {
    if (*number < at.segment) break;
    const FileId id = segment(*number);
    auto file = files_.read(path_of(dir_, id));
    if (!file.ok()) return file.error();
    const uint64_t size = file.value()->view().size();
    file.value().reset();
    const bool keep = *number == at.segment && at.offset >= kHeaderBytes;
    report_.torn_bytes += keep ? size - at.offset : size;
    const base::Status done =
        keep ? files_.truncate(path_of(dir_, id), at.offset) : files_.remove(path_of(dir_, id));
    if (!done.ok()) return done;
  }
  logger_.warn("{}: cut at offset {} ({}); {} bytes that were not known to be durable are lost",
               report_.torn_file, at.offset, why, report_.torn_bytes);
  return {};
}

base::Status Recovery::cut_excess(FileId id, uint64_t offset, uint64_t size) {
  report_.torn_tail = true;
  report_.torn_file = path_of(dir_, id);
  report_.torn_offset = offset;
  report_.torn_bytes += size - offset;
  logger_.warn("{}: cut at offset {}; {} bytes behind the last record are no seal",
               report_.torn_file, offset, size - offset);
  return files_.truncate(report_.torn_file, offset);
}

}  // namespace callbook::store
