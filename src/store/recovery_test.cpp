#include "store/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/test_log.h"

namespace callbook::store {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// A log of one segment with records of many sizes, and where each of them ends in the file.
struct OneSegment {
  std::string bytes;
  std::vector<OwnedRecord> records;
  std::vector<uint64_t> ends;
};

OneSegment write_one_segment() {
  MemoryFileSystem files;
  OneSegment written;
  Opened opened = open_log(files);
  for (uint64_t version = 1; version <= 30; ++version) {
    written.records.push_back(make_record(version));
    EXPECT_TRUE(append(*opened.log, written.records.back()).ok());
    written.ends.push_back(files.bytes(segment_path(1)).size());
  }
  written.bytes = files.bytes(segment_path(1));
  return written;
}

/// Checks what opening finds of a segment whose first `size` bytes, and `rest`, are there.
void expect_cut(const OneSegment& written, size_t size, const std::string& rest) {
  SCOPED_TRACE(size);
  MemoryFileSystem files;
  files.set_bytes(segment_path(1), written.bytes.substr(0, size) + rest);
  Opened opened = open_log(files);
  ASSERT_TRUE(opened.status.ok()) << opened.status.error().to_string();
  size_t whole = 0;
  while (whole < written.ends.size() && written.ends[whole] <= size) ++whole;
  ASSERT_EQ(opened.records, std::vector(written.records.begin(),
                                        written.records.begin() + static_cast<ptrdiff_t>(whole)));
  const uint64_t end = whole > 0 ? written.ends[whole - 1] : size < kHeaderBytes ? 0 : kHeaderBytes;
  // The marks after the first record: a cut behind one leaves it.
  const bool clean = rest.empty() && !opened.report.torn_tail;
  if (clean) {
    EXPECT_THAT(opened.logger->lines, ElementsAre());
    return;
  }
  EXPECT_GE(opened.report.torn_offset, end);
  EXPECT_LE(opened.report.torn_offset, size);
  EXPECT_EQ(opened.report.torn_offset + opened.report.torn_bytes, size + rest.size());
  EXPECT_THAT(opened.logger->lines,
              ElementsAre(AllOf(HasSubstr(segment_path(1)),
                                HasSubstr(" " + std::to_string(opened.report.torn_offset) + " "))));
  // The log is whole again.
  const OwnedRecord next = make_record(opened.report.last_version + 1);
  ASSERT_TRUE(append(*opened.log, next).ok());
  opened.records.push_back(next);
  opened.log.reset();
  const Opened again = open_log(files);
  EXPECT_FALSE(again.report.torn_tail);
  EXPECT_EQ(again.records, opened.records);
}

TEST(Recovery, CutsATornTailAtEveryByte) {
  const OneSegment written = write_one_segment();
  for (size_t size = 0; size < written.bytes.size(); ++size) expect_cut(written, size, "");
}

TEST(Recovery, CutsATailOfGarbage) {
  const OneSegment written = write_one_segment();
  for (size_t size = 0; size < written.bytes.size(); size += 13) {
    expect_cut(written, size, std::string(100, '\0'));
    expect_cut(written, size, std::string(5000, '\xA5'));
  }
}

TEST(Recovery, ACleanEndIsNoTear) {
  const OneSegment written = write_one_segment();
  for (const uint64_t end : written.ends) {
    MemoryFileSystem files;
    files.set_bytes(segment_path(1), written.bytes.substr(0, end));
    EXPECT_FALSE(open_log(files).report.torn_tail);
  }
}

/// Segments that were never synced are one tail: the first tear ends it.
TEST(Recovery, CutsATailOfSeveralSegments) {
  LogOptions options;
  options.segment_bytes = 600;
  MemoryFileSystem files;
  std::vector<OwnedRecord> written;
  {
    Opened opened = open_log(files, options);
    for (uint64_t version = 1; opened.log->stats().segments < 4; ++version) {
      written.push_back(make_record(version));
      ASSERT_TRUE(append(*opened.log, written.back()).ok());
    }
  }
  const std::string second = files.bytes(segment_path(2));
  files.set_bytes(segment_path(2), second.substr(0, second.size() - 1));
  Opened opened = open_log(files, options);
  ASSERT_TRUE(opened.status.ok()) << opened.status.error().to_string();
  EXPECT_TRUE(opened.report.torn_tail);
  EXPECT_EQ(opened.report.torn_file, segment_path(2));
  EXPECT_EQ(opened.log->stats().segments, 2U);
  ASSERT_LT(opened.records.size(), written.size());
  EXPECT_TRUE(std::equal(opened.records.begin(), opened.records.end(), written.begin()));
  opened.log.reset();
  const Opened again = open_log(files, options);
  EXPECT_FALSE(again.report.torn_tail);
  EXPECT_EQ(again.records, opened.records);
}

TEST(Recovery, ABadFrameBelowADurableMarkIsDamage) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  ASSERT_TRUE(append(*opened.log, make_record(1)).ok());
  const uint64_t second_begins = files.bytes(segment_path(1)).size();
  ASSERT_TRUE(append(*opened.log, make_record(2)).ok());
  const std::string unmarked = files.bytes(segment_path(1));
  ASSERT_TRUE(sync(*opened.log));
  ASSERT_TRUE(append(*opened.log, make_record(3)).ok());
  opened.log.reset();
  files.flip_bit(segment_path(1), (second_begins + 12) * 8);
  const Opened damaged = open_log(files);
  ASSERT_FALSE(damaged.status.ok());
  EXPECT_EQ(damaged.status.error().code, base::ErrorCode::kCorrupt);
  EXPECT_EQ(damaged.status.error().field, segment_path(1));
  EXPECT_THAT(damaged.status.error().detail,
              HasSubstr("offset " + std::to_string(second_begins) + ":"));
  EXPECT_THAT(damaged.records, ElementsAre(make_record(1)));

  // Without the mark the same is what a crash may leave.
  MemoryFileSystem torn;
  torn.set_bytes(segment_path(1), unmarked);
  torn.flip_bit(segment_path(1), (second_begins + 12) * 8);
  const Opened cut = open_log(torn);
  ASSERT_TRUE(cut.status.ok());
  EXPECT_EQ(cut.report.torn_offset, second_begins);
}

TEST(Recovery, RemovesTemporaryAndReplacedFiles) {
  MemoryFileSystem files;
  std::string old_segment;
  {
    Opened opened = open_log(files);
    ASSERT_TRUE(append(*opened.log, make_record(1)).ok());
    old_segment = files.bytes(segment_path(1));
    ASSERT_TRUE(rewrite(*opened.log, {{"k", {9, "k", "v"}}}).ok());
  }
  files.set_bytes(segment_path(1), old_segment);
  files.set_bytes(base_path(3) + ".tmp", "half a base");
  const Opened opened = open_log(files);
  ASSERT_TRUE(opened.status.ok());
  EXPECT_THAT(opened.records, ElementsAre(OwnedRecord{9, "k", "v"}));
  EXPECT_THAT(files.list(kDir).value(),
              ElementsAre("base-00000000000000000002.cbk", "segment-00000000000000000002.cbk"));
}

TEST(Recovery, LeavesOtherPeoplesFilesAlone) {
  MemoryFileSystem files;
  files.set_bytes(kDir + "/history.db", "x");
  files.set_bytes(kDir + "/segment-00000000000000000001.cbk.damaged", "x");
  ASSERT_TRUE(open_log(files).status.ok());
  EXPECT_EQ(files.list(kDir).value().size(), 3U);
}

}  // namespace
}  // namespace callbook::store
