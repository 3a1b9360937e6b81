#include <cstdlib>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/test_log.h"

namespace callbook::store {
namespace {

using testing::ElementsAre;

class PosixFileSystem : public testing::Test {
 protected:
  PosixFileSystem() {
    std::string name = testing::TempDir() + "callbook-store-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  ~PosixFileSystem() override { std::filesystem::remove_all(dir_); }

  std::string dir_;
  const std::unique_ptr<FileSystem> files_ = make_posix_file_system();
};

TEST_F(PosixFileSystem, AppendsReadsCutsRenamesRemoves) {
  const std::string path = dir_ + "/a";
  EXPECT_FALSE(files_->open_append(path, false).ok());
  {
    const auto file = files_->open_append(path, true);
    ASSERT_TRUE(file.ok());
    EXPECT_FALSE(files_->open_append(path, true).ok());
    EXPECT_EQ(files_->read(path).value()->view(), "");
    ASSERT_TRUE(file.value()->append("hello ").ok());
    ASSERT_TRUE(file.value()->append("world").ok());
    ASSERT_TRUE(file.value()->sync().ok());
    EXPECT_EQ(file.value()->size(), 11U);
  }
  ASSERT_TRUE(files_->redirty(path, 3).ok());
  EXPECT_EQ(files_->read(path).value()->view(), "hello world");
  ASSERT_TRUE(files_->truncate(path, 5).ok());
  EXPECT_EQ(files_->open_append(path, false).value()->size(), 5U);
  ASSERT_TRUE(files_->rename(path, dir_ + "/b").ok());
  ASSERT_TRUE(files_->sync_directory(dir_).ok());
  const auto bytes = files_->read(dir_ + "/b");
  ASSERT_TRUE(files_->remove(dir_ + "/b").ok());
  EXPECT_EQ(bytes.value()->view(), "hello") << "valid as long as the object";
  EXPECT_THAT(files_->list(dir_).value(), ElementsAre());
}

TEST_F(PosixFileSystem, ErrorsNameThePath) {
  const std::string path = dir_ + "/none";
  EXPECT_EQ(files_->read(path).error().code, base::ErrorCode::kIo);
  EXPECT_EQ(files_->read(path).error().field, path);
  EXPECT_EQ(files_->list(path).error().field, path);
  EXPECT_EQ(files_->truncate(path, 0).error().field, path);
  EXPECT_EQ(files_->remove(path).error().field, path);
  EXPECT_EQ(files_->rename(path, path + "2").error().field, path);
  EXPECT_EQ(files_->sync_directory(path).error().field, path);
}

TEST_F(PosixFileSystem, TheLockHoldsBetweenObjectsAndProcesses) {
  auto lock = files_->lock(dir_);
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(make_posix_file_system()->lock(dir_).error().code, base::ErrorCode::kConflict);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(make_posix_file_system()->lock(dir_).ok() ? 1 : 0);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  lock.value().reset();
  EXPECT_TRUE(files_->lock(dir_).ok());
}

TEST_F(PosixFileSystem, AFullDeviceIsAnError) {
  const auto full = files_->open_append("/dev/full", false);
  if (!full.ok()) GTEST_SKIP() << "no /dev/full here";
  const base::Status written = full.value()->append("x");
  ASSERT_FALSE(written.ok());
  EXPECT_THAT(written.error().detail, testing::HasSubstr("No space left"));
}

/// Group commits and rewrites on their own threads while the owner appends.
TEST_F(PosixFileSystem, ALogLivesOnIt) {
  LogOptions options;
  options.segment_bytes = 20'000;
  State state;
  {
    Opened opened = open_log(*files_, options, dir_);
    ASSERT_TRUE(opened.status.ok());
    Log& log = *opened.log;
    uint64_t version = 0;
    const auto write = [&] {
      const OwnedRecord record = make_record(++version);
      ASSERT_TRUE(append(log, record).ok());
      merge(state, record);
    };
    for (int round = 0; round < 30; ++round) {
      write();
      auto commit = log.begin_sync();
      std::unique_ptr<Log::RewriteJob> rewrite;
      if (round % 10 == 9) {
        ASSERT_TRUE(log.begin_rewrite().ok());
        for (const auto& [key, record] : state) {
          ASSERT_TRUE(log.rewrite_append({record.view()}).ok());
        }
        rewrite = log.seal_rewrite();
      }
      std::thread committer([&] { commit->run(); });
      std::thread rewriter([&] { rewrite ? rewrite->run() : void(); });
      for (int i = 0; i < 50; ++i) write();
      committer.join();
      rewriter.join();
      ASSERT_TRUE(log.finish_sync(std::move(commit)).ok());
      if (rewrite) {
        ASSERT_TRUE(log.finish_rewrite(std::move(rewrite)).ok());
      }
    }
    EXPECT_EQ(log.degraded(), "");
  }
  const Opened again = open_log(*files_, options, dir_);
  ASSERT_TRUE(again.status.ok()) << again.status.error().to_string();
  EXPECT_EQ(again.state, state);
}

}  // namespace
}  // namespace callbook::store
