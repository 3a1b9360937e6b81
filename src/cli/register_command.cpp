#include <charconv>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/name_value.h"
#include "cli/provider_run.h"
#include "cli/registry_options.h"
#include "sdk/local_address.h"
#include "sdk/registry_lookup.h"
#include "sdk/system_random.h"

namespace callbook::cli {
namespace {

struct RegisterOptions : RegistryOptions {
  std::string service;
  uint16_t port = 0;
  std::string id;
  std::string address;
  std::string zone;
  uint32_t weight = sdk::kDefaultWeight;
  std::vector<std::string> metadata;     ///< "k=v"
  std::vector<std::string> named_ports;  ///< "name=port"
  int64_t ttl_ms = 0;
  bool wait_for_port = true;
  double wait_timeout_s = 30;
};

std::optional<uint16_t> parse_port(const std::string& text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::string is_named_port(const std::string& text) {
  const bool good = is_name_value(text).empty() && parse_port(name_value(text).second);
  return good ? "" : "'" + text + "' is no NAME=PORT";
}

base::Result<sdk::Instance> instance_of(const RegisterOptions& options,
                                        const sdk::Endpoint& endpoint) {
  sdk::Instance instance;
  instance.id = options.id.empty()
                    ? fmt::format("{}-{}-{}", options.service, sdk::host_name(), options.port)
                    : options.id;
  instance.address = options.address;
  if (instance.address.empty()) {
    auto address = sdk::local_address_towards(endpoint);
    if (!address.ok()) return address.error();
    instance.address = std::move(*address);
  }
  instance.port = options.port;
  instance.zone = options.zone;
  instance.weight = options.weight;
  for (const std::string& entry : options.metadata) instance.metadata.insert(name_value(entry));
  for (const std::string& entry : options.named_ports) {
    const auto [name, port] = name_value(entry);
    instance.ports.emplace(name, *parse_port(port));
  }
  return instance;
}

int run_register(const RegisterOptions& options, const std::vector<std::string>& wrapped) {
  const auto place = sdk::parse_registry_place(options.registry);
  if (!place.ok()) return report(place.error());
  const auto registries = registries_of(options);
  if (!registries.ok()) return report(registries.error());
  const auto instance = instance_of(options, registries.value().front());
  if (!instance.ok()) return report(instance.error());
  net::EventLoop loop;

  ProviderRun::Options run;
  run.registration.registries = sdk::make_registry_pool(loop, place.value(), sdk::system_random());
  run.registration.client = fmt::format("{}@{}", options.service, sdk::host_name());
  run.registration.entries = {{{options.name_space, options.service}, instance.value()}};
  run.registration.ttl_ms = options.ttl_ms;
  run.command = wrapped;
  run.wait_for_port = options.wait_for_port;
  run.wait_timeout_ms = static_cast<int64_t>(options.wait_timeout_s * 1000);
  return ProviderRun(loop, std::move(run)).run();
}

void add_instance_options(CLI::App& verb, RegisterOptions& options) {
  verb.add_option("service", options.service, "The service")->required()->type_name("SERVICE");
  verb.add_option("--port", options.port, "Where the instance listens; 0: no port")
      ->required()
      ->type_name("PORT");
  verb.add_option("--id", options.id, "Its id; SERVICE-HOSTNAME-PORT if not given")
      ->type_name("ID");
  verb.add_option("--address", options.address,
                  "Its address; if not given, 127.0.0.1 or the one that reaches the registry")
      ->type_name("ADDRESS");
  verb.add_option("--named-port", options.named_ports, "A further port (repeatable)")
      ->type_name("NAME=PORT")
      ->check(is_named_port)
      ->allow_extra_args(false);
  verb.add_option("--zone", options.zone, "The zone that it is in")->type_name("ZONE");
  verb.add_option("--weight", options.weight, "Its share of the traffic")
      ->type_name("WEIGHT")
      ->capture_default_str();
  verb.add_option("--meta", options.metadata, "An entry of its metadata (repeatable)")
      ->type_name("NAME=VALUE")
      ->check(is_name_value)
      ->allow_extra_args(false);
}

}  // namespace

void add_register_command(CLI::App& app, const std::vector<std::string>& wrapped, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("register", "Keep an instance registered");
  auto options = std::make_shared<RegisterOptions>();
  add_instance_options(verb, *options);
  verb.add_option("--ttl-ms", options->ttl_ms,
                  "How long the session outlives a lost connection; 0: the registry chooses")
      ->type_name("MS");
  verb.add_flag("--wait-port,!--no-wait-port", options->wait_for_port,
                "With a command: register once its port accepts connections (the default)");
  verb.add_option("--wait-timeout", options->wait_timeout_s,
                  "Give up and stop the command if it does not within this time")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str();
  add_namespace_option(verb, *options);
  add_registry_option(verb, *options);
  verb.footer(
      "With `-- COMMAND [ARGS...]` it runs the command, with CALLBOOK_SERVICE, CALLBOOK_INSTANCE\n"
      "and PORT in its environment, passes SIGINT, SIGTERM and SIGHUP on to it, and ends with its\n"
      "status (128 + signal when it was killed). Otherwise it runs until SIGINT or SIGTERM.\n"
      "Either way the instance leaves the registry at once. While the registry cannot be reached\n"
      "it goes on trying.");
  verb.callback([options, &wrapped, &exit_code] { exit_code = run_register(*options, wrapped); });
}

}  // namespace callbook::cli
