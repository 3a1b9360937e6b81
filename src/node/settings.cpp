#include "node/settings.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "base/check.h"
#include "base/log_text.h"
#include "base/name.h"

namespace callbook::node {
namespace {

using base::Status;

template <typename Number>
Status read_number(std::string_view key, std::string_view text, Number least, Number& out) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least) {
    return base::invalid(key, fmt::format("'{}' is not a whole number from {} to {}", text, least,
                                          std::numeric_limits<Number>::max()));
  }
  out = number;
  return {};
}

Status read_switch(std::string_view key, std::string_view text, bool& out) {
  if (text != "true" && text != "false") return base::invalid(key, "must be true or false");
  out = text == "true";
  return {};
}

/// A setting over the number that `place` finds in a Config.
template <typename Place>
Setting number(std::string_view section, std::string_view key, std::string_view help, Place place) {
  using Number = std::remove_reference_t<decltype(place(std::declval<Config&>()))>;
  Setting setting;
  setting.section = section;
  setting.key = key;
  setting.help = help;
  const Number least = section == "limits" ? Number{1} : Number{0};
  setting.set = [=](Config& config, std::string_view text) {
    return read_number<Number>(key, text, least, place(config));
  };
  setting.get = [=](const Config& config) {
    return fmt::format("{}", place(const_cast<Config&>(config)));
  };
  return setting;
}

/// One of the section `timing` that a service may have of its own.
template <typename Place>
Setting of_service(std::string_view key, std::string_view help, Place place) {
  Setting setting =
      number("timing", key, help, [=](Config& c) -> auto& { return place(c.timing); });
  using Number = std::remove_reference_t<decltype(place(std::declval<core::ServiceTiming&>()))>;
  setting.set_for_service = [=](core::ServiceTiming& timing, std::string_view text) {
    return read_number<Number>(key, text, Number{1}, place(timing));
  };
  return setting;
}

/// A setting over the text that `place` finds in a Config.
template <typename Place>
Setting text(std::string_view key, std::string_view help, Place place) {
  Setting setting;
  setting.key = key;
  setting.help = help;
  setting.kind = Setting::Kind::kText;
  setting.set = [=](Config& config, std::string_view value) {
    if (value.empty()) return Status(base::invalid(key, "must not be empty"));
    place(config) = value;
    return Status{};
  };
  setting.get = [=](const Config& config) { return place(const_cast<Config&>(config)); };
  return setting;
}

Setting text(std::string_view key, std::string_view help, std::string Config::*member) {
  return text(key, help, [=](Config& config) -> auto& { return config.*member; });
}

/// A setting over the switch that `place` finds in a Config.
template <typename Place>
Setting truth(std::string_view key, std::string_view help, Place place) {
  Setting setting;
  setting.key = key;
  setting.help = help;
  setting.kind = Setting::Kind::kSwitch;
  setting.set = [=](Config& config, std::string_view value) {
    return read_switch(key, value, place(config));
  };
  setting.get = [=](const Config& config) {
    return place(const_cast<Config&>(config)) ? "true" : "false";
  };
  return setting;
}

/// A switch of the section `timing` that a service may have of its own.
template <typename Place>
Setting switch_of_service(std::string_view key, std::string_view help, Place place) {
  Setting setting = truth(key, help, [=](Config& c) -> auto& { return place(c.timing); });
  setting.section = "timing";
  setting.set_for_service = [=](core::ServiceTiming& timing, std::string_view text) {
    return read_switch(key, text, place(timing));
  };
  return setting;
}

Setting truth(std::string_view key, std::string_view help, bool Config::*member) {
  return truth(key, help, [=](Config& config) -> auto& { return config.*member; });
}

