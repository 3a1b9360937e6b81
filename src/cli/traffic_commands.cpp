// The verbs by which an operator moves traffic away from an instance, and back.

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/operator_call.h"

namespace callbook::cli {
namespace {

struct WeightOptions : OperatorOptions {
  uint32_t weight = 0;
};

int say(const OperatorOptions& options, const sdk::Override& wanted, std::string_view what) {
  const auto name = named_instance(options);
  if (!name) return kUsage;
  const sdk::Operator who{author(options), options.reason};
  const auto answer = ask_until<sdk::ChangeAnswer>(
      options, sdk::Until::kHeard, [&](sdk::NativeClient& client, sdk::Until until, auto done) {
        client.set_override(name->service, name->id, wanted, who, until, std::move(done));
      });
  if (!answer.ok()) return report_refusal(answer.error());
  fmt::print("{} {}, by {}\n", options.instance, what, who.by);
  print_behind(answer->nodes);
  return kOk;
}

int run_restore(const OperatorOptions& options) {
  const auto name = named_instance(options);
  if (!name) return kUsage;
  const sdk::Operator who{author(options), options.reason};
  const auto answer = ask_until<sdk::ChangeAnswer>(
      options, sdk::Until::kHeard, [&](sdk::NativeClient& client, sdk::Until until, auto done) {
        client.remove_override(name->service, name->id, who, until, std::move(done));
      });
  if (!answer.ok()) return report_refusal(answer.error());
  fmt::print("{} is as its provider says again\n", options.instance);
  print_behind(answer->nodes);
  return kOk;
}

constexpr const char* kOverrideFooter =
    "Stays when the provider restarts, until `callbook restore`. Ends with the nodes that have "
    "not\n"
    "heard of it within 2 s, if there are any.\n"
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
