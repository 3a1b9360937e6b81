#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace callbook::cli {

/// A command run as a child of this process, with its standard streams. It is killed if this
/// process dies, however that happens. Not thread-safe; start it on the thread that lives longest.
class ChildProcess {
 public:
  /// Finds `command` on the PATH and adds `environment` to this process's own. kNotFound or
  /// kInvalid with what the system said if it cannot be run.
  static base::Result<ChildProcess> start(
      const std::vector<std::string>& command,
      const std::vector<std::pair<std::string, std::string>>& environment);

  /// Sends a signal, unless the child has been seen to end.
  void signal(int number) const;
  /// How the child ended, as a shell says it (128 + signal when it was killed), or nothing while it
  /// runs. Does not wait; to be asked after each SIGCHLD.
  std::optional<int> exit_status();

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}

  pid_t pid_ = -1;
  std::optional<int> exit_status_;
};

}  // namespace callbook::cli