/// A setting over the enumeration that `place` finds in a Config; `names` are its values, in order.
template <typename Names, typename Place>
Setting choice(std::string_view key, std::string_view help, const Names& names, Place place) {
  using Value = std::remove_reference_t<decltype(place(std::declval<Config&>()))>;
  Setting setting;
  setting.key = key;
  setting.help = help;
  setting.kind = Setting::Kind::kText;
  setting.set = [=](Config& config, std::string_view value) -> Status {
    const auto* const found = std::find(names.begin(), names.end(), value);
    if (found == names.end()) {
      return base::invalid(key, fmt::format("'{}' is none of {}", value, fmt::join(names, ", ")));
    }
    place(config) = static_cast<Value>(found - names.begin());
    return {};
  };
  setting.get = [=](const Config& config) {
    return std::string(names[static_cast<size_t>(place(const_cast<Config&>(config)))]);
  };
  return setting;
}

std::vector<Setting> node_settings() {
  return {
      text("node", "name of this node in the cluster (default: the host's name)", &Config::node),
      text("datacenter", "name of the data center", &Config::datacenter),
      text("data", "directory of the store", &Config::data),
      text("http", "address and port of the native API; port 0 takes a free one", &Config::http),
      text("advertise", "where clients and other nodes reach --http, if not at that address",
           &Config::advertise),
      text("bus", "NATS servers that join the nodes: nats://HOST:PORT[,...]", &Config::bus),
      text("cluster", "name of the nodes' streams on the bus (default: the data center's)",
           &Config::cluster),
      text("cluster_key_file", "a file whose line is a secret that the cluster's nodes share",
           &Config::cluster_key_file),
      text("peers", "nodes to be asked though the bus is away: HOST:PORT[,...]", &Config::peers),
      text("follow", "nodes of other data centers to be shown: DC=HOST:PORT[,HOST:PORT][,DC=...]",
           &Config::follow),
      text("failover", "data centers in which to look when the own has nobody to call: DC[,DC]",
           &Config::failover),
      text("resolver",
           "DNS servers by which host names are probed: IP[:PORT][,...] (default: the system's)",
           [](Config& c) -> auto& { return c.resolver.servers; }),
      truth("dev", "keep everything in memory; nothing survives a restart", &Config::dev),
      truth("insecure_bind", "allow plain HTTP on an address other than loopback",
            &Config::insecure_bind),
      truth("salvage", "open a damaged store with the records that verify", &Config::salvage),
      choice("log_level", "what the log holds: trace, debug, info, warning or error",
             base::kLogLevelNames, [](Config& c) -> auto& { return c.log_level; }),
      choice("log_format", "form of the log's lines: text or json", kLogFormatNames,
             [](Config& c) -> auto& { return c.log_format; }),
      number("", "io_threads", "threads that serve connections; 0: by the number of cores",
             [](Config& c) -> auto& { return c.io_threads; }),
      number("", "stop_grace_ms", "how long requests under way may take at a stop",
             [](Config& c) -> auto& { return c.stop_grace_ms; }),
      number("", "leave_ms",
             "over which clients are sent to other nodes at a stop; 0: they are not",
             [](Config& c) -> auto& { return c.leave_ms; }),
      number("", "sync_interval_ms", "longest time between a write and its fdatasync",
             [](Config& c) -> auto& { return c.sync_interval_ms; }),
  };
}

std::vector<Setting> bus_settings() {
  return {
      text("bus_credentials_file", "a .creds file for the bus",
           [](Config& c) -> auto& { return c.nats.security.credentials_file; }),
      text("bus_token_file", "a file whose line is the bus's token",
           [](Config& c) -> auto& { return c.nats.security.token_file; }),
      text("bus_user", "name of the bus's user",
           [](Config& c) -> auto& { return c.nats.security.user; }),
      text("bus_password_file", "a file whose line is that user's password",
           [](Config& c) -> auto& { return c.bus_password_file; }),
      truth("bus_tls", "demand TLS of the bus",
            [](Config& c) -> auto& { return c.nats.security.tls; }),
      text("bus_ca_file", "certificates that vouch for the bus's servers (PEM)",
           [](Config& c) -> auto& { return c.nats.security.ca_file; }),
      text("bus_certificate_file", "this node's certificate for the bus (PEM)",
           [](Config& c) -> auto& { return c.nats.security.certificate_file; }),
      text("bus_key_file", "its key (PEM)",
           [](Config& c) -> auto& { return c.nats.security.key_file; }),
      text("bus_server_name", "name expected in the servers' certificates",
           [](Config& c) -> auto& { return c.nats.security.server_name; }),
      number("", "bus_replicas",
             "of streams that are made: 1, 3, 5; 0: 3 if as many servers are named",
             [](Config& c) -> auto& { return c.nats.replicas; }),
  };
}

