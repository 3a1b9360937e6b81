#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/child_process.h"
#include "cli/hold.h"
#include "cli/id_contest.h"
#include "cli/port_probe.h"
#include "cli/registry_options.h"
#include "net/event_loop.h"
#include "sdk/backoff.h"

namespace callbook::cli {

/// One run of `callbook register`: keeps an instance registered until a signal says stop, or as
/// long as a wrapped command runs. Loop's thread only.
///
/// An id that another process holds is waited for, and one that was registered and is refused now
/// is tried again: what the registry says ends no service that runs. Only a first registration that
/// is refused, or a later process if that is wanted (`stop_when_superseded`), stops the command.
class ProviderRun final : private Hold::Owner {
 public:
  /// Makes what keeps the instance registered. `first`: it has not been registered in this run.
  using MakeHold = std::function<std::unique_ptr<Hold>(bool first, Hold::Owner& owner)>;

  struct Options {
    MakeHold make_hold;
    sdk::RegistryPoolPtr registries;
    sdk::ServiceName service;
    sdk::Instance instance;
    std::vector<std::string> command;  ///< to wrap; may be empty
    bool wait_for_port = true;         ///< before registering a wrapped command
    int64_t wait_timeout_ms = 30'000;
    bool stop_when_superseded = false;  ///< the command; else it goes on, unregistered
    FieldFlags field_flags;             ///< for what the registry refuses
  };

  static constexpr int64_t kKillDelayMs = 10'000;  ///< between SIGTERM and SIGKILL
  /// Between attempts of what was registered and is refused now; the wait doubles.
  static constexpr int64_t kFirstRefusedMs = 2'000;
  static constexpr int64_t kLargestRefusedMs = 60'000;

  /// Borrows `loop`.
  ProviderRun(net::EventLoop& loop, Options options);

  /// Runs the loop to the end; returns the exit code: the command's own if there is one.
  int run();

 private:
  void on_registered() override;
  void on_trouble(const base::Error& error) override;
  void on_withdrawn(const Withdrawal& withdrawal) override;
  void on_restored() override;
  void on_finished(const base::Status& status) override;

  base::Status begin();
  base::Status start_command();
  base::Status wait_for_port();
  void register_instance();
  void give_up(const base::Error& error);
  void on_signal(int number);
  void on_child_ended();
  void terminate_child();
  void end();

  void complain_once(const std::string& message);
  bool child_runs() { return child_ && !child_->exit_status(); }
  std::string instance_name() const;

  net::EventLoop& loop_;
  const Options options_;
  int exit_code_ = 0;
  bool registered_ = false;
  bool ever_registered_ = false;
  bool ending_ = false;
  std::string last_complaint_;
  std::optional<ChildProcess> child_;
  std::unique_ptr<net::EventLoop::Timer> signals_;
  std::unique_ptr<net::EventLoop::Timer> wait_timeout_;
  std::unique_ptr<net::EventLoop::Timer> kill_timer_;
  std::unique_ptr<net::EventLoop::Timer> retry_;
  std::unique_ptr<PortProbe> probe_;
  sdk::Backoff refused_;
  IdContest contest_;
  std::unique_ptr<Hold> hold_;
};

}  // namespace callbook::cli
