#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "callbook/client.h"

#include "sdk/client_core.h"
#include "sdk/registration_keeper.h"

namespace callbook::sdk {

/// What a Registration is made of: its keeper lives on the client's thread, the rest is for the
/// thread that holds it. Thread-safe, but for its destruction, which drains nothing.
class RegistrationState {
 public:
  /// `options.instance` is complete; `options.guard` and `options.served` have become `guard`.
  RegistrationState(std::shared_ptr<ClientCore> core, RegistrationOptions options, Guard guard);
  ~RegistrationState();
  RegistrationState(const RegistrationState&) = delete;
  RegistrationState& operator=(const RegistrationState&) = delete;

  const Instance& instance() const { return instance_; }
  std::chrono::milliseconds drain_timeout() const { return drain_timeout_; }
  Guard& guard() { return guard_; }
  bool registered() const;
  bool wait(std::chrono::milliseconds timeout) const;
  std::string trouble() const;
  std::optional<Withdrawal> withdrawn() const;
  void set_status(Status status, std::string_view text);
  bool drained() const { return drained_; }
  Registration::Drained drain(std::chrono::milliseconds timeout);

 private:
  struct Shared;
  class Keeper;

  bool tell_consumers(std::chrono::milliseconds timeout);
  void stop(std::chrono::milliseconds timeout);
  void turn_away_until(std::chrono::steady_clock::time_point end) const;

  const std::shared_ptr<ClientCore> core_;
  const ServiceName service_;
  const Instance instance_;
  const std::chrono::milliseconds drain_timeout_;
  Guard guard_;
  const std::shared_ptr<Shared> shared_;
  const std::shared_ptr<Keeper> keeper_;
  bool drained_ = false;
};

}  // namespace callbook::sdk
