#include "cli/provider_run.h"

#include <utility>

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "cli/commands.h"
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
    : loop_(loop), options_(std::move(options)) {}

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
  const bool wait = options_.wait_for_port && instance().port != 0;
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
      {"CALLBOOK_SERVICE", options_.registration.entries[0].service.service},
      {"CALLBOOK_INSTANCE", instance().id}};
  if (instance().port != 0) environment.emplace_back("PORT", std::to_string(instance().port));
  auto child = ChildProcess::start(options_.command, environment);
  if (!child.ok()) return child.error();
  child_ = *child;
  return {};
}

base::Status ProviderRun::wait_for_port() {
  const auto address = sdk::resolve(instance().address, instance().port);
  if (!address.ok()) return base::invalid("address", address.error().detail);
  wait_timeout_ = loop_.after(options_.wait_timeout_ms, [this] {
    complain(fmt::format("nothing listens on {}:{} after {} ms; stopping the command",
                         instance().address, instance().port, options_.wait_timeout_ms));
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
  keeper_ = std::make_unique<sdk::RegistrationKeeper>(loop_, options_.registration,
                                                      sdk::system_random(), *this);
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
  if (keeper_ && !keeper_->finished()) {
    keeper_->stop();
  } else {
    loop_.stop();
  }
}

void ProviderRun::on_registered() {
  if (std::exchange(registered_, true)) return;
  last_trouble_.clear();
  const std::string port = instance().port == 0 ? "" : fmt::format(":{}", instance().port);
  complain(fmt::format("registered {} at {}{}", instance_name(), instance().address, port));
}

void ProviderRun::on_trouble(const base::Error& error) {
  registered_ = false;
  const std::string message = describe(error) + "; trying again";
  if (message != last_trouble_) complain(message);
  last_trouble_ = message;
}

void ProviderRun::on_finished(const base::Status& status) {
  const bool child_runs = child_ && !child_->exit_status();
  if (!status.ok()) {
    complain(describe(status.error()));
    if (!child_ || child_runs) exit_code_ = kFailed;
  }
  // What the registry does not want to be known must not go on as if it were.
  if (child_runs) {
    terminate_child();
  } else {
    loop_.stop();
  }
}

std::string ProviderRun::instance_name() const {
  return options_.registration.entries[0].service.service + "/" + instance().id;
}

}  // namespace callbook::cli
