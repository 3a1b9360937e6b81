#include "tests/client/registry_process.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace callbook::testing {

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = std::filesystem::temp_directory_path() / "callbook-client-XXXXXX";
  path_ = ::mkdtemp(pattern.data());
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

RegistryProcess::~RegistryProcess() {
  if (pid_ != 0) kill9();
}

void RegistryProcess::start() {
  const char* binary = std::getenv("CALLBOOK_BIN");
  ASSERT_NE(binary, nullptr) << "CALLBOOK_BIN names the server";
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const std::string http = "127.0.0.1:" + std::to_string(port_);
  pid_ = ::fork();
  ASSERT_GE(pid_, 0);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(pipe[1], STDOUT_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    ::execl(binary, binary, "server", "--node", "n1", "--data", directory_.path().c_str(), "--http",
            http.c_str(), "--refused-removal-ms", "1000", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(pipe[1]);
  std::FILE* out = ::fdopen(pipe[0], "r");
  char line[512] = {};
  const bool read = std::fgets(line, sizeof line, out) != nullptr;
  std::fclose(out);
  ASSERT_TRUE(read) << "the server ended before it was ready";
  const std::string text(line);
  const size_t at = text.find("http=127.0.0.1:");
  ASSERT_NE(at, std::string::npos) << text;
  port_ = static_cast<uint16_t>(std::stoi(text.substr(at + 15)));
}

void RegistryProcess::kill9() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

}  // namespace callbook::testing
