#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "store/directory.h"
#include "store/log.h"
#include "store/memory_file_system.h"

namespace callbook::store {

// What the store's tests share.

inline const std::string kDir = "data";

struct LogLines final : base::Logger {
  void write(base::LogLevel level, std::string_view message) override {
    if (level >= base::LogLevel::kWarn) lines.emplace_back(message);
  }
  std::vector<std::string> lines;  ///< warnings and errors
};

struct OwnedRecord {
  uint64_t version = 0;
  std::string key;
  std::string value;

  Record view() const { return {version, key, value}; }
  friend bool operator==(const OwnedRecord&, const OwnedRecord&) = default;
};

inline void PrintTo(const OwnedRecord& record, std::ostream* out) {
  *out << record.key << "@" << record.version;
}

/// The record with the highest version of every key, as an owner keeps it; erased keys too.
using State = std::map<std::string, OwnedRecord>;

inline void merge(State& state, const OwnedRecord& record) {
  OwnedRecord& present = state[record.key];
  if (record.version >= present.version) present = record;
}

/// An opened log, or why it did not open, with all that was replayed.
struct Opened {
  std::shared_ptr<LogLines> logger = std::make_shared<LogLines>();  // outlives the log
  base::Status status;
  std::unique_ptr<Log> log;
  RecoveryReport report;
  std::vector<OwnedRecord> records;
  State state;
};

inline Opened open_log(FileSystem& files, LogOptions options = {}, const std::string& dir = kDir) {
  Opened opened;
  auto log = Log::open(
      files, dir, options, *opened.logger,
      [&](const Record& record) -> base::Status {
        opened.records.push_back(
            {record.version, std::string(record.key), std::string(record.value)});
        merge(opened.state, opened.records.back());
        return {};
      },
      &opened.report);
  if (log.ok()) {
    opened.log = std::move(log).value();
  } else {
    opened.status = log.error();
  }
  return opened;
}

/// A record whose size and bytes vary with its version.
inline OwnedRecord make_record(uint64_t version, std::string key) {
  std::string value((version * 37) % 301, static_cast<char>('a' + version % 26));
  value += std::to_string(version);
  return {version, std::move(key), std::move(value)};
}

inline OwnedRecord make_record(uint64_t version) {
  return make_record(version, "key-" + std::to_string(version % 40));
}

inline base::Result<Position> append(Log& log, const OwnedRecord& record) {
  return log.append({record.view()});
}

/// One group commit on this thread; false if there was none to make.
inline bool sync(Log& log) {
  auto job = log.begin_sync();
  if (!job) return false;
  job->run();
  return log.finish_sync(std::move(job)).ok();
}

/// A whole rewrite of `state` on this thread.
inline base::Status rewrite(Log& log, const State& state) {
  base::Status status = log.begin_rewrite();
  for (const auto& [key, record] : state) {
    if (status.ok() && !record.value.empty()) status = log.rewrite_append({record.view()});
  }
  if (!status.ok()) return status;
  auto job = log.seal_rewrite();
  job->run();
  return log.finish_rewrite(std::move(job));
}

inline std::string segment_path(uint64_t number) {
  return path_of(kDir, {FileKind::kSegment, number});
}
inline std::string base_path(uint64_t number) {
  return path_of(kDir, {FileKind::kBase, number});
}

}  // namespace callbook::store
