#include "store/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/frame.h"
#include "store/test_log.h"

namespace callbook::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST(Log, ReplaysWhatWasAppendedInOrder) {
  MemoryFileSystem files;
  std::vector<OwnedRecord> written;
  {
    Opened opened = open_log(files);
    ASSERT_TRUE(opened.status.ok());
    EXPECT_EQ(opened.report.records, 0U);
    for (uint64_t version = 1; version <= 100; ++version) {
      written.push_back(make_record(version * 3));
      ASSERT_TRUE(append(*opened.log, written.back()).ok());
    }
    EXPECT_EQ(opened.log->stats().appended_records, 100U);
  }
  const Opened again = open_log(files);
  ASSERT_TRUE(again.status.ok());
  EXPECT_EQ(again.records, written);
  EXPECT_EQ(again.report.last_version, 300U);
  EXPECT_FALSE(again.report.torn_tail);
  EXPECT_THAT(again.logger->lines, ElementsAre());
}

TEST(Log, GoesOnWhereItStoppedOverManyLives) {
  MemoryFileSystem files;
  LogOptions options;
  options.segment_bytes = 1000;
  std::vector<OwnedRecord> written;
  for (uint64_t life = 0; life < 20; ++life) {
    Opened opened = open_log(files, options);
    ASSERT_TRUE(opened.status.ok()) << opened.status.error().to_string();
    ASSERT_EQ(opened.records, written);
    for (int i = 0; i < 7; ++i) {
      written.push_back(make_record(opened.report.last_version + 1 + static_cast<uint64_t>(i)));
      ASSERT_TRUE(append(*opened.log, written.back()).ok());
      if (i == 3 && life % 2 == 0) {
        ASSERT_TRUE(sync(*opened.log));
      }
    }
  }
  EXPECT_GT(open_log(files, options).log->stats().segments, 5U);
}

TEST(Log, DurableFollowsTheGroupCommit) {
  MemoryFileSystem files;
  const Opened opened = open_log(files);
  Log& log = *opened.log;
  EXPECT_EQ(log.begin_sync(), nullptr);
  const Position first = append(log, make_record(1)).value();
  EXPECT_EQ(log.end(), first);
  auto job = log.begin_sync();
  const Position second = append(log, make_record(2)).value();
  EXPECT_GT(second, first);
  EXPECT_EQ(log.begin_sync(), nullptr) << "one at a time";
  job->run();
  EXPECT_LT(log.durable(), first);
  ASSERT_TRUE(log.finish_sync(std::move(job)).ok());
  EXPECT_EQ(log.durable(), first);
  ASSERT_TRUE(sync(log));
  EXPECT_EQ(log.durable(), second);
  EXPECT_EQ(log.begin_sync(), nullptr);
}

TEST(Log, ABatchIsOneWrite) {
  MemoryFileSystem files;
  const Opened opened = open_log(files);
  const std::vector<OwnedRecord> owned = {make_record(1), make_record(2), make_record(3)};
  const uint64_t before = files.operations();
  ASSERT_TRUE(opened.log->append({owned[0].view(), owned[1].view(), owned[2].view()}).ok());
  EXPECT_EQ(files.operations(), before + 1);
}

TEST(Log, SealsASegmentOnceTheNextIsOnTheDisk) {
  MemoryFileSystem files;
  LogOptions options;
  options.segment_bytes = 500;
  Opened opened = open_log(files, options);
  for (uint64_t version = 1; opened.log->stats().segments < 3; ++version) {
    ASSERT_TRUE(append(*opened.log, make_record(version)).ok());
  }
  const size_t unsealed = files.bytes(segment_path(2)).size();
  ASSERT_TRUE(sync(*opened.log));
  const std::string sealed = files.bytes(segment_path(2));
  EXPECT_EQ(sealed.size(), unsealed + kSealFrameBytes);
  const auto seal = read_frame(sealed, {FileKind::kSegment, 2}, unsealed).frame;
  ASSERT_TRUE(seal);
  EXPECT_EQ(seal->kind, FrameKind::kSeal);
}

TEST(Log, AFullDiskRefusesTheRecordAndSaysSoOnce) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  ASSERT_TRUE(append(*opened.log, make_record(1)).ok());
  files.set_free_bytes(10);
  for (uint64_t version = 2; version < 20; ++version) {
    const auto refused = append(*opened.log, make_record(version));
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, base::ErrorCode::kIo);
    EXPECT_THAT(refused.error().detail, HasSubstr("no space left"));
  }
  EXPECT_THAT(opened.log->degraded(), HasSubstr("no space left"));
  EXPECT_TRUE(opened.log->rewrite_due());
  EXPECT_EQ(opened.log->stats().write_failures, 1U);
  EXPECT_THAT(opened.logger->lines, SizeIs(1));
  // What was appended before can still become durable.
  EXPECT_TRUE(sync(*opened.log));
  EXPECT_EQ(opened.log->durable(), opened.log->end());
  opened.log.reset();
  const Opened again = open_log(files);
  EXPECT_THAT(again.records, ElementsAre(make_record(1)));
  EXPECT_FALSE(again.report.torn_tail) << "the failed write was cut off at once";
}

