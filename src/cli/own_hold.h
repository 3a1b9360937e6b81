#pragma once

#include <cstdint>
#include <memory>

#include "cli/announcement.h"
#include "cli/hold.h"
#include "cli/turn_client.h"
#include "net/event_loop.h"
#include "sdk/backoff.h"
#include "sdk/registry_pool.h"

namespace callbook::cli {

/// Holds an instance without a session: by heartbeats if it has a TTL of its own, and by looking
/// every few seconds whether the registry still has it as it was announced. One that the registry
/// has forgotten is registered again; one that is not listed even so is kept out by an operator
/// (trouble, kNotFound); one that is listed at another address or port is another process's by now
/// (kSuperseded), and is left alone.
class OwnHold final : public Hold {
 public:
  struct Options {
    sdk::RegistryPoolPtr registries;
    sdk::ServiceName service;
    sdk::Instance instance;
    Announcement announcement;  ///< not by_session()
    bool first = true;          ///< this process has not registered it yet
  };

  static constexpr int64_t kLookMs = 5'000;  ///< of one that is checked
  static constexpr int64_t kStopTimeoutMs = 2'000;

  /// Begins at once. Borrows `loop` and `owner`; calls nothing before the loop runs.
  OwnHold(net::EventLoop& loop, Options options, sdk::Random random, Hold::Owner& owner);

  void stop() override;
  bool finished() const override { return phase_ == Phase::kFinished; }

 private:
  enum class Phase : uint8_t { kRegistering, kHeld, kStopping, kFinished };

  void after(int64_t delay_ms);
  void act();
  void send_registration();
  void send_heartbeat();
  void look();
  void on_listed(const base::Result<sdk::Instance>& listed);
  void on_missing(const base::Error& error);
  void on_error(const base::Error& error);
  void finish(const base::Status& status);
  int64_t period_ms() const;

  net::EventLoop& loop_;
  const Options options_;
  Hold::Owner& owner_;
  sdk::Backoff backoff_;
  sdk::Backoff conflict_backoff_;
  Phase phase_ = Phase::kRegistering;
  bool first_;
  bool missing_ = false;  ///< it was not listed when it was looked for last
  bool troubled_ = false;
  sdk::RegistryPool::Listener listener_;
  TurnClient client_;
  std::unique_ptr<net::EventLoop::Timer> timer_;
  std::unique_ptr<net::EventLoop::Timer> deadline_;
};

}  // namespace callbook::cli
