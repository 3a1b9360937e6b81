#pragma once

#include <string>
#include <vector>

namespace callbook::cli {

/// Runs the command that `arguments` (without the program's name) ask for. Returns its exit code.
int run_command(std::vector<std::string> arguments);

}  // namespace callbook::cli
