#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/front.h"
#include "net/event_loop.h"
#include "net/http_server.h"
#include "node/board.h"
#include "node/core_driver.h"
#include "node/probing.h"
#include "node/seen_barrier.h"

namespace callbook::node {

/// One I/O thread's way to the core. The front on the core's own loop hands its inputs over
/// directly; the others post them, a turn's inputs at a time.
class IoFront final : public core::Front {
 public:
  struct Parts {
    size_t index = 0;
    net::EventLoop* own_loop = nullptr;
    net::EventLoop* core_loop = nullptr;
    CoreDriver* driver = nullptr;
    Board* board = nullptr;
    const base::Clock* clock = nullptr;
    const core::NodeFacts* facts = nullptr;
    const core::Limits* limits = nullptr;
    size_t fronts = 1;
    /// Calls back once for each front of the node, on its own thread.
    std::function<void(std::function<void(IoFront&)>)> on_every_front;
    /// Asks the other nodes; calls back once, on any thread. None: this node stands alone.
    std::function<void(core::SeenQuestion, std::function<void(core::Seen)>)> ask_others = {};
    std::vector<std::string> followed = {};  ///< other data centers
    Probing* probing = nullptr;              ///< on the core's loop
  };
  explicit IoFront(Parts parts);
  ~IoFront() override;
  IoFront(const IoFront&) = delete;
  IoFront& operator=(const IoFront&) = delete;

  void submit(core::Input input, core::Ack ack, core::Caller caller,
              core::Completion done) override;
  void note_refusal(core::RefusedAct refused) override;
  void when_seen(core::ServiceKey service, uint64_t version, int64_t deadline_ms,
                 base::UniqueFunction<void(size_t unseen)> done) override;
  void when_seen_everywhere(core::SeenQuestion question,
                            base::UniqueFunction<void(core::Seen)> done) override;
  void probe(std::vector<core::Probe> probes,
             base::UniqueFunction<void(std::vector<core::ProbeResult::Outcome>)> done) override;
  core::PublishedCatalog& catalog() override { return catalog_; }
  core::FollowedDatacenter* followed(std::string_view datacenter) override;
  std::vector<std::string> followed_names() const override;
  std::unique_ptr<core::RecordsTail> follow_records(OnRecords on_records) override;
  bool ready() const override { return ready_; }
  const core::NodeFacts& facts() const override { return *parts_.facts; }
  const core::Limits& limits() const override { return *parts_.limits; }
  base::Now now() const override { return parts_.clock->now(); }
  core::SessionId new_session_id() override;
  std::string metrics_text() override;
  std::string status_json() override;
  std::string readiness_json() override;
  std::string nodes_json() override;
  Addresses other_nodes() const override { return parts_.board->other_nodes(); }

  /// Own thread: what the core has brought.
  void take(Delivery delivery);
  void set_ready() { ready_ = true; }
  /// Own thread: news of another data center; `publication` may be null.
  void take(size_t followed, const std::shared_ptr<const core::Publication>& publication,
            bool whole, int64_t heard_ms);
  /// Answers those who wait to be told that all have seen a change.
  void stop_waiting();

  /// Fills in this thread's figures for the board; set by the owner of server and dialect.
  std::function<FrontReport()> make_report;
  void report();

 private:
  /// Somebody who waits for all nodes.
  struct Asking {
    size_t parts = 0;  ///< that have not answered: this node, the others
    core::Seen seen;
    base::UniqueFunction<void(core::Seen)> done;
  };

  class Tail;
  struct Tails;

  void refuse_later(core::Completion done) const;
  void follow(bool follows);
  void note_seen(uint64_t asking, const core::Seen& seen);
  bool on_core_loop() const { return parts_.own_loop == parts_.core_loop; }

  const Parts parts_;
  core::PublishedCatalog catalog_;
  std::vector<std::unique_ptr<core::FollowedDatacenter>> followed_;
  std::shared_ptr<Tails> tails_;
  SeenBarrier barrier_;
  std::map<uint64_t, Asking> askings_;  ///< by number
  uint64_t last_asking_ = 0;
  std::vector<Submission> outbox_;
  bool ready_ = false;
};

}  // namespace callbook::node
