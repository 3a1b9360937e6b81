#include "cli/instance_name.h"

#include <fmt/format.h>

#include "cli/registry_options.h"

namespace callbook::cli {

std::optional<InstanceName> instance_name(const std::string& name_space, const std::string& text) {
  const size_t slash = text.rfind('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size()) {
    complain(fmt::format("'{}' is no SERVICE/ID", text));
    return std::nullopt;
  }
  return InstanceName{{name_space, text.substr(0, slash)}, text.substr(slash + 1)};
}

std::string restore_command(const std::string& name_space, const std::string& instance) {
  const bool elsewhere = name_space != sdk::kDefaultNamespace;
  return fmt::format("callbook restore {}{}", instance,
                     elsewhere ? " --namespace " + name_space : "");
}

}  // namespace callbook::cli
