#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "node/config.h"
#include "node/console_logger.h"
#include "node/node.h"
#include "node/settings.h"

namespace callbook::cli {
namespace {

/// What was typed, before it is known what it means: flags win over the environment and the file.
struct ServerFlags {
  std::map<std::string, std::optional<std::string>> values;  ///< by Setting::key
  std::map<std::string, bool> switches;
  std::string file;
  bool print_routes = false;
};

base::Status gather(const ServerFlags& flags, node::Config& config) {
  const char* from_environment = std::getenv("CALLBOOK_CONFIG");
  const std::string file = !flags.file.empty()           ? flags.file
                           : from_environment != nullptr ? from_environment
                                                         : "";
  if (!file.empty()) {
    if (auto status = node::apply_file(config, file); !status.ok()) return status;
  }
  if (auto status =
          node::apply_environment(config, [](const char* name) { return std::getenv(name); });
      !status.ok()) {
    return status;
  }
  for (const node::Setting& setting : node::settings()) {
    const std::string key(setting.key);
    if (const auto on = flags.switches.find(key); on != flags.switches.end() && on->second) {
      if (auto status = setting.set(config, "true"); !status.ok()) return status;
    }
    const auto value = flags.values.find(key);
    if (value == flags.values.end() || !value->second) continue;
    if (auto status = setting.set(config, *value->second); !status.ok()) {
      return base::invalid(setting.flag(), status.error().detail);
    }
  }
  return node::check(config);
}

int run_server(const ServerFlags& flags) {
  if (flags.print_routes) {
    for (const std::string& route : node::Node::routes()) std::printf("%s\n", route.c_str());
    return kOk;
  }
  node::Config config;
  if (auto status = gather(flags, config); !status.ok()) {
    std::fprintf(stderr, "callbook: %s: %s\n", status.error().field.c_str(),
                 status.error().detail.c_str());
    return kUsage;
  }
  const auto logger = node::make_console_logger(config.log_level, config.log_format);
  const bool logs_text = config.log_format == node::LogFormat::kText;
  node::Node server(std::move(config), *logger);
  const auto status = server.run([](const std::string& line) {
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  });
  if (status.ok()) return kOk;
  if (logs_text) {
    std::fprintf(stderr, "callbook: %s\n", status.error().to_string().c_str());
  } else {
    logger->error("{}", status.error().to_string());  // a program reads what stands there
  }
  return kFailed;
}

}  // namespace

void add_server_command(CLI::App& app, int& exit_code) {
  CLI::App* verb = app.add_subcommand("server", "Run a registry node");
  auto flags = std::make_shared<ServerFlags>();
  verb->add_option("--config", flags->file, "TOML file; flags and CALLBOOK_* variables win over it")
      ->type_name("FILE");
  verb->add_flag("--print-routes", flags->print_routes,
                 "Print the routes of the native API and exit");
  for (const node::Setting& setting : node::settings()) {
    const std::string key(setting.key);
    const std::string help(setting.help);
    const std::string usual = setting.get(node::Config());
    // A switch that is on takes a value, or it could not be turned off.
    const bool is_flag = setting.kind == node::Setting::Kind::kSwitch && usual == "false";
    CLI::Option* option = is_flag ? verb->add_flag(setting.flag(), flags->switches[key], help)
                                  : verb->add_option(setting.flag(), flags->values[key], help)
                                        ->type_name("")
                                        ->default_str(usual);
    option->group(setting.section.empty() ? "Node" : std::string(setting.section));
  }
  verb->callback([flags, &exit_code] { exit_code = run_server(*flags); });
}

}  // namespace callbook::cli