std::vector<Setting> catalog_limits() {
  return {
      number("limits", "max_services", "services",
             [](Config& c) -> auto& { return c.limits.max_services; }),
      number("limits", "max_instances", "instances",
             [](Config& c) -> auto& { return c.limits.max_instances; }),
      number("limits", "max_sessions", "open sessions",
             [](Config& c) -> auto& { return c.limits.max_sessions; }),
      number("limits", "max_instances_per_session", "instances that one session carries",
             [](Config& c) -> auto& { return c.limits.max_instances_per_session; }),
      number("limits", "max_metadata_entries", "metadata entries of an instance",
             [](Config& c) -> auto& { return c.limits.max_metadata_entries; }),
      number("limits", "max_metadata_name_bytes", "bytes of a metadata name",
             [](Config& c) -> auto& { return c.limits.max_metadata_name_bytes; }),
      number("limits", "max_metadata_value_bytes", "bytes of a metadata value",
             [](Config& c) -> auto& { return c.limits.max_metadata_value_bytes; }),
      number("limits", "max_metadata_bytes", "bytes of an instance's metadata in all",
             [](Config& c) -> auto& { return c.limits.max_metadata_bytes; }),
      number("limits", "max_named_ports", "named ports of an instance",
             [](Config& c) -> auto& { return c.limits.max_named_ports; }),
      number("limits", "max_weight", "highest weight",
             [](Config& c) -> auto& { return c.limits.max_weight; }),
      number("limits", "max_client_bytes", "bytes of a session's client name",
             [](Config& c) -> auto& { return c.limits.max_client_bytes; }),
      number("limits", "max_overrides", "overrides, removed ones for a day too",
             [](Config& c) -> auto& { return c.limits.max_overrides; }),
      number("limits", "max_outbox", "records owed to the bus; then new keys are refused",
             [](Config& c) -> auto& { return c.limits.max_outbox; }),
      number("limits", "max_by_bytes", "bytes of an override's author",
             [](Config& c) -> auto& { return c.limits.max_by_bytes; }),
      number("limits", "max_reason_bytes", "bytes of an override's reason",
             [](Config& c) -> auto& { return c.limits.max_reason_bytes; }),
      number("limits", "max_drain_ms", "longest drain",
             [](Config& c) -> auto& { return c.limits.max_drain_ms; }),
      number("limits", "min_ttl_ms", "shortest time to live",
             [](Config& c) -> auto& { return c.limits.min_ttl_ms; }),
      number("limits", "max_ttl_ms", "longest time to live",
             [](Config& c) -> auto& { return c.limits.max_ttl_ms; }),
  };
}

std::vector<Setting> check_limits() {
  return {
      number("limits", "min_check_interval_ms", "shortest interval of checks",
             [](Config& c) -> auto& { return c.limits.min_check_interval_ms; }),
      number("limits", "max_check_interval_ms", "longest interval of checks",
             [](Config& c) -> auto& { return c.limits.max_check_interval_ms; }),
      number("limits", "min_check_timeout_ms", "shortest time-out of a check",
             [](Config& c) -> auto& { return c.limits.min_check_timeout_ms; }),
      number("limits", "max_check_remove_after_ms", "longest wait until a failing one is removed",
             [](Config& c) -> auto& { return c.limits.max_check_remove_after_ms; }),
      number("limits", "max_check_threshold",
             "failures or successes in a row that a check asks for",
             [](Config& c) -> auto& { return c.limits.max_check_threshold; }),
      number("limits", "max_check_path_bytes", "bytes of a check's path",
             [](Config& c) -> auto& { return c.limits.max_check_path_bytes; }),
  };
}

