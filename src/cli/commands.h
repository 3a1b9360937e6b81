#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace callbook::cli {

/// What the command ends with.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,   ///< the registry could not be reached, or refused
  kUsage = 2,    ///< the command line makes no sense
  kNothing = 3,  ///< what was asked for does not exist, or the list is empty
};

// Each adds one verb to `app`. When the verb was chosen, parsing the command line runs it and
// leaves its result in `exit_code`, which must outlive `app`.

void add_register_command(CLI::App& app, const std::vector<std::string>& wrapped, int& exit_code);
void add_services_command(CLI::App& app, int& exit_code);
void add_get_command(CLI::App& app, int& exit_code);
void add_checks_command(CLI::App& app, int& exit_code);
void add_watch_command(CLI::App& app, int& exit_code);
void add_deregister_command(CLI::App& app, int& exit_code);
void add_isolate_command(CLI::App& app, int& exit_code);
void add_weight_command(CLI::App& app, int& exit_code);
void add_drain_command(CLI::App& app, int& exit_code);
void add_release_command(CLI::App& app, int& exit_code);
void add_restore_command(CLI::App& app, int& exit_code);
void add_status_command(CLI::App& app, int& exit_code);
void add_nodes_command(CLI::App& app, int& exit_code);
void add_version_command(CLI::App& app, int& exit_code);
void add_completion_command(CLI::App& app, int& exit_code);
void add_server_command(CLI::App& app, int& exit_code);

}  // namespace callbook::cli
