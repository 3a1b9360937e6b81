#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/test_log.h"

namespace callbook::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Rewrite, ReplacesTheFilesByTheLiveState) {
  MemoryFileSystem files;
  LogOptions options;
  options.segment_bytes = 2000;
  options.rewrite_slack_bytes = 10'000;
  Opened opened = open_log(files, options);
  State state;
  uint64_t version = 0;
  while (!opened.log->rewrite_due()) {
    const OwnedRecord record = make_record(++version);
    ASSERT_TRUE(append(*opened.log, record).ok());
    merge(state, record);
  }
  ASSERT_GT(opened.log->stats().bytes, 10'000U);
  ASSERT_TRUE(rewrite(*opened.log, state).ok());
  EXPECT_FALSE(opened.log->rewrite_due());
  EXPECT_EQ(opened.log->stats().segments, 1U);
  EXPECT_EQ(opened.log->stats().rewrites, 1U);
  EXPECT_EQ(opened.log->durable(), opened.log->end());
  EXPECT_EQ(files.list(kDir).value().size(), 2U);
  const uint64_t bytes = opened.log->stats().bytes;
  opened.log.reset();
  const Opened again = open_log(files, options);
  EXPECT_EQ(again.state, state);
  EXPECT_EQ(again.records.size(), state.size());
  EXPECT_EQ(again.report.last_version, version);
  EXPECT_EQ(again.log->stats().bytes, bytes + kSealFrameBytes) << "a mark was due";
}

TEST(Rewrite, WritersGoOnMeanwhileAndNothingIsLost) {
  MemoryFileSystem files;
  LogOptions options;
  options.segment_bytes = 1500;
  Opened opened = open_log(files, options);
  Log& log = *opened.log;
  State state;
  uint64_t version = 0;
  const auto write = [&](std::string key, bool erase) {
    OwnedRecord record = make_record(++version, std::move(key));
    if (erase) record.value.clear();
    ASSERT_TRUE(append(log, record).ok());
    merge(state, record);
  };
  for (int i = 0; i < 40; ++i) write("key-" + std::to_string(i), false);
  ASSERT_TRUE(log.begin_rewrite().ok());
  EXPECT_TRUE(log.rewriting());
  for (int i = 0; i < 40; ++i) {
    // Each key is handed over as it is now; some change just before, some after, some vanish.
    const std::string key = "key-" + std::to_string(i);
    write("key-" + std::to_string((i + 3) % 40), false);
    write("key-" + std::to_string((i * 7) % 40), i % 5 == 0);
    if (!state[key].value.empty()) {
      ASSERT_TRUE(log.rewrite_append({state[key].view()}).ok());
    }
    write("key-" + std::to_string((i * 11) % 40), i % 3 == 0);
    if (i % 10 == 5) {
      ASSERT_TRUE(sync(log));
    }
  }
  auto job = log.seal_rewrite();
  write("key-1", true);
  auto commit = log.begin_sync();
  write("key-2", false);
  job->run();
  write("key-3", false);
  commit->run();
  ASSERT_TRUE(log.finish_rewrite(std::move(job)).ok());
  ASSERT_TRUE(log.finish_sync(std::move(commit)).ok());
  EXPECT_EQ(log.degraded(), "");
  opened.log.reset();
  State recovered = open_log(files, options).state;
  std::erase_if(recovered, [](const auto& entry) { return entry.second.value.empty(); });
  std::erase_if(state, [](const auto& entry) { return entry.second.value.empty(); });
  EXPECT_EQ(recovered, state);
}

TEST(Rewrite, HealsAfterAFullDisk) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  Log& log = *opened.log;
  State state;
  for (uint64_t version = 1; version <= 5; ++version) {
    files.set_free_bytes(version == 3 ? std::optional<uint64_t>(5) : std::nullopt);
    const OwnedRecord record = make_record(version);
    EXPECT_EQ(append(log, record).ok(), version < 3);
    merge(state, record);
  }
  files.set_free_bytes(5);
  EXPECT_FALSE(log.begin_rewrite().ok()) << "still full";
  EXPECT_FALSE(log.rewriting());
  EXPECT_EQ(files.list(kDir).value().size(), 1U);
  files.set_free_bytes(600);
  EXPECT_FALSE(rewrite(log, state).ok()) << "full again half-way";
  EXPECT_FALSE(log.rewriting());
  EXPECT_NE(log.degraded(), "");
  EXPECT_TRUE(log.rewrite_due());
  files.set_free_bytes(std::nullopt);
  ASSERT_TRUE(rewrite(log, state).ok());
  EXPECT_EQ(log.degraded(), "");
  const OwnedRecord next = make_record(6);
  ASSERT_TRUE(append(log, next).ok());
  merge(state, next);
  ASSERT_TRUE(sync(log));
  files.crash(MemoryFileSystem::Survival::kSynced);
  const Opened again = open_log(files);
  EXPECT_EQ(again.state, state) << "records refused while degraded are in the new base";
  EXPECT_FALSE(again.report.torn_tail);
}