std::vector<Setting> transport_limits() {
  return {
      number("limits", "max_connections", "connections per I/O thread",
             [](Config& c) -> auto& { return c.http_limits.max_connections; }),
      number("limits", "max_header_bytes", "bytes of a request's header",
             [](Config& c) -> auto& { return c.http_limits.max_header_bytes; }),
      number("limits", "max_body_bytes", "bytes of any request's body",
             [](Config& c) -> auto& { return c.http_limits.max_body_bytes; }),
      number("limits", "max_pipelined", "requests of a connection under way",
             [](Config& c) -> auto& { return c.http_limits.max_pipelined; }),
      number("limits", "max_pipelined_bytes", "response bytes held for a connection",
             [](Config& c) -> auto& { return c.http_limits.max_pipelined_bytes; }),
      number("limits", "header_timeout_ms", "time for a request's header",
             [](Config& c) -> auto& { return c.http_limits.header_timeout_ms; }),
      number("limits", "body_timeout_ms", "time for a request's body",
             [](Config& c) -> auto& { return c.http_limits.body_timeout_ms; }),
      number("limits", "idle_timeout_ms", "time between requests",
             [](Config& c) -> auto& { return c.http_limits.idle_timeout_ms; }),
      number("limits", "write_timeout_ms", "time without progress on a response",
             [](Config& c) -> auto& { return c.http_limits.write_timeout_ms; }),
      number("limits", "user_timeout_ms", "TCP_USER_TIMEOUT of connections",
             [](Config& c) -> auto& { return c.http_limits.user_timeout_ms; }),
      number("limits", "max_watched_services", "services of one watch",
             [](Config& c) -> auto& { return c.native_limits.max_watched_services; }),
      number("limits", "max_batch_lines", "operations of one batch",
             [](Config& c) -> auto& { return c.native_limits.max_batch_lines; }),
      number("limits", "max_request_body_bytes", "bytes of a body that is not a batch or a watch",
             [](Config& c) -> auto& { return c.native_limits.max_request_body_bytes; }),
      number("limits", "max_wait_ms", "longest long poll",
             [](Config& c) -> auto& { return c.native_limits.max_wait_ms; }),
  };
}

std::vector<Setting> service_settings() {
  return {
      of_service("probe_rounds", "probes of who is not heard of; 0: removed at once",
                 [](core::ServiceTiming& t) -> auto& { return t.probe_rounds; }),
      of_service("probe_interval_ms", "between the first probes; then growing",
                 [](core::ServiceTiming& t) -> auto& { return t.probe_interval_ms; }),
      of_service("probe_longest_ms", "longest time between probes",
                 [](core::ServiceTiming& t) -> auto& { return t.probe_longest_ms; }),
      of_service("probe_timeout_ms", "how long a probe waits",
                 [](core::ServiceTiming& t) -> auto& { return t.probe_timeout_ms; }),
      of_service("refused_removal_ms", "from a refused probe to removal",
                 [](core::ServiceTiming& t) -> auto& { return t.refused_removal_ms; }),
      of_service("silent_removal_ms", "from the last of the first probes to removal",
                 [](core::ServiceTiming& t) -> auto& { return t.silent_removal_ms; }),
      of_service("unattended_ms", "how long answers without heartbeats are no silence",
                 [](core::ServiceTiming& t) -> auto& { return t.unattended_ms; }),
      of_service("reports", "consumers whose reports cause a probe; 0: none do",
                 [](core::ServiceTiming& t) -> auto& { return t.reports; }),
      of_service("reports_within_ms", "within this time",
                 [](core::ServiceTiming& t) -> auto& { return t.reports_within_ms; }),
      of_service("breaker_percent",
                 "of a service or zone: so many may be removed a minute for silence",
                 [](core::ServiceTiming& t) -> auto& { return t.breaker.percent; }),
      of_service("breaker_floor_percent", "of a service or zone: fewer are never left",
                 [](core::ServiceTiming& t) -> auto& { return t.breaker.floor_percent; }),
      of_service("breaker_hold_ms", "how long the floor holds",
                 [](core::ServiceTiming& t) -> auto& { return t.breaker.hold_ms; }),
      switch_of_service("protect_failing",
                        "whether instances whose checks fail are protected when all of them fail",
                        [](core::ServiceTiming& t) -> auto& { return t.protect_failing; }),
  };
}

