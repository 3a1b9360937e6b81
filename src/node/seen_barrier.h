#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/time.h"
#include "core/published_catalog.h"
#include "net/event_loop.h"

namespace callbook::node {

/// Waits on one I/O thread until the subscribers there have been sent a change. Not thread-safe.
class SeenBarrier {
 public:
  struct Question {
    core::ServiceKey service;
    uint64_t version = 0;
    int64_t deadline_ms = 0;  ///< monotonic
    /// Called once, with how many have not been sent it by then.
    std::function<void(size_t unseen)> done;
  };

  /// Borrows all three.
  SeenBarrier(net::EventLoop& loop, const core::PublishedCatalog& catalog, const base::Clock& clock)
      : loop_(loop), catalog_(catalog), clock_(clock) {}

  /// May answer before it returns.
  void ask(Question question);
  /// Answers all who wait, for a stop of the node.
  void give_up();

 private:
  void look();
  bool answer(const Question& question, int64_t now_ms) const;

  net::EventLoop& loop_;
  const core::PublishedCatalog& catalog_;
  const base::Clock& clock_;
  std::vector<Question> questions_;
  std::unique_ptr<net::EventLoop::Timer> timer_;  ///< while there are questions
};

}  // namespace callbook::node
