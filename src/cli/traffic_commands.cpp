// The verbs by which an operator moves traffic away from an instance, and back.

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/author.h"
#include "cli/commands.h"
#include "cli/instance_name.h"
#include "cli/registry_options.h"

namespace callbook::cli {
namespace {

constexpr int64_t kDefaultDrainMs = 10'000;

struct TrafficOptions : RegistryOptions {
  std::string instance;  ///< "SERVICE/ID"
  std::string by;        ///< empty: the one that runs the command
  std::string reason;
  uint32_t weight = 0;
  int64_t drain_ms = kDefaultDrainMs;
  bool no_wait = false;
};

const FieldFlags kFlags = {{"by", "--by"}, {"reason", "--reason"}, {"drain", "--for"}};

/// Not before it is needed: the user database may be a directory server.
std::string author(const TrafficOptions& options) {
  return options.by.empty() ? author_name() : options.by;
}

int say(const TrafficOptions& options, const sdk::Override& wanted, std::string_view what) {
  const std::string by = author(options);
  const auto name = instance_name(options.name_space, options.instance);
  if (!name) return kUsage;
  const auto version = ask<uint64_t>(options, [&](sdk::NativeClient& client, auto done) {
    client.set_override(name->service, name->id, wanted, by, options.reason, std::move(done));
  });
  if (!version.ok()) return report(version.error(), kFlags);
  fmt::print("{}/{} {}, by {}\n", name->service.service, name->id, what, by);
  return kOk;
}

int run_restore(const TrafficOptions& options) {
  const auto name = instance_name(options.name_space, options.instance);
  if (!name) return kUsage;
  const auto version = ask<uint64_t>(options, [&](sdk::NativeClient& client, auto done) {
    client.remove_override(name->service, name->id, author(options), options.reason,
                           std::move(done));
  });
  if (!version.ok()) return report(version.error(), kFlags);
  fmt::print("{}/{} is as its provider says again\n", name->service.service, name->id);
  return kOk;
}

int run_drain(const TrafficOptions& options) {
  const auto name = instance_name(options.name_space, options.instance);
  if (!name) return kUsage;
  const auto answer = ask<sdk::RemovalAnswer>(options, [&](sdk::NativeClient& client, auto done) {
    client.drain(name->service, name->id, options.drain_ms, !options.no_wait, std::move(done));
  });
  if (!answer.ok()) return report(answer.error(), kFlags);
  fmt::print("{}/{} drains for {} ms", name->service.service, name->id, options.drain_ms);
  if (options.no_wait) {
    fmt::print("\n");
  } else if (answer->unseen + answer->unreached == 0) {
    fmt::print("; every watcher has been told\n");
  } else if (answer->unreached == 0) {
    fmt::print("; {} watchers have not been told\n", answer->unseen);
  } else {
    fmt::print("; {} watchers have not been told, {} nodes have not heard of it\n", answer->unseen,
               answer->unreached);
  }
  return answer->unseen + answer->unreached == 0 ? kOk : kFailed;
}

std::shared_ptr<TrafficOptions> add_options(CLI::App& verb) {
  auto options = std::make_shared<TrafficOptions>();
  verb.add_option("instance", options->instance, "The instance; the id is behind the last '/'")
      ->required()
      ->type_name("SERVICE/ID");
  return options;
}

std::string is_given(const std::string& text) {
  return text.empty() ? "must not be empty: name the person or the job that wants this" : "";
}

/// Who wants it and why, and where to say it.
void add_author_options(CLI::App& verb, TrafficOptions& options) {
  verb.add_option("--by", options.by, "Who wants this (default: you); consumers are told")
      ->type_name("NAME")
      ->check(is_given);
  verb.add_option("--reason", options.reason, "Why; consumers are told")->type_name("TEXT");
  add_namespace_option(verb, options);
  add_registry_option(verb, options);
}

constexpr const char* kOverrideFooter =
    "Stays when the provider restarts, until `callbook restore`.\n"
    "Exit code: 0 done, 1 error, 2 usage, 3 not found.";

}  // namespace

void add_isolate_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("isolate", "Take an instance out of service");
  auto options = add_options(verb);
  add_author_options(verb, *options);
  verb.footer(kOverrideFooter);
  verb.callback([options, &exit_code] {
    exit_code = say(*options, {std::nullopt, true}, "is out of service");
  });
}

void add_weight_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("weight", "Give an instance another share of the traffic");
  auto options = add_options(verb);
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
  CLI::App& verb = *app.add_subcommand("restore", "End what `isolate` or `weight` has begun");
  auto options = add_options(verb);
  add_author_options(verb, *options);
  verb.footer("Exit code: 0 done, 1 error, 2 usage, 3 there is no override.");
  verb.callback([options, &exit_code] { exit_code = run_restore(*options); });
}

void add_drain_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("drain", "Let an instance finish its calls, then remove it");
  auto options = add_options(verb);
  verb.add_option("--for", options->drain_ms, "Until it leaves (default 10s)")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, int64_t>{{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}},
          CLI::AsNumberWithUnit::UNIT_REQUIRED))
      ->type_name("TIME");
  verb.add_flag("--no-wait", options->no_wait, "Do not wait until every watcher has been told");
  add_namespace_option(verb, *options);
  add_registry_option(verb, *options);
  verb.footer(
      "A provider that registers it again ends the drain.\n"
      "Exit code: 0 done, 1 error or not every watcher was told, 2 usage, 3 not found.");
  verb.callback([options, &exit_code] { exit_code = run_drain(*options); });
}

void add_release_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand(
      "release", "Believe that those are dead whom the registry protects, and let them go");
  auto options = std::make_shared<TrafficOptions>();
  verb.add_option("service", options->instance, "The service")->required()->type_name("SERVICE");
  add_author_options(verb, *options);
  verb.footer("Exit code: 0 done, 1 error, 2 usage, 3 nothing is protected, or no such service.");
  verb.callback([options, &exit_code] {
    const auto groups = ask<uint64_t>(*options, [&](sdk::NativeClient& client, auto done) {
      client.release({options->name_space, options->instance}, options->by, options->reason,
                     std::move(done));
    });
    if (!groups.ok()) {
      exit_code = report(groups.error());
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