TEST(Rewrite, HealsAfterAFailedFsync) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  Log& log = *opened.log;
  State state;
  for (uint64_t version = 1; version <= 3; ++version) {
    ASSERT_TRUE(append(log, make_record(version)).ok());
    merge(state, make_record(version));
  }
  files.fail_syncs(true);
  EXPECT_FALSE(sync(log));
  EXPECT_FALSE(rewrite(log, state).ok());
  EXPECT_NE(log.degraded(), "");
  files.fail_syncs(false);
  ASSERT_TRUE(rewrite(log, state).ok());
  EXPECT_EQ(log.degraded(), "");
  EXPECT_EQ(log.durable(), log.end());
  ASSERT_TRUE(append(log, make_record(4)).ok());
  merge(state, make_record(4));
  ASSERT_TRUE(sync(log));
  files.crash(MemoryFileSystem::Survival::kSynced);
  EXPECT_EQ(open_log(files).state, state);
}

TEST(Rewrite, AFailureMeanwhileLeavesItDegraded) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  Log& log = *opened.log;
  State state;
  ASSERT_TRUE(append(log, make_record(1)).ok());
  merge(state, make_record(1));
  ASSERT_TRUE(log.begin_rewrite().ok());
  ASSERT_TRUE(log.rewrite_append({state.begin()->second.view()}).ok());
  files.fail_append(1, 7);
  const OwnedRecord refused{2, state.begin()->first, "newer"};
  EXPECT_FALSE(append(log, refused).ok());
  merge(state, refused);
  auto job = log.seal_rewrite();
  job->run();
  ASSERT_TRUE(log.finish_rewrite(std::move(job)).ok());
  EXPECT_NE(log.degraded(), "") << "the new base lacks what was refused";
  EXPECT_TRUE(log.rewrite_due());
  ASSERT_TRUE(rewrite(log, state).ok());
  EXPECT_EQ(log.degraded(), "");
  opened.log.reset();
  EXPECT_EQ(open_log(files).state, state);
}

/// A commit that was under way when the rewrite began must not keep the log from healing.
TEST(Rewrite, AnOldFilesFsyncErrorDoesNotTaintIt) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  Log& log = *opened.log;
  ASSERT_TRUE(append(log, make_record(1)).ok());
  const State state = {{make_record(1).key, make_record(1)}};
  auto commit = log.begin_sync();
  ASSERT_TRUE(log.begin_rewrite().ok());
  ASSERT_TRUE(log.rewrite_append({state.begin()->second.view()}).ok());
  files.fail_syncs(true);
  commit->run();
  files.fail_syncs(false);
  EXPECT_FALSE(log.finish_sync(std::move(commit)).ok());
  EXPECT_EQ(log.begin_sync(), nullptr);
  auto job = log.seal_rewrite();
  job->run();
  ASSERT_TRUE(log.finish_rewrite(std::move(job)).ok());
  EXPECT_EQ(log.degraded(), "");
}

TEST(Rewrite, RefusedRecordsStayOutEvenIfTheyCannotBeCutOff) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  Log& log = *opened.log;
  ASSERT_TRUE(append(log, make_record(1)).ok());
  const OwnedRecord refused{2, "refused", "x"};
  const OwnedRecord filler{3, "refused-too", std::string(100, 'x')};
  files.fail_append(1, 60);  // all of the first record and some of the second
  files.fail_truncates(true);
  EXPECT_FALSE(log.append({refused.view(), filler.view()}).ok());
  files.fail_truncates(false);
  ASSERT_TRUE(log.begin_rewrite().ok());
  ASSERT_TRUE(append(log, make_record(4)).ok());
  ASSERT_TRUE(sync(log));
  ASSERT_TRUE(append(log, make_record(5)).ok());
  files.crash(MemoryFileSystem::Survival::kEverything);
  const Opened again = open_log(files);
  ASSERT_TRUE(again.status.ok()) << again.status.error().to_string();
  EXPECT_THAT(again.records, ElementsAre(make_record(1), make_record(4), make_record(5)));
}

/// The new name may be gone after a power loss, so what it would replace must stay.
TEST(Rewrite, KeepsTheOldFilesUntilTheNewNameIsOnTheDisk) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  ASSERT_TRUE(append(*opened.log, make_record(1)).ok());
  ASSERT_TRUE(sync(*opened.log));
  const State state = {{make_record(1).key, make_record(1)}};
  files.fail_directory_sync(2);  // the first is for the new segment's name
  EXPECT_FALSE(rewrite(*opened.log, state).ok());
  EXPECT_TRUE(files.read(segment_path(1)).ok());
  EXPECT_FALSE(opened.log->rewriting());
  ASSERT_TRUE(append(*opened.log, make_record(2)).ok());
  ASSERT_TRUE(sync(*opened.log));
  for (uint64_t seed = 0; seed < 16; ++seed) {
    files.crash(MemoryFileSystem::Survival::kRandom, seed);
    opened = open_log(files);
    ASSERT_TRUE(opened.status.ok()) << opened.status.error().to_string();
    EXPECT_THAT(opened.records, ElementsAre(make_record(1), make_record(2)));
  }
}

TEST(Rewrite, AbandonedLeavesTheLogWhole) {
  MemoryFileSystem files;
  Opened opened = open_log(files);
  ASSERT_TRUE(append(*opened.log, make_record(1)).ok());
  ASSERT_TRUE(opened.log->begin_rewrite().ok());
  ASSERT_TRUE(append(*opened.log, make_record(2)).ok());
  opened.log->abandon_rewrite();
  EXPECT_FALSE(opened.log->rewriting());
  EXPECT_FALSE(files.read(base_path(2) + ".tmp").ok());
  ASSERT_TRUE(append(*opened.log, make_record(3)).ok());
  opened.log.reset();
  EXPECT_THAT(open_log(files).records, ElementsAre(make_record(1), make_record(2), make_record(3)));
}

}  // namespace
}  // namespace callbook::store
