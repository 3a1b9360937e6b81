#include "cli/provider_run.h"

#include <utility>

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/instance_name.h"
#include "cli/list_text.h"
#include "cli/registry_options.h"
#include "sdk/system_random.h"

namespace callbook::cli {
namespace {

/// A terminal's interrupt key signals every process in its foreground, the child included.
bool child_was_interrupted_too(int number) {
  return number == SIGINT && ::isatty(STDIN_FILENO) == 1 &&
         ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
}

}  // namespace

ProviderRun::ProviderRun(net::EventLoop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      refused_(sdk::system_random(), kFirstRefusedMs, kLargestRefusedMs),
      contest_(loop, options_.registries, options_.service, options_.instance.id,
               sdk::system_random()) {}

int ProviderRun::run() {
  signals_ = loop_.on_signals({SIGINT, SIGTERM, SIGHUP, SIGCHLD},
                              [this](int number) { on_signal(number); });
  const base::Status begun = begin();
  if (!begun.ok()) {
    complain(describe(begun.error()));
    // As a shell says it: 127 not found, 126 found but not to be run.
    if (begun.error().field != "command") return kFailed;
    return begun.error().code == base::ErrorCode::kNotFound ? 127 : 126;
  }
  loop_.run();
  return exit_code_;
}

base::Status ProviderRun::begin() {
  if (options_.command.empty()) {
    register_instance();
    return {};
  }
  // Before any connection is opened, which the child would inherit.
  const bool wait = options_.wait_for_port && options_.instance.port != 0;
  if (wait) {
    const base::Status waiting = wait_for_port();
    if (!waiting.ok()) return waiting;
  }
  const base::Status started = start_command();
  if (started.ok() && !wait) register_instance();
  return started;
}

base::Status ProviderRun::start_command() {
  std::vector<std::pair<std::string, std::string>> environment = {
      {"CALLBOOK_SERVICE", options_.service.service}, {"CALLBOOK_INSTANCE", options_.instance.id}};
  if (options_.instance.port != 0) {
    environment.emplace_back("PORT", std::to_string(options_.instance.port));
  }
  auto child = ChildProcess::start(options_.command, environment);
  if (!child.ok()) return child.error();
  child_ = *child;
  return {};
}

base::Status ProviderRun::wait_for_port() {
  const auto address = sdk::resolve(options_.instance.address, options_.instance.port);
  if (!address.ok()) return base::invalid("address", address.error().detail);
  wait_timeout_ = loop_.after(options_.wait_timeout_ms, [this] {
    complain(fmt::format("nothing listens on {} after {} ms; stopping the command",
                         place_of(options_.instance), options_.wait_timeout_ms));
    exit_code_ = kFailed;
    probe_.reset();
    terminate_child();
  });
  probe_ = std::make_unique<PortProbe>(loop_, address.value(), [this] {
    wait_timeout_.reset();
    register_instance();
  });
  return {};
}

void ProviderRun::register_instance() {
  hold_ = options_.make_hold(!ever_registered_, *this);
}

void ProviderRun::on_signal(int number) {
  if (number == SIGCHLD) {
    if (child_ && child_->exit_status()) on_child_ended();
  } else if (child_) {
    if (!child_was_interrupted_too(number)) child_->signal(number);
  } else {
    end();
  }
}

void ProviderRun::on_child_ended() {
  if (exit_code_ == kOk) exit_code_ = *child_->exit_status();
  kill_timer_.reset();
  wait_timeout_.reset();
  probe_.reset();
  end();
}

void ProviderRun::terminate_child() {
  child_->signal(SIGTERM);
  kill_timer_ = loop_.after(kKillDelayMs, [this] { child_->signal(SIGKILL); });
}

/// Leaves the registry, if we are in it, and then the loop.
void ProviderRun::end() {
  ending_ = true;
  contest_.cancel();
  retry_.reset();
  if (hold_ && !hold_->finished()) {
    hold_->stop();
  } else {
    loop_.stop();
  }
}

void ProviderRun::on_registered() {
  ever_registered_ = true;
  contest_.registered();
  refused_.reset();
  if (std::exchange(registered_, true)) return;
  last_complaint_.clear();
  complain(fmt::format("registered {} at {}", instance_name(), place_of(options_.instance)));
}

void ProviderRun::on_trouble(const base::Error& error) {
  registered_ = false;
  if (error.code == base::ErrorCode::kConflict && error.field == "id") {
    return complain_once(
        fmt::format("{} is not registered: {}; waiting until it is free "
                    "(--take-over insists)",
                    instance_name(), error.detail));
  }
  complain_once(describe(error) + "; trying again");
}

void ProviderRun::on_withdrawn(const Withdrawal& withdrawal) {
  complain(fmt::format("{} has been taken out by {} ({}){}; it is not listed until `{}`",
                       instance_name(), withdrawal.by, withdrawal.action,
                       withdrawal.reason.empty() ? "" : ": " + withdrawal.reason,
                       restore_command(options_.service.name_space, instance_name())));
}

void ProviderRun::on_restored() {
  complain(fmt::format("{} is listed again", instance_name()));
}

void ProviderRun::on_finished(const base::Status& status) {
  registered_ = false;
  if (ending_) {
    if (!status.ok()) complain(describe(status.error()));
    if (!status.ok() && !child_) exit_code_ = kFailed;
    return loop_.stop();
  }
  const base::Error& error = status.error();  // a hold that was not stopped ends with one
  if (error.code == base::ErrorCode::kSuperseded && !options_.stop_when_superseded) {
    complain_once(
        fmt::format("{} has been taken by another process: {}; going on unregistered "
                    "until that one has left",
                    instance_name(), error.detail));
    return contest_.lost([this] { register_instance(); });
  }
  // A mistake in what is registered shows at once; later it is the registry that has changed.
  const bool is_final = error.code == base::ErrorCode::kSuperseded || !ever_registered_;
  if (is_final) return give_up(error);
  complain_once(describe(error) + "; going on unregistered, and trying again now and then");
  retry_ = loop_.after(kFirstRefusedMs + refused_.next_ms(), [this] { register_instance(); });
}

void ProviderRun::give_up(const base::Error& error) {
  complain(describe(error, options_.field_flags));
  exit_code_ = kFailed;
  if (child_runs()) {
    complain("stopping the command");
    terminate_child();
  } else {
    loop_.stop();
  }
}

void ProviderRun::complain_once(const std::string& message) {
  if (message != last_complaint_) complain(message);
  last_complaint_ = message;
}

std::string ProviderRun::instance_name() const {
  return options_.service.service + "/" + options_.instance.id;
}

}  // namespace callbook::cli
