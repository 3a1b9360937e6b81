#pragma once

#include "sim/observer.h"
#include "sim/scheduler.h"

namespace callbook::sim {

/// Writes what it sees to standard error, a line an event, and passes it on.
class Narrator final : public Observer {
 public:
  Narrator(const Scheduler& scheduler, Observer& next, bool aloud)
      : scheduler_(scheduler), next_(next), aloud_(aloud) {}

  void fault(Fault kind, std::string_view what) override;
  void node_started(size_t node, uint64_t boot) override;
  void node_died(size_t node) override;
  void node_paused(size_t node, int64_t for_ms) override;
  void phase_changed(size_t node, core::Phase phase) override;
  void published(size_t node, const core::ServicePublished& change) override;
  void stepped(size_t node, const Step& step) override { next_.stepped(node, step); }
  void link_changed(std::string_view what, bool up) override;
  void faults_ended() override;

 private:
  void say(std::string_view line) const;

  const Scheduler& scheduler_;
  Observer& next_;
  const bool aloud_;
};

}  // namespace callbook::sim
