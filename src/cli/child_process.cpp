#include "cli/child_process.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace callbook::cli {
namespace {

/// What the child needs, made before the fork: between fork and exec only plain system calls run.
struct Program {
  Program(const std::vector<std::string>& command,
          const std::vector<std::pair<std::string, std::string>>& added) {
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    for (char** entry = environ; *entry != nullptr; ++entry) {
      if (!is_added(*entry, added)) variables.push_back(*entry);
    }
    kept.reserve(added.size());
    for (const auto& [name, value] : added) {
      kept.push_back(name + "=" + value);
      variables.push_back(kept.back().data());
    }
    variables.push_back(nullptr);
  }

  static bool is_added(std::string_view entry,
                       const std::vector<std::pair<std::string, std::string>>& added) {
    for (const auto& [name, value] : added) {
      if (entry.starts_with(name + "=")) return true;
    }
    return false;
  }

  std::vector<char*> arguments;
  std::vector<char*> variables;
  std::vector<std::string> kept;
};

// Runs in the child. Signals are blocked until the handlers that this process installed are gone:
// they would report to the parent.
[[noreturn]] void become(Program& program, pid_t parent, const sigset_t& former_mask, int report) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGPIPE}) ::signal(number, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(128 + SIGKILL);  // it died before the line above
  ::sigprocmask(SIG_SETMASK, &former_mask, nullptr);
  ::execvpe(program.arguments[0], program.arguments.data(), program.variables.data());
  const int error = errno;
  const ssize_t written = ::write(report, &error, sizeof error);
  ::_exit(written < 0 ? 126 : 127);
}

/// The error that kept the child from running the program; 0 if it runs.
int read_report(int pipe) {
  int error = 0;
  ssize_t count = 0;
  do {
    count = ::read(pipe, &error, sizeof error);
  } while (count < 0 && errno == EINTR);
  return count == static_cast<ssize_t>(sizeof error) ? error : 0;
}

base::Error cannot_run(const std::string& name, int error) {
  const auto code = error == ENOENT ? base::ErrorCode::kNotFound : base::ErrorCode::kInvalid;
  return {code, "command", fmt::format("cannot run {}: {}", name, std::strerror(error)), {}};
}

}  // namespace

base::Result<ChildProcess> ChildProcess::start(
    const std::vector<std::string>& command,
    const std::vector<std::pair<std::string, std::string>>& environment) {
  Program program(command, environment);
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return cannot_run(command.front(), errno);

  sigset_t all;
  sigset_t former;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &former);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(program, parent, former, report[1]);
  const int fork_error = errno;
  ::sigprocmask(SIG_SETMASK, &former, nullptr);

  ::close(report[1]);
  const int error = pid < 0 ? fork_error : read_report(report[0]);
  ::close(report[0]);
  if (error == 0) return ChildProcess(pid);
  if (pid > 0) ::waitpid(pid, nullptr, 0);
  return cannot_run(command.front(), error);
}

void ChildProcess::signal(int number) const {
  if (!exit_status_) ::kill(pid_, number);
}

std::optional<int> ChildProcess::exit_status() {
  if (exit_status_) return exit_status_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  if (WIFEXITED(status)) exit_status_ = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) exit_status_ = 128 + WTERMSIG(status);
  return exit_status_;
}

}  // namespace callbook::cli
