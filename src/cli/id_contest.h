#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "cli/reclaim.h"
#include "cli/turn_client.h"
#include "net/event_loop.h"
#include "sdk/registry_pool.h"

namespace callbook::cli {

/// Waits, while a later process holds the id of an instance, until it may be registered again:
/// looks at what is listed under the id, when and as Reclaim says. Loop's thread only.
class IdContest {
 public:
  /// Borrows `loop`.
  IdContest(net::EventLoop& loop, sdk::RegistryPoolPtr registries, sdk::ServiceName service,
            std::string id, sdk::Random random);

  /// A later process has taken the id. Calls `free` once, when it may be tried, unless cancelled
  /// before.
  void lost(std::function<void()> free);
  void cancel();
  /// It is ours.
  void registered();
  bool waiting() const { return free_ != nullptr; }

 private:
  void wait();
  void look();
  void on_look(const base::Result<sdk::Instance>& listed);

  net::EventLoop& loop_;
  const sdk::RegistryPoolPtr registries_;
  const sdk::ServiceName service_;
  const std::string id_;
  const net::SystemClock clock_;
  Reclaim reclaim_;
  std::function<void()> free_;  ///< null: it is not waited for
  TurnClient client_;
  std::unique_ptr<net::EventLoop::Timer> timer_;
};

}  // namespace callbook::cli
