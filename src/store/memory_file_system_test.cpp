#include "store/memory_file_system.h"

#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace callbook::store {
namespace {

using testing::ElementsAre;
using Survival = MemoryFileSystem::Survival;

std::unique_ptr<AppendFile> create(MemoryFileSystem& files, const std::string& path) {
  EXPECT_TRUE(files.create_directories("d").ok());
  return std::move(files.open_append(path, true)).value();
}

TEST(MemoryFileSystem, APowerLossTakesWhatWasNotSynced) {
  MemoryFileSystem files;
  const auto file = create(files, "d/a");
  ASSERT_TRUE(file->append("one").ok());
  ASSERT_TRUE(file->sync().ok());
  ASSERT_TRUE(files.sync_directory("d").ok());
  ASSERT_TRUE(file->append("two").ok());
  create(files, "d/b");
  files.crash(Survival::kSynced);
  EXPECT_EQ(files.bytes("d/a"), "one");
  EXPECT_THAT(files.list("d").value(), ElementsAre("a"));
  EXPECT_FALSE(file->append("x").ok()) << "opened before the crash";
}

TEST(MemoryFileSystem, TheDeathOfAProcessTakesNothing) {
  MemoryFileSystem files;
  const auto file = create(files, "d/a");
  ASSERT_TRUE(file->append("one").ok());
  const auto lock = files.lock("d");
  EXPECT_FALSE(files.lock("d").ok());
  files.crash(Survival::kEverything);
  EXPECT_EQ(files.bytes("d/a"), "one");
  EXPECT_TRUE(files.lock("d").ok());
}

TEST(MemoryFileSystem, NamesFollowTheirDirectory) {
  MemoryFileSystem files;
  const auto file = create(files, "d/a");
  ASSERT_TRUE(file->append("x").ok());
  ASSERT_TRUE(file->sync().ok());
  ASSERT_TRUE(files.sync_directory("d").ok());
  ASSERT_TRUE(files.rename("d/a", "d/b").ok());
  files.crash(Survival::kSynced);
  EXPECT_THAT(files.list("d").value(), ElementsAre("a"));
  ASSERT_TRUE(files.rename("d/a", "d/b").ok());
  ASSERT_TRUE(files.sync_directory("d").ok());
  ASSERT_TRUE(files.remove("d/b").ok());
  files.crash(Survival::kSynced);
  EXPECT_EQ(files.bytes("d/b"), "x");
}

TEST(MemoryFileSystem, AnUnsyncedTruncationMayComeBack) {
  MemoryFileSystem files;
  files.set_bytes("d/a", "0123456789");
  ASSERT_TRUE(files.truncate("d/a", 4).ok());
  EXPECT_EQ(files.bytes("d/a"), "0123");
  files.crash(Survival::kSynced);
  EXPECT_EQ(files.bytes("d/a"), "0123456789");
  ASSERT_TRUE(files.truncate("d/a", 4).ok());
  ASSERT_TRUE(files.open_append("d/a", false).value()->sync().ok());
  files.crash(Survival::kSynced);
  EXPECT_EQ(files.bytes("d/a"), "0123");
}

TEST(MemoryFileSystem, PagesSurviveAtRandomButSyncedBytesAlways) {
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 64; ++seed) {
    MemoryFileSystem files;
    const auto file = create(files, "d/a");
    ASSERT_TRUE(files.sync_directory("d").ok());
    ASSERT_TRUE(file->append(std::string(700, 's')).ok());
    ASSERT_TRUE(file->sync().ok());
    ASSERT_TRUE(file->append(std::string(1500, 'u')).ok());
    files.crash(Survival::kRandom, seed);
    const std::string bytes = files.bytes("d/a");
    EXPECT_EQ(bytes.substr(0, 700), std::string(700, 's'));
    EXPECT_EQ(bytes.find_first_not_of(std::string("u\0", 2), 700), std::string::npos);
    outcomes.insert(bytes);
  }
  EXPECT_GT(outcomes.size(), 8U);
}

TEST(MemoryFileSystem, ASuccessAfterAFailedSyncMeansNothing) {
  MemoryFileSystem files;
  const auto file = create(files, "d/a");
  ASSERT_TRUE(files.sync_directory("d").ok());
  ASSERT_TRUE(file->append("lost").ok());
  files.fail_syncs(true);
  EXPECT_FALSE(file->sync().ok());
  files.fail_syncs(false);
  EXPECT_TRUE(file->sync().ok());
  files.crash(Survival::kSynced);
  EXPECT_EQ(files.bytes("d/a"), "");
}

TEST(MemoryFileSystem, FailsOnDemand) {
  MemoryFileSystem files;
  const auto file = create(files, "d/a");
  files.fail_append(2, 3);
  EXPECT_TRUE(file->append("one").ok());
  EXPECT_FALSE(file->append("twotwo").ok());
  EXPECT_EQ(files.bytes("d/a"), "onetwo");
  files.set_free_bytes(4);
  EXPECT_FALSE(file->append("12345").ok());
  EXPECT_EQ(file->size(), 10U);
  files.set_free_bytes(std::nullopt);
  files.stop_after(2);
  EXPECT_TRUE(file->append("x").ok());
  EXPECT_FALSE(file->append("yyyy").ok()) << "torn in the middle";
  EXPECT_EQ(file->size(), 13U);
  EXPECT_FALSE(file->sync().ok());
  EXPECT_FALSE(files.remove("d/a").ok());
}

}  // namespace
}  // namespace callbook::store