std::vector<Setting> timing_and_store() {
  return {
      number("timing", "heartbeat_ms", "shortest heartbeat that clients are asked for",
             [](Config& c) -> auto& { return c.timing.heartbeat_ms; }),
      number("timing", "max_heartbeats_per_s",
             "heartbeats a second above which they are spread out",
             [](Config& c) -> auto& { return c.timing.max_heartbeats_per_s; }),
      number("timing", "missed_heartbeats", "a session's time to live in heartbeats",
             [](Config& c) -> auto& { return c.timing.missed_heartbeats; }),
      number("timing", "tombstone_ms", "how long a departure is remembered",
             [](Config& c) -> auto& { return c.timing.tombstone_ms; }),
      number("timing", "lost_after_ms", "without beats, another node counts as lost",
             [](Config& c) -> auto& { return c.timing.lost_after_ms; }),
      number("timing", "takeover_grace_ms", "then its sessions have so long to move by themselves",
             [](Config& c) -> auto& { return c.timing.takeover_grace_ms; }),
      number("timing", "absent_node_ms",
             "a silent node may come back and must still read what is written",
             [](Config& c) -> auto& { return c.timing.absent_node_ms; }),
      number("timing", "doubt_sessions", "with fewer sessions a node never doubts its hearing",
             [](Config& c) -> auto& { return c.timing.doubt.least_sessions; }),
      number("timing", "doubt_percent", "of the expected heartbeats: with fewer it does",
             [](Config& c) -> auto& { return c.timing.doubt.percent; }),
      number("timing", "doubt_longest_ms", "how long it may doubt",
             [](Config& c) -> auto& { return c.timing.doubt.longest_ms; }),
      number("timing", "name_cache_ms", "longest time that addresses of a host name are kept",
             [](Config& c) -> auto& { return c.resolver.longest_known_ms; }),
      number("limits", "max_probes", "probes under way",
             [](Config& c) -> auto& { return c.probe_limits.max_in_flight; }),
      number("limits", "max_probes_per_address", "probes under way to one address",
             [](Config& c) -> auto& { return c.probe_limits.max_per_address; }),
      number("store", "segment_bytes", "length at which a segment is sealed",
             [](Config& c) -> auto& { return c.log.segment_bytes; }),
      number("store", "rewrite_slack_bytes",
             "growth of the log beyond twice its base that starts a rewrite",
             [](Config& c) -> auto& { return c.log.rewrite_slack_bytes; }),
  };
}

/// The value as the text that the setting takes.
base::Result<std::string> text_of(const Setting& setting, std::string_view where,
                                  const toml::node& value) {
  using Kind = Setting::Kind;
  if (setting.kind == Kind::kText && value.is_string()) return value.as_string()->get();
  if (setting.kind == Kind::kNumber && value.is_integer()) {
    return fmt::format("{}", value.as_integer()->get());
  }
  if (setting.kind == Kind::kSwitch && value.is_boolean()) {
    return std::string(value.as_boolean()->get() ? "true" : "false");
  }
  constexpr std::string_view kExpected[] = {"a string", "a whole number", "true or false"};
  return base::invalid(where,
                       fmt::format("must be {}", kExpected[static_cast<size_t>(setting.kind)]));
}

Status apply_value(Config& config, std::string_view section, std::string_view key,
                   const toml::node& value) {
  const auto& all = settings();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Setting& s) {
    return s.section == section && s.key == key;
  });
  const std::string where = section.empty() ? std::string(key) : fmt::format("{}.{}", section, key);
  if (found == all.end()) return base::invalid(where, "unknown setting in the configuration file");
  const auto shown = text_of(*found, where, value);
  return shown.ok() ? found->set(config, *shown) : Status(shown.error());
}

