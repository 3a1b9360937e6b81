#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/list_text.h"
#include "cli/own_hold.h"
#include "cli/provider_run.h"
#include "cli/register_options.h"
#include "cli/session_hold.h"
#include "sdk/local_address.h"
#include "sdk/registry_lookup.h"
#include "sdk/system_random.h"

namespace callbook::cli {
namespace {

struct Wanted {
  sdk::ServiceName service;
  sdk::Instance instance;
  Announcement announcement;
};

base::Result<Wanted> wanted_of(const RegisterOptions& options) {
  const auto registries = registries_of(options);
  if (!registries.ok()) return registries.error();
  auto instance = instance_of(options, registries->front());
  if (!instance.ok()) return instance.error();
  auto announcement = announcement_of(options, *instance);
  if (!announcement.ok()) return announcement.error();
  return Wanted{
      {options.name_space, options.service}, std::move(*instance), std::move(*announcement)};
}

/// What a person reads of what the registry asks.
std::string checked_by(const Announcement& announcement) {
  std::string text;
  for (const CheckSpec& check : announcement.checks) {
    text += (text.empty() ? "" : ", ") + text_of(check);
  }
  return text.empty() ? "it stays until `callbook deregister`"
                      : fmt::format("the registry checks it by {}", text);
}

/// Registers what does not run here.
int register_at_once(const RegisterOptions& options, const Wanted& wanted) {
  const auto answer =
      ask<sdk::RegistrationAnswer>(options, [&](sdk::NativeClient& client, auto done) {
        client.put_instance(wanted.service, wanted.instance.id,
                            encode_own(wanted.instance, wanted.announcement, true),
                            options.take_over, std::move(done));
      });
  if (!answer.ok()) return report(answer.error(), register_flags());
  fmt::print("{}/{} is registered at {} ({}); {}\n", options.service, wanted.instance.id,
             place_of(wanted.instance), answer->result, checked_by(wanted.announcement));
  return kOk;
}

Status status_of(const Announcement& announcement) {
  for (const Status status : {Status::kStarting, Status::kNotReady, Status::kFailing}) {
    if (name_of(status) == announcement.status) return status;
  }
  return Status::kUp;
}

ProviderRun::MakeHold hold_maker(net::EventLoop& loop, const RegisterOptions& options,
                                 const Wanted& wanted, const sdk::RegistryPoolPtr& registries) {
  if (!wanted.announcement.by_session()) {
    const OwnHold::Options own{registries, wanted.service, wanted.instance, wanted.announcement};
    return [&loop, own](bool first, Hold::Owner& owner) {
      OwnHold::Options now = own;
      now.first = first;
      return std::make_unique<OwnHold>(loop, std::move(now), sdk::system_random(), owner);
    };
  }
  sdk::RegistrationKeeper::Options session;
  session.registries = registries;
  session.client = fmt::format("{}@{}", options.service, sdk::host_name());
  session.entries = {{wanted.service, wanted.instance, status_of(wanted.announcement), true,
                      wanted.announcement.shares_port}};
  session.ttl_ms = options.session_ttl_ms;
  session.take_over = wanted.announcement.take_over;
  return [&loop, session](bool first, Hold::Owner& owner) {
    sdk::RegistrationKeeper::Options now = session;
    if (!first) {
      now.entries.front().status = Status::kUp;  // nothing is said
      now.take_over = false;
    }
    return std::make_unique<SessionHold>(loop, std::move(now), owner);
  };
}

int run_register(const RegisterOptions& options, const std::vector<std::string>& wrapped) {
  if (options.at_once() && !wrapped.empty()) {
    complain("--external and --persistent register what does not run here: they take no command");
    return kUsage;
  }
  const auto place = sdk::parse_registry_place(options.registry);
  if (!place.ok()) return report(place.error());
  const auto wanted = wanted_of(options);
  if (!wanted.ok()) {
    report(wanted.error(), register_flags());
    return wanted.error().field.starts_with("--") ? kUsage : kFailed;
  }
  if (options.at_once()) return register_at_once(options, *wanted);

  net::EventLoop loop;
  ProviderRun::Options run;
  run.registries = sdk::make_registry_pool(loop, place.value(), sdk::system_random());
  run.make_hold = hold_maker(loop, options, *wanted, run.registries);
  run.service = wanted->service;
  run.instance = wanted->instance;
  run.command = wrapped;
  run.wait_for_port = options.wait_for_port;
  run.wait_timeout_ms = static_cast<int64_t>(options.wait_timeout_s * 1000);
  run.stop_when_superseded = options.on_superseded == "stop";
  run.field_flags = register_flags();
  return ProviderRun(loop, std::move(run)).run();
}

}  // namespace

void add_register_command(CLI::App& app, const std::vector<std::string>& wrapped, int& exit_code) {
  CLI::App& verb = *app.add_subcommand("register", "Keep an instance registered");
  auto options = std::make_shared<RegisterOptions>();
  add_register_options(verb, *options);
  verb.footer(
      "With `-- COMMAND [ARGS...]` it runs the command, with CALLBOOK_SERVICE, CALLBOOK_INSTANCE\n"
      "and PORT in its environment, passes SIGINT, SIGTERM and SIGHUP on to it, and ends with its\n"
      "status (128 + signal when it was killed). Otherwise it runs until SIGINT or SIGTERM.\n"
      "Either way the instance leaves the registry at once. While the registry cannot be reached\n"
      "it goes on trying. An id that another process holds is waited for; one that a later "
      "process\n"
      "takes is registered again when that one has left for a while.");
  verb.callback([options, &wrapped, &exit_code] { exit_code = run_register(*options, wrapped); });
}

}  // namespace callbook::cli
