// The verbs by which an operator moves traffic away from an instance, and back.

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/operator_options.h"

namespace callbook::cli {
namespace {

struct WeightOptions : OperatorOptions {
  uint32_t weight = 0;
};

int say(const OperatorOptions& options, const sdk::Override& wanted, std::string_view what) {
  const auto name = named_instance(options);
  if (!name) return kUsage;
  const std::string by = author(options);
  const auto version = ask<uint64_t>(options, [&](sdk::NativeClient& client, auto done) {
    client.set_override(name->service, name->id, wanted, by, options.reason, std::move(done));
  });
  if (!version.ok()) return report_refusal(version.error());
  fmt::print("{} {}, by {}\n", options.instance, what, by);
  return kOk;
}

int run_restore(const OperatorOptions& options) {
  const auto name = named_instance(options);
  if (!name) return kUsage;
  const auto version = ask<uint64_t>(options, [&](sdk::NativeClient& client, auto done) {
    client.remove_override(name->service, name->id, author(options), options.reason,
                           std::move(done));
  });
  if (!version.ok()) return report_refusal(version.error());
  fmt::print("{} is as its provider says again\n", options.instance);
  return kOk;
}

constexpr const char* kOverrideFooter =
    "Stays when the provider restarts, until `callbook restore`.\n"
    "Exit code: 0 done, 1 error, 2 usage, 3 not found.";

}  // namespace

void add_isolate_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("isolate", "Take an instance out of service");
  auto options = std::make_shared<OperatorOptions>();
  add_instance_option(verb, *options);
  add_author_options(verb, *options);
  verb.footer(kOverrideFooter);
  verb.callback([options, &exit_code] {
    exit_code = say(*options, {std::nullopt, true}, "is out of service");
  });
}

void add_weight_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("weight", "Give an instance another share of the traffic");
  auto options = std::make_shared<WeightOptions>();
  add_instance_option(verb, *options);
  verb.add_option("weight", options->weight, "In place of what its provider says; 0: no traffic")
      ->required()
      ->type_name("WEIGHT");
  add_author_options(verb, *options);
  verb.footer(kOverrideFooter);
  verb.callback([options, &exit_code] {
    exit_code =
        say(*options, {options->weight, false}, fmt::format("has weight {}", options->weight));
  });
}

void add_restore_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand(
      "restore", "End what `isolate`, `weight`, `drain` or `deregister` has begun");
  auto options = std::make_shared<OperatorOptions>();
  add_instance_option(verb, *options);
  add_author_options(verb, *options);
  verb.footer(
      "An instance whose provider still runs is listed again at once.\n"
      "Exit code: 0 done, 1 error, 2 usage, 3 no operator has said anything of it.");
  verb.callback([options, &exit_code] { exit_code = run_restore(*options); });
}

}  // namespace callbook::cli
