#pragma once

#include <cstdint>
#include <memory>

#include "core/front.h"
#include "core/registry.h"
#include "sim/scheduler.h"

namespace callbook::sim {

/// What the parts of a registry node's process run on. All that they do stops while the process is
/// stopped, and never happens once it has died.
class Process {
 public:
  virtual ~Process() = default;

  virtual size_t index() const = 0;
  virtual const core::Registry& registry() const = 0;
  virtual void later(int64_t delay_ms, Scheduler::Action action) = 0;
  /// Runs `action` now, or once the process goes on. For what comes from outside.
  virtual void when_running(Scheduler::Action action) = 0;
  /// An input that nobody waits for; its views borrow from `keeps`.
  virtual void receive(core::Input input, std::shared_ptr<const void> keeps) = 0;
  /// `done` is called when the input has been applied and `ack` is fulfilled.
  virtual void submit(core::Input input, core::Ack ack, core::Completion done) = 0;
};

}  // namespace callbook::sim
