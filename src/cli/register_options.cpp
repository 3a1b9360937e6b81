#include "cli/register_options.h"

#include <charconv>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/address.h"
#include "cli/name_value.h"
#include "sdk/default_id.h"
#include "sdk/local_address.h"

namespace callbook::cli {
namespace {

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

void add_instance_options(CLI::App& verb, RegisterOptions& options) {
  verb.add_option("service", options.service, "The service")->required()->type_name("SERVICE");
  verb.add_option("--port", options.port, "Where the instance listens; 0: no port")
      ->required()
      ->type_name("PORT");
  verb.add_option("--id", options.id, "Its id; SERVICE-HOST-ADDRESS-PORT if not given")
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
  verb.add_option("--status", options.status, "What is said of it at first (default: up)")
      ->type_name("STATUS")
      ->check(CLI::IsMember({"starting", "up", "not_ready", "failing"}));
  verb.add_flag("--shares-port", options.shares_port,
                "Others may have its address and port too, as workers of one server do");
}

CLI::Option* add_time(CLI::App& verb, const std::string& name, int64_t& ms,
                      const std::string& description) {
  return verb.add_option(name, ms, description)->transform(is_duration())->type_name("TIME");
}

void add_life_options(CLI::App& verb, RegisterOptions& options) {
  const char* const group = "How it is held";
  verb.add_option("--ttl-ms", options.session_ttl_ms,
                  "How long its session outlives a lost connection; 0: the registry chooses")
      ->type_name("MS")
      ->group(group);
  add_time(verb, "--ttl", options.ttl_ms, "By heartbeats of its own instead of a session")
      ->group(group);
  add_time(verb, "--down-after", options.down_after_ms,
           "With --ttl: down after so long without one (default: the TTL)")
      ->group(group);
  add_time(verb, "--remove-after", options.remove_after_ms,
           "With --ttl: removed after so long without one (default: never)")
      ->group(group);
  verb.add_flag("--no-probe", options.no_probe,
                "With --ttl: nothing but its heartbeats counts, whatever answers at its port")
      ->group(group);
  verb.add_flag("--external", options.external,
                "Nothing runs here: it is registered with its checks, and this command ends")
      ->group(group);
  verb.add_flag("--persistent", options.persistent,
                "It stays until it is deregistered, and this command ends")
      ->group(group);
  verb.add_flag("--take-over", options.take_over,
                "Take the id even from another process that lives")
      ->group(group);
  verb.add_option("--on-superseded", options.on_superseded,
                  "When another process takes the id: keep or stop the command")
      ->type_name("keep|stop")
      ->check(CLI::IsMember({"keep", "stop"}))
      ->capture_default_str()
      ->group(group);
}

void add_check_options(CLI::App& verb, CheckOptions& checks) {
  const char* const group = "Checks by the registry, instead of a session";
  const auto add_text = [&](const std::string& name, std::string& text,
                            const std::string& description, const char* type) {
    verb.add_option(name, text, description)->type_name(type)->group(group);
  };
  verb.add_option("--check", checks.checks,
                  "tcp, http:/health, https:8443/health, grpc:9090/SERVICE, grpcs, udp; the port\n"
                  "is the instance's if not given. Repeatable: name each")
      ->type_name("[NAME=]KIND[:[PORT][/PATH]]")
      ->allow_extra_args(false)
      ->group(group);
  add_time(verb, "--check-interval", checks.interval_ms, "Between checks")->group(group);
  add_time(verb, "--check-timeout", checks.timeout_ms, "Of one check")->group(group);
  verb.add_option("--check-failures", checks.failures, "In a row, until it is down")
      ->type_name("N")
      ->group(group);
  verb.add_option("--check-successes", checks.successes, "In a row, until it is up")
      ->type_name("N")
      ->group(group);
  add_time(verb, "--check-remove-after", checks.remove_after_ms,
           "Removed so long after its first failure (default: never)")
      ->group(group);
  add_text("--check-method", checks.method, "HTTP: the method (default: GET)", "METHOD");
  verb.add_option("--check-header", checks.headers, "HTTP: a field of the request (repeatable)")
      ->type_name("NAME=VALUE")
      ->check(is_name_value)
      ->allow_extra_args(false)
      ->group(group);
  add_text("--check-host", checks.host, "HTTP: the Host field", "HOST");
  verb.add_option("--check-expect", checks.expected,
                  "HTTP: statuses that pass (default: 200-299; repeatable)")
      ->type_name("STATUS")
      ->allow_extra_args(false)
      ->group(group);
  verb.add_flag("--check-skip-verify", checks.skip_verify,
                "TLS: take any certificate, as of a self-signed one")
      ->group(group);
  add_text("--check-server-name", checks.server_name, "TLS: the name to ask for and verify",
           "HOST");
  add_text("--check-payload", checks.payload, "UDP: what to send", "TEXT");
  verb.add_flag("--check-silence-passes", checks.silence_passes,
                "UDP: no answer passes, only a refusal fails")
      ->group(group);
}

base::Error must(std::string_view flag, std::string detail) {
  return base::invalid(flag, std::move(detail));
}

base::Status check_together(const RegisterOptions& options) {
  const bool lapses = options.down_after_ms > 0 || options.remove_after_ms > 0 || options.no_probe;
  const bool checked = !options.checks.checks.empty();
  if (options.external && !checked) {
    return must("--external", "needs a --check: nothing else would tell whether it lives");
  }
  if (lapses && options.ttl_ms == 0) {
    return must("--ttl", "is needed with --down-after, --remove-after and --no-probe");
  }
  const int held_by =
      (options.ttl_ms > 0 ? 1 : 0) + (checked ? 1 : 0) + (options.persistent ? 1 : 0);
  if (held_by > 1) {
    return must("--check", "cannot be combined: of --ttl, --check and --persistent one holds it");
  }
  if (held_by > 0 && options.session_ttl_ms > 0) {
    return must("--ttl-ms", "is of a session, which --ttl, --check and --persistent do without");
  }
  return {};
}

/// The registry asks no port that is not registered.
base::Status check_ports(const std::vector<CheckSpec>& checks, const sdk::Instance& instance) {
  for (const CheckSpec& check : checks) {
    bool known = check.port == 0 ? instance.port != 0 : check.port == instance.port;
    for (const auto& [name, port] : instance.ports) known = known || port == check.port;
    if (known) continue;
    if (check.port == 0) {
      return must("--check",
                  fmt::format("'{}' names no port, and the instance has none", text_of(check)));
    }
    return must("--check", fmt::format("'{}' is at a port that the instance does not register; add "
                                       "--named-port NAME={}",
                                       text_of(check), check.port));
  }
  return {};
}

}  // namespace

void add_register_options(CLI::App& verb, RegisterOptions& options) {
  add_instance_options(verb, options);
  add_life_options(verb, options);
  add_check_options(verb, options.checks);
  verb.add_flag("--wait-port,!--no-wait-port", options.wait_for_port,
                "With a command: register once its port accepts connections (the default)");
  verb.add_option("--wait-timeout", options.wait_timeout_s,
                  "Give up and stop the command if it does not within this time")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str();
  add_namespace_option(verb, options);
  add_registry_option(verb, options);
}

base::Result<sdk::Instance> instance_of(const RegisterOptions& options,
                                        const sdk::Endpoint& registry) {
  sdk::Instance instance;
  auto address = options.address.empty() ? sdk::local_address_towards(registry)
                                         : base::normal_address("address", options.address);
  if (!address.ok()) return address.error();
  instance.address = std::move(*address);
  instance.port = options.port;
  instance.id = options.id.empty() ? sdk::default_instance_id(options.service, sdk::host_name(),
                                                              instance.address, options.port)
                                   : options.id;
  instance.zone = options.zone;
  instance.weight = options.weight;
  for (const std::string& entry : options.metadata) instance.metadata.insert(name_value(entry));
  for (const std::string& entry : options.named_ports) {
    const auto [name, port] = name_value(entry);
    instance.ports.emplace(name, *parse_port(port));
  }
  return instance;
}

base::Result<Announcement> announcement_of(const RegisterOptions& options,
                                           const sdk::Instance& instance) {
  if (auto status = check_together(options); !status.ok()) return status.error();
  auto checks = read_checks(options.checks);
  if (!checks.ok()) return checks.error();
  if (auto status = check_ports(*checks, instance); !status.ok()) return status.error();
  Announcement announcement;
  if (options.status != "up") announcement.status = options.status;
  announcement.shares_port = options.shares_port;
  announcement.take_over = options.take_over;
  announcement.ttl_ms = options.ttl_ms;
  if (options.down_after_ms > 0 || options.remove_after_ms > 0 || options.no_probe) {
    announcement.lapse = Lapse{options.down_after_ms, options.remove_after_ms, !options.no_probe};
  }
  announcement.checks = std::move(*checks);
  announcement.check_options = options.checks;
  announcement.persistent = options.persistent;
  return announcement;
}

const FieldFlags& register_flags() {
  static const FieldFlags kFlags = {{"id", "--id"},
                                    {"address", "--address"},
                                    {"port", "--port"},
                                    {"ports", "--named-port"},
                                    {"zone", "--zone"},
                                    {"weight", "--weight"},
                                    {"metadata", "--meta"},
                                    {"status", "--status"},
                                    {"ttl_ms", "--ttl or --ttl-ms"},
                                    {"lapse", "--down-after, --remove-after"},
                                    {"check", "--check"},
                                    {"checks", "--check"}};
  return kFlags;
}

}  // namespace callbook::cli
