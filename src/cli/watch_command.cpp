#include <csignal>
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/registry_options.h"
#include "cli/watch_text.h"
#include "sdk/registry_lookup.h"
#include "sdk/system_random.h"
#include "sdk/watcher.h"

namespace callbook::cli {
namespace {

constexpr size_t kMaxServices = 1'000;  // a stream's limit, docs/native-api.md

struct WatchOptions : RegistryOptions {
  std::vector<std::string> services;
};

/// Prints what a watcher sees until the loop is stopped.
class WatchPrinter final : public sdk::Watcher::Observer {
 public:
  WatchPrinter(net::EventLoop& loop, const WatchOptions& options)
      : loop_(loop), options_(options), several_(options.services.size() > 1) {}

  void on_change(const sdk::Directory& directory,
                 const std::vector<sdk::Change>& changes) override {
    const bool first = shown_.insert(directory.service()).second;
    if (options_.json) {
      put(first ? snapshot_json(directory) : changes_json(directory, changes));
    } else {
      put(first ? snapshot_text(directory) : changes_text(directory, changes, several_));
    }
  }

  void on_trouble(const base::Error& error) override {
    trouble_ = true;
    const std::string message =
        error.code == base::ErrorCode::kIo
            ? fmt::format("reconnecting to {}", error.detail)
            : fmt::format("reconnecting to {}: {}", options_.registry, describe(error));
    if (message != last_message_) complain(message);
    last_message_ = message;
  }

  void on_connected() override {
    if (std::exchange(trouble_, false)) complain("connected to " + options_.registry);
    last_message_.clear();
  }

  void on_refused(const base::Error& error) override {
    exit_code_ = report(error);
    loop_.stop();
  }

  int exit_code() const { return exit_code_; }

 private:
  void put(const std::string& text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (written && std::fflush(stdout) == 0) return;
    exit_code_ = kFailed;
    loop_.stop();
  }

  net::EventLoop& loop_;
  const WatchOptions& options_;
  const bool several_;
  std::set<std::string> shown_;
  std::string last_message_;
  bool trouble_ = false;
  int exit_code_ = kOk;
};

int run_watch(const WatchOptions& options) {
  const auto place = sdk::parse_registry_place(options.registry);
  if (!place.ok()) return report(place.error());
  if (options.services.size() > kMaxServices) {
    complain(fmt::format("{} services; at most {} can be watched at once", options.services.size(),
                         kMaxServices));
    return kUsage;
  }
  net::EventLoop loop;
  WatchPrinter printer(loop, options);
  const auto stop = loop.on_signals({SIGINT, SIGTERM, SIGHUP}, [&loop](int) { loop.stop(); });
  const sdk::Watcher watcher(
      loop,
      {.registries = sdk::make_registry_pool(loop, place.value(), sdk::system_random()),
       .name_space = options.name_space,
       .datacenter = options.datacenter,
       .services = options.services},
      sdk::system_random(), printer);
  loop.run();
  return printer.exit_code();
}

}  // namespace

void add_watch_command(CLI::App& app, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("watch", "Follow the lists of services");
  auto options = std::make_shared<WatchOptions>();
  verb.add_option("services", options->services, "The services")
      ->required()
      ->type_name("SERVICE...");
  add_json_option(verb, *options);
  add_datacenter_option(verb, *options);
  add_namespace_option(verb, *options);
  add_registry_option(verb, *options);
  verb.footer(
      "Prints each list, then one line per change: + came, - left, ~ changed, with the\n"
      "cause. With --json, one object per line. Runs until interrupted (exit code 0).");
  verb.callback([options, &exit_code] { exit_code = run_watch(*options); });
}

}  // namespace callbook::cli