TEST(Log, OpensOnAFullDisk) {
  MemoryFileSystem files;
  {
    Opened opened = open_log(files);
    ASSERT_TRUE(append(*opened.log, make_record(1)).ok());
  }
  files.set_free_bytes(0);
  const Opened again = open_log(files);
  ASSERT_TRUE(again.status.ok());
  EXPECT_THAT(again.records, ElementsAre(make_record(1)));
  EXPECT_FALSE(append(*again.log, make_record(2)).ok());
}

TEST(Log, AFailedFsyncStopsGroupCommitsButNotAppends) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  Log& log = *opened.log;
  ASSERT_TRUE(append(log, make_record(1)).ok());
  ASSERT_TRUE(sync(log));
  const Position durable = log.durable();
  ASSERT_TRUE(append(log, make_record(2)).ok());
  files.fail_syncs(true);
  auto job = log.begin_sync();
  job->run();
  const base::Status failed = log.finish_sync(std::move(job));
  ASSERT_FALSE(failed.ok());
  EXPECT_THAT(failed.error().detail, HasSubstr("fsync failed"));
  files.fail_syncs(false);
  // The next fsync would succeed, and would be a lie.
  ASSERT_TRUE(append(log, make_record(3)).ok());
  EXPECT_EQ(log.begin_sync(), nullptr);
  EXPECT_EQ(log.durable(), durable);
  EXPECT_TRUE(log.rewrite_due());
  files.crash(MemoryFileSystem::Survival::kSynced);
  EXPECT_THAT(open_log(files).records, ElementsAre(make_record(1)));
}

/// As above, but the process ends before a rewrite, and the next one knows nothing of the error.
TEST(Log, TheNextProcessDoesNotBelieveAnFsyncEither) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  ASSERT_TRUE(append(*opened.log, make_record(1)).ok());
  files.fail_syncs(true);
  EXPECT_FALSE(sync(*opened.log));
  files.crash(MemoryFileSystem::Survival::kEverything);
  const Opened again = open_log(files);
  EXPECT_THAT(again.records, ElementsAre(make_record(1)));
  EXPECT_EQ(again.log->degraded(), "");
  files.crash(MemoryFileSystem::Survival::kSynced);
  EXPECT_THAT(open_log(files).records, ElementsAre(make_record(1)));
}

TEST(Log, AnFsyncThatFailsAtStartDegrades) {
  MemoryFileSystem files;
  files.set_bytes(kDir + "/notes.txt", "");
  files.fail_syncs(true);
  const Opened opened = open_log(files);
  ASSERT_TRUE(opened.status.ok());
  EXPECT_THAT(opened.log->degraded(), HasSubstr("fsync failed"));
  EXPECT_TRUE(opened.log->rewrite_due());
}

TEST(Log, RollOverWaitsWhenNoFileCanBeMade) {
  MemoryFileSystem files;
  LogOptions options;
  options.segment_bytes = 100;
  Opened opened = open_log(files, options);
  const OwnedRecord first{1, "key", std::string(200, 'x')};
  ASSERT_TRUE(append(*opened.log, first).ok());
  files.fail_append(1, 0);  // the header of the next segment
  const OwnedRecord second{2, "key", "y"};
  ASSERT_TRUE(append(*opened.log, second).ok());
  EXPECT_EQ(opened.log->degraded(), "");
  EXPECT_EQ(opened.log->stats().segments, 1U);
  const OwnedRecord third{3, "key", std::string(200, 'z')};
  const OwnedRecord fourth{4, "key", "w"};
  ASSERT_TRUE(append(*opened.log, third).ok());
  ASSERT_TRUE(append(*opened.log, fourth).ok());
  EXPECT_EQ(opened.log->stats().segments, 2U);
  opened.log.reset();
  EXPECT_THAT(open_log(files, options).records, ElementsAre(first, second, third, fourth));
}

TEST(Log, OneOwnerAtATime) {
  MemoryFileSystem files;
  Opened first = open_log(files);
  const Opened second = open_log(files);
  ASSERT_FALSE(second.status.ok());
  EXPECT_EQ(second.status.error().code, base::ErrorCode::kConflict);
  first.log.reset();
  EXPECT_TRUE(open_log(files).status.ok());
}

TEST(Log, AnErrorOfTheOwnerEndsOpening) {
  MemoryFileSystem files;
  {
    Opened opened = open_log(files);
    ASSERT_TRUE(append(*opened.log, make_record(1)).ok());
  }
  LogLines logger;
  const auto refused = Log::open(
      files, kDir, {}, logger,
      [](const Record&) -> base::Status { return base::invalid("record", "not for me"); }, nullptr);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().field, "record");
}

}  // namespace
}  // namespace callbook::store
