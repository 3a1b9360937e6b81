#include "cli/command_line.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/registry_options.h"

namespace callbook::cli {
namespace {

/// Cuts the words behind "--" off: they are another program's command line, not ours.
std::vector<std::string> cut_wrapped(std::vector<std::string>& arguments, bool& marked) {
  const auto mark = std::find(arguments.begin(), arguments.end(), "--");
  marked = mark != arguments.end();
  std::vector<std::string> wrapped;
  if (marked) wrapped.assign(mark + 1, arguments.end());
  arguments.erase(mark, arguments.end());
  return wrapped;
}

}  // namespace

int run_command(std::vector<std::string> arguments) {
  int exit_code = kUsage;
  bool marked = false;
  const std::vector<std::string> wrapped = cut_wrapped(arguments, marked);
  if (marked && (wrapped.empty() || arguments.empty() || arguments.front() != "register")) {
    complain("`-- COMMAND [ARGS...]` belongs to register alone");
    return kUsage;
  }

  CLI::App app("Callbook, a service registry", "callbook");
  app.set_version_flag("--version", std::string("callbook ") + CALLBOOK_VERSION);
  app.require_subcommand(1);
  app.footer("The environment's CALLBOOK_REGISTRY stands in for --registry.");
  add_server_command(app, exit_code);
  add_register_command(app, wrapped, exit_code);
  add_deregister_command(app, exit_code);
  add_services_command(app, exit_code);
  add_get_command(app, exit_code);
  add_checks_command(app, exit_code);
  add_watch_command(app, exit_code);
  add_isolate_command(app, exit_code);
  add_weight_command(app, exit_code);
  add_drain_command(app, exit_code);
  add_release_command(app, exit_code);
  add_restore_command(app, exit_code);
  add_status_command(app, exit_code);
  add_nodes_command(app, exit_code);
  add_version_command(app, exit_code);
  add_completion_command(app, exit_code);

  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kOk : kUsage;  // prints the help or what is wrong
  }
  return exit_code;
}

}  // namespace callbook::cli
