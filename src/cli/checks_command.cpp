// `callbook checks`: what the registry finds out about the instances that it checks.

#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/json_writer.h"
#include "cli/checks_text.h"
#include "cli/commands.h"
#include "cli/registry_options.h"

namespace callbook::cli {
namespace {

struct ChecksOptions : RegistryOptions {
  std::string service;
};

/// All pages as one.
base::Result<ChecksPage> all_checks(const ChecksOptions& options) {
  ChecksPage all;
  do {
    const auto document = ask<std::string>(options, [&](sdk::NativeClient& client, auto done) {
      client.list_checks({options.name_space, options.service}, all.next, std::move(done));
    });
    if (!document.ok()) return document.error();
    auto page = read_checks_page(*document);
    if (!page.ok()) return page.error();
    std::move(page->rows.begin(), page->rows.end(), std::back_inserter(all.rows));
    std::move(page->documents.begin(), page->documents.end(), std::back_inserter(all.documents));
    all.next = std::move(page->next);
  } while (!all.next.empty());
  return all;
}

std::string json_of(const ChecksOptions& options, const ChecksPage& page) {
  std::string text;
  base::JsonWriter json(text);
  json.begin_object().field("service", options.service);
  if (options.name_space != sdk::kDefaultNamespace) json.field("namespace", options.name_space);
  json.key("checks").begin_array();
  for (const std::string& check : page.documents) json.raw(check);
  json.end_array().end_object();
  return text;
}

int run_checks(const ChecksOptions& options) {
  const auto page = all_checks(options);
  if (!page.ok()) return report(page.error());
  if (options.json) {
    fmt::print("{}\n", json_of(options, *page));
  } else if (!page->rows.empty()) {
    fmt::print("{}", checks_text(*page));
  } else {
    complain(fmt::format("no instance of {} is checked by the registry", options.service));
  }
  return page->rows.empty() ? kNothing : kOk;
}

}  // namespace

void add_checks_command(CLI::App& app, int& exit_code) {
  CLI::App& verb =
      *app.add_subcommand("checks", "Show the checks of a service's instances and their results");
  auto options = std::make_shared<ChecksOptions>();
  verb.add_option("service", options->service, "The service")->required()->type_name("SERVICE");
  add_json_option(verb, *options);
  add_namespace_option(verb, *options);
  add_registry_option(verb, *options);
  verb.footer(
      "AGE: since the last result. The node that makes a check knows its results; of those that\n"
      "another makes, its name is shown (home).\n"
      "Exit code: 0 found, 1 error, 2 usage, 3 not known, or none is checked.");
  verb.callback([options, &exit_code] { exit_code = run_checks(*options); });
}

}  // namespace callbook::cli
