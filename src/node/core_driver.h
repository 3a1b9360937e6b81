#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/log.h"
#include "base/time.h"
#include "core/front.h"
#include "core/registry.h"
#include "net/event_loop.h"
#include "node/audit_log.h"
#include "node/board.h"
#include "node/bus_acks.h"
#include "node/store_keeper.h"

namespace callbook::node {

/// One input on its way to the core.
struct Submission {
  core::Input input;
  core::Ack ack = core::Ack::kLocal;
  core::Completion done;
  std::shared_ptr<const void> borrowed = {};  ///< owns what the input's views show
  core::Caller caller = {};                   ///< none: no client's
};

/// What came of a submission; delivered on the thread that made it.
struct Answer {
  core::Completion done;
  base::Result<core::Reply> reply;
};

/// What a thread is brought after a batch: first take in the publication, then call the answers.
struct Delivery {
  std::shared_ptr<const core::Publication> publication;
  std::vector<Answer> answers;
  /// Then, for a front that follows them: what was stored since the last; may be empty.
  std::shared_ptr<const core::RecordBatch> stored = {};
  bool in_touch = true;  ///< with the other nodes, if there are any
};

/// Owns the registry and applies inputs in batches: everything submitted during one turn of the
/// loop is applied, written with one write(), published once, and answered. Lives on the core's
/// loop; only submit() callers on other threads go through EventLoop::post.
class CoreDriver {
 public:
  /// Brings a delivery to front `index`, on its thread; called on the core's.
  using Deliver = std::function<void(size_t front, Delivery delivery)>;
  /// Has probes carried out, and their results brought to take().
  using Probe = std::function<void(std::vector<core::Probe> probes)>;

  /// The other nodes of a cluster, and the bus between them. Called on the core's thread.
  class Others {
   public:
    virtual ~Others() = default;
    /// What a batch of steps asked of them: fetches, a snapshot, a beat.
    virtual void carry_out(const core::Outputs& outputs) = 0;
    virtual void publish(const core::Publications& publications) = 0;
    /// Whether the bus takes and acknowledges.
    virtual bool bus_connected() const = 0;
    /// Brings the board up to date.
    virtual void report() = 0;
  };

  CoreDriver(net::EventLoop& loop, const base::Clock& clock, Board& board, base::Logger& logger,
             std::unique_ptr<core::Registry> registry, size_t fronts, Deliver deliver);
  ~CoreDriver();
  CoreDriver(const CoreDriver&) = delete;
  CoreDriver& operator=(const CoreDriver&) = delete;

  /// Takes the loaded registry into service; `store` is null when nothing is kept on disk.
  void start(std::unique_ptr<StoreKeeper> store);

  /// Before start(). Without it no probe is ever answered.
  void set_probe(Probe probe) { probe_ = std::move(probe); }
  /// Before start(), for a registry that is clustered. Borrows.
  void set_others(Others* others) { others_ = others; }
  /// Called once, when the state is whole and has been delivered; before start().
  void when_whole(std::function<void()> whole) { whole_ = std::move(whole); }

  /// Whether a front is brought what is stored, from the next batch on. Core's thread.
  void follow_records(size_t front, bool follows) { followers_[front] = follows; }

  /// Core's thread.
  void submit(size_t front, Submission submission);
  void submit(size_t front, std::vector<Submission> submissions);

  /// Core's thread.
  void take(const std::vector<core::ProbeResult>& results);
  /// Something that nobody waits for; `borrowed` owns what its views show. Core's thread.
  void take(core::Input input, std::shared_ptr<const void> borrowed);

  /// For the log. Core's thread.
  void note_refusal(const core::RefusedAct& refused);

  core::Registry& registry() { return *registry_; }
  /// Calls back when nothing is left to be written, as far as the disk allows.
  void flush(std::function<void()> done);
  /// Brings the board up to date. Core's thread.
  void report();

 private:
  struct Pending {
    size_t front;
    Submission submission;
  };

  void schedule();
  void run_batch();
  void answer(Pending& pending, base::Result<core::Reply> reply);
  void answer_when_logged(Pending& pending, base::Result<core::Reply> reply);
  void answer_later(size_t front, Answer answer);
  void publish_due(base::Now now);
  void settle_acks(const std::vector<core::RecordSettled>& settled, base::Now now);
  void count(const core::Input& input, const base::Result<core::Reply>& reply);
  void note_for_log(const Pending& pending, const base::Result<core::Reply>& reply, base::Now now);
  void write_log(const std::vector<base::LogLine>& lines);
  void deliver_all();
  void settle_outputs();
  bool is_followed() const;
  void tick();

  net::EventLoop& loop_;
  const base::Clock& clock_;
  Board& board_;
  base::Logger& logger_;
  AuditLog audit_;
  std::unique_ptr<core::Registry> registry_;
  std::unique_ptr<StoreKeeper> store_;
  const Deliver deliver_;
  Probe probe_;
  Others* others_ = nullptr;
  std::function<void()> whole_;
  BusAcks bus_acks_;
  core::Publications publications_;
  std::vector<Pending> pending_;
  std::vector<Pending> batch_;
  std::vector<std::vector<Answer>> answers_;  ///< by front
  std::vector<bool> followers_;               ///< by front
  std::shared_ptr<const core::RecordBatch> stored_;
  int64_t stored_told_ms_ = 0;
  core::Outputs outputs_;
  CoreReport report_;
  bool scheduled_ = false;
  bool scheduled_answers_ = false;
  int64_t last_tick_ms_ = 0;
  std::unique_ptr<net::EventLoop::Timer> ticker_;
};

}  // namespace callbook::node
