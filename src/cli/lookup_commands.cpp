// The verbs that ask the registry once and end.

#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/list_text.h"
#include "cli/name_value.h"
#include "cli/registry_options.h"
#include "cli/status_text.h"

namespace callbook::cli {
namespace {

struct GetOptions : RegistryOptions {
  std::string service;
  std::string zone;
  std::vector<std::string> metadata;  ///< "k=v"
  bool failover = false;
};

/// All pages as one.
base::Result<sdk::ServicePage> all_services(const RegistryOptions& options) {
  sdk::ServicePage all;
  do {
    auto page = ask<sdk::ServicePage>(options, [&](sdk::NativeClient& client, auto done) {
      client.list_services(options.name_space, options.datacenter, all.next, std::move(done));
    });
    if (!page.ok()) return page.error();
    all.services.insert(all.services.end(), page->services.begin(), page->services.end());
    all.next = page->next;
    all.origin = page->origin;
  } while (!all.next.empty());
  return all;
}

/// That a list may be old must not be overlooked.
void warn_of_age(const sdk::Origin& origin) {
  if (!origin.stale) return;
  complain(fmt::format("{} has not been heard for {} s: this may be old", origin.datacenter,
                       origin.silent_ms / 1000));
}

/// A document as the server sent it, without the line feed that it may end with.
std::string_view trimmed(std::string_view json) {
  return json.substr(0, json.find_last_not_of(" \r\n") + 1);
}

std::string services_json(const sdk::ServicePage& page) {
  std::string text;
  base::JsonWriter json(text);
  json.begin_object();
  if (!page.origin.datacenter.empty()) {
    json.field("dc", page.origin.datacenter)
        .field("silent_ms", page.origin.silent_ms)
        .field("stale", page.origin.stale);
  }
  json.key("services").begin_array();
  for (const sdk::ServiceSummary& one : page.services) {
    json.begin_object().field("service", one.service);
    json.field("instances", one.instances).field("version", one.version).end_object();
  }
  json.end_array().end_object();
  return text;
}

int run_services(const RegistryOptions& options) {
  const auto page = all_services(options);
  if (!page.ok()) return report(page.error());
  const auto& services = page->services;
  if (!options.json) warn_of_age(page->origin);
  if (options.json) {
    fmt::print("{}\n", services_json(*page));
  } else if (!services.empty()) {
    std::vector<std::vector<std::string>> rows = {{"SERVICE", "INSTANCES"}};
    for (const sdk::ServiceSummary& one : services) {
      rows.push_back({one.service, std::to_string(one.instances)});
    }
    fmt::print("{}", table_text(rows));
  } else {
    complain("no services");
  }
  return services.empty() ? kNothing : kOk;
}

int run_get(const GetOptions& options) {
  sdk::InstanceFilter filter;
  filter.zone = options.zone;
  for (const std::string& entry : options.metadata) filter.metadata.push_back(name_value(entry));
  filter.datacenter = options.datacenter;
  filter.failover = options.failover;

  const auto document =
      ask<sdk::ServiceDocument>(options, [&](sdk::NativeClient& client, auto done) {
        client.get_service({options.name_space, options.service}, filter, std::move(done));
      });
  if (!document.ok()) return report(document.error());
  const sdk::SnapshotPart& list = document.value().snapshot;
  const sdk::Origin& origin = document->origin;
  if (!options.json) warn_of_age(origin);
  if (!options.json && options.failover && !origin.datacenter.empty()) {
    complain(fmt::format("these are of {}: nobody can be called nearer", origin.datacenter));
  }
  if (options.json) {
    fmt::print("{}\n", trimmed(document.value().json));
  } else if (!list.instances.empty()) {
    fmt::print("{}", instances_text(list.instances));
  } else if (!list.empty && (!filter.zone.empty() || !filter.metadata.empty())) {
    complain(fmt::format("no instance of {} is as asked for", options.service));
  } else {
    complain(emptiness_text(options.service, list.empty));
  }
  return list.instances.empty() ? kNothing : kOk;
}

/// Shows a document of the registry's, for programs as it came, for people as `text_of` writes it.
int run_document(const RegistryOptions& options,
                 void (sdk::NativeClient::*get)(sdk::NativeClient::Callback<std::string>),
                 base::Result<std::string> (*text_of)(std::string_view json)) {
  const auto document = ask<std::string>(
      options, [get](sdk::NativeClient& client, auto done) { (client.*get)(std::move(done)); });
  if (!document.ok()) return report(document.error());
  if (options.json) {
    fmt::print("{}\n", trimmed(document.value()));
    return kOk;
  }
  const auto text = text_of(document.value());
  if (!text.ok()) return report(text.error());
  fmt::print("{}", text.value());
  return kOk;
}

}  // namespace

void add_services_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("services", "List the services");
  auto options = std::make_shared<RegistryOptions>();
  add_json_option(verb, *options);
  add_datacenter_option(verb, *options);
  add_namespace_option(verb, *options);
  add_registry_option(verb, *options);
  verb.footer("Exit code: 0 found, 1 error, 2 usage, 3 no services.");
  verb.callback([options, &exit_code] { exit_code = run_services(*options); });
}

void add_get_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("get", "Show the instances of a service");
  auto options = std::make_shared<GetOptions>();
  verb.add_option("service", options->service, "The service")->required()->type_name("SERVICE");
  verb.add_option("--zone", options->zone, "Only those of this zone")->type_name("ZONE");
  verb.add_option("--meta", options->metadata, "Only those with this metadata (repeatable)")
      ->type_name("NAME=VALUE")
      ->check(is_name_value)
      ->allow_extra_args(false);
  verb.add_flag("--failover", options->failover,
                "Of the first data center with somebody to call, by the registry's order");
  add_json_option(verb, *options);
  add_datacenter_option(verb, *options);
  add_namespace_option(verb, *options);
  add_registry_option(verb, *options);
  verb.footer("Exit code: 0 found, 1 error, 2 usage, 3 no instances; an empty list says why.");
  verb.callback([options, &exit_code] { exit_code = run_get(*options); });
}

void add_status_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("status", "Show how the registry node is doing");
  auto options = std::make_shared<RegistryOptions>();
  add_json_option(verb, *options);
  add_registry_option(verb, *options);
  verb.callback([options, &exit_code] {
    exit_code = run_document(*options, &sdk::NativeClient::status, status_text);
  });
}

void add_nodes_command(CLI::App& app, int& exit_code) {
  CLI::App& verb =
      *app.add_subcommand("nodes", "Show the nodes of the cluster and how far they are");
  auto options = std::make_shared<RegistryOptions>();
  add_json_option(verb, *options);
  add_registry_option(verb, *options);
  verb.footer(
      "LAG: versions of the bus not applied; OUTBOX: records that the bus is owed;\n"
      "DIGEST: whether the node holds what the asked one holds, if both are as far.");
  verb.callback([options, &exit_code] {
    exit_code = run_document(*options, &sdk::NativeClient::nodes, nodes_text);
  });
}

}  // namespace callbook::cli