/// One value of the section `service.NAME`, or `service."NAMESPACE/NAME"`.
Status apply_service_value(Config& config, std::string_view name, std::string_view key,
                           const toml::node& value) {
  const size_t slash = name.find('/');
  const bool in_default = slash == std::string_view::npos;
  const core::ServiceKey service(in_default ? core::kDefaultNamespace : name.substr(0, slash),
                                 in_default ? name : name.substr(slash + 1));
  const std::string where = fmt::format("service.{}.{}", name, key);
  if (key == "failover") {
    if (!value.is_string()) return base::invalid(where, "must be a string");
    config.service_failover[service] = value.as_string()->get();
    return {};
  }
  const auto& all = settings();
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const Setting& s) { return s.set_for_service && s.key == key; });
  if (found == all.end()) return base::invalid(where, "is no setting that a service can have");
  const auto shown = text_of(*found, where, value);
  if (!shown.ok()) return shown.error();
  core::ServiceTiming ignored;
  if (auto status = found->set_for_service(ignored, *shown); !status.ok()) {
    return base::invalid(where, status.error().detail);
  }
  config.service_settings.push_back({service, std::string(key), *shown});
  return {};
}

Status apply_service_table(Config& config, const toml::table& services) {
  for (const auto& [name, entry] : services) {
    const auto* values = entry.as_table();
    if (values == nullptr) {
      return base::invalid(fmt::format("service.{}", name.str()), "must be a table");
    }
    if (auto status = base::check_name("service", name.str().substr(name.str().find('/') + 1));
        !status.ok()) {
      return status;
    }
    for (const auto& [key, value] : *values) {
      auto status = apply_service_value(config, name.str(), key.str(), value);
      if (!status.ok()) return status;
    }
  }
  return {};
}

Status apply_table(Config& config, const toml::table& table) {
  for (const auto& [key, value] : table) {
    const auto* section = value.as_table();
    if (section == nullptr) {
      if (auto status = apply_value(config, "", key.str(), value); !status.ok()) return status;
      continue;
    }
    if (key.str() == "service") {
      if (auto status = apply_service_table(config, *section); !status.ok()) return status;
      continue;
    }
    for (const auto& [inner, inner_value] : *section) {
      auto status = apply_value(config, key.str(), inner.str(), inner_value);
      if (!status.ok()) return status;
    }
  }
  return {};
}

}  // namespace

std::string Setting::flag() const {
  std::string made = fmt::format("--{}", key);
  std::replace(made.begin(), made.end(), '_', '-');
  return made;
}

std::string Setting::variable() const {
  std::string made = fmt::format("CALLBOOK_{}", key);
  std::transform(made.begin(), made.end(), made.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return made;
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> kSettings = [] {
    std::vector<Setting> all = node_settings();
    for (auto& part : {bus_settings(), catalog_limits(), check_limits(), transport_limits(),
                       service_settings(), timing_and_store()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return kSettings;
}

std::map<core::ServiceKey, core::ServiceTiming> service_timing(const Config& config) {
  std::map<core::ServiceKey, core::ServiceTiming> made;
  const core::ServiceTiming& usual = config.timing;
  for (const Config::ServiceSetting& one : config.service_settings) {
    core::ServiceTiming& timing = made.try_emplace(one.service, usual).first->second;
    for (const Setting& setting : settings()) {
      if (!setting.set_for_service || setting.key != one.key) continue;
      const Status status = setting.set_for_service(timing, one.text);
      CALLBOOK_CHECK(status.ok());
    }
  }
  return made;
}

Status apply_file(Config& config, const std::string& path) {
  const toml::parse_result parsed = toml::parse_file(path);
  if (!parsed) {
    const auto& error = parsed.error();
    return base::invalid(
        "config", fmt::format("{}:{}: {}", path, error.source().begin.line, error.description()));
  }
  Status status = apply_table(config, parsed.table());
  if (status.ok()) return status;
  return base::invalid(status.error().field,
                       fmt::format("{} (in {})", status.error().detail, path));
}

Status apply_environment(Config& config, const std::function<const char*(const char*)>& lookup) {
  for (const Setting& setting : settings()) {
    const char* value = lookup(setting.variable().c_str());
    if (value == nullptr) continue;
    if (auto status = setting.set(config, value); !status.ok()) {
      return base::invalid(setting.variable(), status.error().detail);
    }
  }
  return {};
}

}  // namespace callbook::node
