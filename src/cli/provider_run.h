#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/child_process.h"
#include "cli/port_probe.h"
#include "net/event_loop.h"
#include "sdk/registration_keeper.h"

namespace callbook::cli {

/// One run of `callbook register`: keeps an instance registered until a signal says stop, or as
/// long as a wrapped command runs. Loop's thread only.
class ProviderRun final : public sdk::RegistrationKeeper::Owner {
 public:
  struct Options {
    sdk::RegistrationKeeper::Options registration;  ///< of one instance
    std::vector<std::string> command;               ///< to wrap; may be empty
    bool wait_for_port = true;                      ///< before registering a wrapped command
    int64_t wait_timeout_ms = 30'000;
  };

  static constexpr int64_t kKillDelayMs = 10'000;  ///< between SIGTERM and SIGKILL

  /// Borrows `loop`.
  ProviderRun(net::EventLoop& loop, Options options);

  /// Runs the loop to the end; returns the exit code: the command's own if there is one.
  int run();

 private:
  void on_registered() override;
  void on_trouble(const base::Error& error) override;
  void on_finished(const base::Status& status) override;

  base::Status begin();
  base::Status start_command();
  base::Status wait_for_port();
  void register_instance();
  void on_signal(int number);
  void on_child_ended();
  void terminate_child();
  void end();

  const sdk::Instance& instance() const { return options_.registration.entries[0].instance; }
  std::string instance_name() const;

  net::EventLoop& loop_;
  const Options options_;
  int exit_code_ = 0;
  bool registered_ = false;
  std::string last_trouble_;
  std::optional<ChildProcess> child_;
  std::unique_ptr<net::EventLoop::Timer> signals_;
  std::unique_ptr<net::EventLoop::Timer> wait_timeout_;
  std::unique_ptr<net::EventLoop::Timer> kill_timer_;
  std::unique_ptr<PortProbe> probe_;
  std::unique_ptr<sdk::RegistrationKeeper> keeper_;
};

}  // namespace callbook::cli
