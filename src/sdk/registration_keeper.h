#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/event_loop.h"
#include "sdk/backoff.h"
#include "sdk/endpoint.h"
#include "sdk/event_stream.h"
#include "sdk/native_client.h"
#include "sdk/registration_plan.h"
#include "sdk/registry_pool.h"

namespace callbook::sdk {

/// Keeps the instances of one process registered through one session, until stop(). It outlives
/// restarts of registries and breaks of the network; see RegistrationPlan for what it does when.
/// While a registry can't be reached, or can't serve, it goes on at the next of the pool, with the
/// same session; the pool learns what registries name when they grant one. Loop's thread only.
class RegistrationKeeper {
 public:
  /// Must not destroy the keeper within a call.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// All instances are registered; again after each trouble.
    virtual void on_registered() = 0;
    /// Something stands in the way; it goes on trying. kConflict: another process that lives holds
    /// the id of an instance of ours.
    virtual void on_trouble(const base::Error& error) = 0;
    /// An operator has taken the instance `index` out. It stays registered, and so it is not listed
    /// until that ends; nothing is to be done.
    virtual void on_withdrawn(size_t /*index*/, const Withdrawal& /*withdrawal*/) {}
    virtual void on_restored(size_t /*index*/) {}
    /// The registry does not take the status of the instance `index`; it keeps what it had.
    virtual void on_status_refused(size_t /*index*/, const base::Error& /*error*/) {}
    /// The last call. ok: stopped and closed. kSuperseded: another process holds an instance of
    /// ours. kInvalid, kLimit: the registry refuses what we announce. Anything else: stopped, but
    /// the session could not be closed and will expire.
    virtual void on_finished(const base::Status& status) = 0;
  };

  struct Entry {
    ServiceName service;
    Instance instance;
    Status status = Status::kUp;  ///< at first
    /// Whoever else is of this process says how it is from then on: `status` is said once.
    bool status_once = false;
    bool shares_port = false;  ///< others may have its address and port too
  };
  struct Options {
    RegistryPoolPtr registries;
    std::string client;  ///< how this process is called in the registry: "orders@host-7"
    std::vector<Entry> entries;
    int64_t ttl_ms = 0;      ///< 0: the server chooses
    bool take_over = false;  ///< ids that other processes hold, also if they live; insists once
  };

  /// Begins at once. Borrows `loop` and `owner`; calls nothing before the loop runs.
  RegistrationKeeper(net::EventLoop& loop, Options options, Random random, Owner& owner);
  /// Without stop() the instances stay until the session expires.
  ~RegistrationKeeper();
  RegistrationKeeper(const RegistrationKeeper&) = delete;
  RegistrationKeeper& operator=(const RegistrationKeeper&) = delete;

  /// Closes the session, so that the instances leave at once; ends with on_finished() within
  /// RegistrationPlan::kCloseTimeoutMs.
  void stop();
  /// What the provider says of the instance `index` from now on: sent as soon as it is registered,
  /// and again wherever it is registered anew. Of several in a row only the last needs to be sent.
  void set_status(size_t index, ProviderStatus status);
  /// on_finished() has been called.
  bool finished() const { return plan_.finished(); }

 private:
  class StreamReader;
  /// What has been said of an instance: by its provider, and by an operator.
  struct Said {
    ProviderStatus status;
    bool announced = false;  ///< it has been registered
    std::optional<Withdrawal> withdrawal;
  };

  void begin();
  /// Turns to whoever the pool says.
  void follow_pool();
  void retry();
  void open_session(const PlanAction& action);
  bool takes_today() const { return !registries_.is_old(*endpoint_); }
  bool turns_out_old(const base::Error& error);
  void send_heartbeat(const PlanAction& action);
  void send_away(std::string_view data);
  void perform(RegistrationPlan::Actions actions);
  void perform(const PlanAction& action);
  void tell(const PlanAction& action);
  void tell_trouble(base::Error error);
  void send_registration(const PlanAction& action);
  void send_status(const PlanAction& action);
  void take_withdrawal(const ServerEvent& event);
  void attach(const PlanAction& action);
  void on_event(const ServerEvent& event);

  net::EventLoop& loop_;
  const Options options_;
  Owner& owner_;
  RegistryPool& registries_;
  /// The latest that any registry has told of what this process does.
  const std::shared_ptr<std::string> stamp_ = std::make_shared<std::string>();
  RegistrationPlan plan_;
  std::optional<Endpoint> endpoint_;  ///< none: no registry is known yet
  bool left_ = true;                  ///< endpoint_ has failed: on to whoever is next
  std::unique_ptr<NativeClient> client_;
  RegistryPool::Listener listener_;
  int64_t heartbeat_ms_ = 0;
  std::vector<Said> said_;   ///< by index
  PlanAction attached_for_;  ///< what the stream was opened by
  std::unique_ptr<StreamReader> reader_;
  std::unique_ptr<EventStream> stream_;
  std::unique_ptr<net::EventLoop::Timer> retry_;
  std::unique_ptr<net::EventLoop::Timer> beat_;
  std::unique_ptr<net::EventLoop::Timer> deadline_;
};

}  // namespace callbook::sdk
