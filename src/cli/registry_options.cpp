#include "cli/registry_options.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"

namespace callbook::cli {

void add_registry_option(CLI::App& verb, RegistryOptions& options) {
  verb.add_option("--registry", options.registry, "Where the registry listens")
      ->envname("CALLBOOK_REGISTRY")
      ->type_name("HOST:PORT")
      ->capture_default_str();
}

void add_namespace_option(CLI::App& verb, RegistryOptions& options) {
  verb.add_option("--namespace", options.name_space, "Namespace of the services")
      ->type_name("NAME")
      ->capture_default_str();
}

void add_json_option(CLI::App& verb, RegistryOptions& options) {
  verb.add_flag("--json", options.json, "Print JSON, for programs");
}

void complain(std::string_view message) {
  fmt::print(stderr, "callbook: {}\n", message);
}

std::string describe(const base::Error& error) {
  if (error.code == base::ErrorCode::kIo) {
    return fmt::format("cannot reach the registry at {}", error.detail);
  }
  std::string marks{base::name_of(error.code)};
  if (!error.field.empty()) marks += fmt::format(", field {}", error.field);
  if (error.limit) marks += fmt::format(", limit {}", *error.limit);
  return fmt::format("{} ({})", error.detail, marks);
}

int report(const base::Error& error) {
  complain(describe(error));
  return error.code == base::ErrorCode::kNotFound ? kNothing : kFailed;
}

}  // namespace callbook::cli
