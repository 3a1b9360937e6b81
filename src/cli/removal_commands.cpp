// The verbs by which an operator takes instances out of the registry.

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/operator_call.h"

namespace callbook::cli {
namespace {

constexpr int64_t kDefaultDrainMs = 10'000;

struct RemovalOptions : OperatorOptions {
  int64_t drain_ms = 0;  ///< 0: it leaves at once
  bool no_wait = false;
};

std::string counted(uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

/// What came of telling the watchers, and the nodes that have them.
std::string reach(const sdk::RemovalAnswer& answer) {
  if (answer.unseen + answer.unreached == 0) return "every watcher has been sent it";
  std::string text;
  if (answer.unseen > 0) {
    text = counted(answer.unseen, "watcher has", "watchers have") + " not been sent it";
  }
  if (answer.unreached > 0) {
    text += text.empty() ? "" : ", ";
    text += counted(answer.unreached, "node has", "nodes have") + " not confirmed it";
  }
  return text;
}

/// "30 s", or "1500 ms".
std::string duration(int64_t ms) {
  return ms % 1'000 == 0 ? fmt::format("{} s", ms / 1'000) : fmt::format("{} ms", ms);
}

int run_removal(const RemovalOptions& options) {
  const auto name = named_instance(options);
  if (!name) return kUsage;
  const sdk::Operator who{author(options), options.reason};
  const auto answer = ask_until<sdk::RemovalAnswer>(
      options, options.no_wait ? sdk::Until::kHeard : sdk::Until::kSeen,
      [&](sdk::NativeClient& client, sdk::Until until, auto done) {
        client.remove(name->service, name->id, who, {options.drain_ms, until}, std::move(done));
      });
  if (!answer.ok()) return report_refusal(answer.error());
  const std::string what = options.drain_ms > 0
                               ? fmt::format("drains for {}", duration(options.drain_ms))
                               : "is deregistered";
  fmt::print("{} {}, by {}{}\n", options.instance, what, who.by,
             options.no_wait ? "" : "; " + reach(*answer));
  print_behind(answer->nodes);
  fmt::print("it stays out until `{}`, or until a new process takes its place\n",
             restore_command(options.name_space, options.instance));
  return answer->unseen + answer->unreached == 0 ? kOk : kFailed;
}

void add_removal_options(CLI::App& verb, RemovalOptions& options) {
  verb.add_flag("--no-wait", options.no_wait, "Do not wait until every watcher has been sent it");
  add_author_options(verb, options);
}

constexpr const char* kRemovalFooter =
    "It stays out, also when its provider reconnects and when the registry restarts, until\n"
    "`callbook restore`, or until another process registers the id. For providers that do not say\n"
    "which process they are (release 0.1, curl): until the id was gone for 10 minutes.\n"
    "Exit code: 0 done, 1 error or not every watcher was sent it, 2 usage, 3 not found.";

}  // namespace

void add_deregister_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("deregister", "Take an instance out at once");
  auto options = std::make_shared<RemovalOptions>();
  add_instance_option(verb, *options);
  add_removal_options(verb, *options);
  verb.footer(kRemovalFooter);
  verb.callback([options, &exit_code] { exit_code = run_removal(*options); });
}

void add_drain_command(CLI::App& app, int& exit_code) {
  CLI::App& verb =
      *app.add_subcommand("drain", "Let an instance finish its calls, then take it out");
  auto options = std::make_shared<RemovalOptions>();
  options->drain_ms = kDefaultDrainMs;
  add_instance_option(verb, *options);
  verb.add_option("--for", options->drain_ms, "Until it leaves (default 10s)")
      ->transform(is_duration())
      ->check(CLI::PositiveNumber)
      ->type_name("TIME");
  add_removal_options(verb, *options);
  verb.footer(kRemovalFooter);
  verb.callback([options, &exit_code] { exit_code = run_removal(*options); });
}

void add_release_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand(
      "release", "Release the breaker: remove the unreachable instances it protects");
  auto options = std::make_shared<OperatorOptions>();
  verb.add_option("service", options->instance, "The service")->required()->type_name("SERVICE");
  add_author_options(verb, *options);
  verb.footer("Exit code: 0 done, 1 error, 2 usage, 3 nothing is protected, or no such service.");
  verb.callback([options, &exit_code] {
    const auto groups = ask<uint64_t>(*options, [&](sdk::NativeClient& client, auto done) {
      client.release({options->name_space, options->instance}, {author(*options), options->reason},
                     std::move(done));
    });
    if (!groups.ok()) {
      exit_code = report_refusal(groups.error());
      return;
    }
    exit_code = *groups == 0 ? kNothing : kOk;
    if (*groups == 0) {
      complain(fmt::format("nothing of {} is protected", options->instance));
    } else {
      fmt::print("{} is no longer protected\n", options->instance);
    }
  });
}

}  // namespace callbook::cli
