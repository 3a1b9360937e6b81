// The verbs about the command itself.

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/completion.h"

namespace callbook::cli {
namespace {

std::string completion_for(const std::string& shell, const CLI::App& app) {
  if (shell == "bash") return bash_completion(app);
  return shell == "zsh" ? zsh_completion(app) : fish_completion(app);
}

}  // namespace

void add_version_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("version", "Print the version");
  verb.callback([&exit_code] {
    fmt::print("callbook {}\n", CALLBOOK_VERSION);
    exit_code = kOk;
  });
}

void add_completion_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  verb.add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->type_name("SHELL")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb.callback([shell, &app, &exit_code] {
    fmt::print("{}", completion_for(*shell, app));
    exit_code = kOk;
  });
}

}  // namespace callbook::cli
