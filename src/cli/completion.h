#pragma once

#include <string>

namespace CLI {
class App;
}

namespace callbook::cli {

/// Scripts that complete the verbs and options of `app` in a shell, made from the command line's
/// own description so that they cannot fall behind it.

std::string bash_completion(const CLI::App& app);
std::string zsh_completion(const CLI::App& app);
std::string fish_completion(const CLI::App& app);

}  // namespace callbook::cli
