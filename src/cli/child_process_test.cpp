#include "cli/child_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace callbook::cli {
namespace {

using Environment = std::vector<std::pair<std::string, std::string>>;

/// Waits for the child to end, without reaping it.
int status_at_end(ChildProcess& child) {
  siginfo_t info{};
  EXPECT_EQ(::waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
  const auto status = child.exit_status();
  EXPECT_TRUE(status.has_value());
  return status.value_or(-1);
}

int run(const std::vector<std::string>& command, const Environment& environment = {}) {
  auto child = ChildProcess::start(command, environment);
  if (!child.ok()) return -1;
  return status_at_end(child.value());
}

TEST(ChildProcess, EndsWithTheCommandsOwnStatus) {
  EXPECT_EQ(run({"true"}), 0);
  EXPECT_EQ(run({"sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(run({"sh", "-c", "kill -9 $$"}), 128 + SIGKILL);
}

TEST(ChildProcess, PassesArgumentsAndEnvironmentOn) {
  ::setenv("CALLBOOK_TEST_KEPT", "k", 1);
  ::setenv("CALLBOOK_TEST_REPLACED", "old", 1);
  const char* script = "[ \"$CALLBOOK_TEST_KEPT$CALLBOOK_TEST_REPLACED$1\" = 'knewa b' ]";
  EXPECT_EQ(run({"sh", "-c", script, "sh", "a b"}, {{"CALLBOOK_TEST_REPLACED", "new"}}), 0);
  EXPECT_EQ(run({"sh", "-c", script, "sh", "a b"}), 1);
}

TEST(ChildProcess, ForwardsSignals) {
  auto child = ChildProcess::start({"sleep", "1000"}, {});
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(child.value().exit_status(), std::nullopt);
  child.value().signal(SIGTERM);
  EXPECT_EQ(status_at_end(child.value()), 128 + SIGTERM);
  child.value().signal(SIGTERM);  // nobody, by now
}

TEST(ChildProcess, SaysWhyACommandCannotRun) {
  const auto missing = ChildProcess::start({"no-such-command-callbook"}, {});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, base::ErrorCode::kNotFound);
  EXPECT_NE(missing.error().detail.find("no-such-command-callbook"), std::string::npos);

  const auto folder = ChildProcess::start({"/"}, {});
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code, base::ErrorCode::kInvalid);
}

TEST(ChildProcess, DiesWithItsParent) {
  int held[2];  // open for writing as long as the grandchild lives
  ASSERT_EQ(::pipe(held), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    ::close(held[0]);
    const auto child = ChildProcess::start({"sleep", "1000"}, {});
    const bool told = ::write(held[1], child.ok() ? "y" : "n", 1) == 1;
    if (told) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  ::close(held[1]);
  char started = 0;
  ASSERT_EQ(::read(held[0], &started, 1), 1);
  EXPECT_EQ(started, 'y');
  ::waitpid(parent, nullptr, 0);
  char byte = 0;
  EXPECT_EQ(::read(held[0], &byte, 1), 0);  // blocks for as long as anyone holds the other end
  ::close(held[0]);
}

}  // namespace
}  // namespace callbook::cli
