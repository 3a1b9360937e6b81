#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/published_catalog.h"
#include "core/registry.h"
#include "sim/bus_link.h"
#include "sim/log_driver.h"
#include "sim/logged_answers.h"
#include "sim/prober.h"
#include "sim/process.h"
#include "sim/snapshot_transfer.h"
#include "sim/stream_server.h"
#include "sim/surroundings.h"
#include "store/memory_file_system.h"

namespace callbook::sim {

/// Records that one node tells another without the bus, with the views that core takes.
struct DirectRecords {
  core::RecordBatch records;
  std::vector<core::BusMessage> messages;
};
using DirectRecordsPtr = std::shared_ptr<const DirectRecords>;

/// One run of the registry on a node, from its start to its death: what the running node does
/// around core, with simulated time, network and disk.
class NodeProcess final : public Process {
 public:
  /// Belongs to `node`, whose clock and disk it uses.
  NodeProcess(RegistryNode& node, Surroundings& around, uint64_t boot, Random random);
  ~NodeProcess() override;
  NodeProcess(const NodeProcess&) = delete;
  NodeProcess& operator=(const NodeProcess&) = delete;

  /// Reads the log and begins to load; fails if the disk does not bear it.
  base::Status begin(store::FileSystem& disk, base::Logger& logger);

  // Faults.
  void stop();
  void go_on();

  StreamServer& streams() { return streams_; }
  void serve_snapshot(size_t to, uint64_t transfer) { source_.begin(to, transfer); }
  void take_snapshot(SnapshotPartPtr part);
  /// Takes in what another node tells, and says whether it has.
  bool hear_direct(const DirectRecordsPtr& told);
  void probe_answered(uint64_t probe, bool listens) { prober_.answered(probe, listens); }
  void hear_beat(std::shared_ptr<const std::string> bytes);
  /// Tells the bus that the process is gone, as its kernel would.
  void break_bus_connection();
  const core::PublishedCatalog& catalog() const { return catalog_; }
  /// Takes the registry out of a dead process: views of its lists live as long as it does.
  std::unique_ptr<core::Registry> take_registry() { return std::move(registry_); }

  size_t index() const override { return index_; }
  const core::Registry& registry() const override { return *registry_; }
  void later(int64_t delay_ms, Scheduler::Action action) override;
  void when_running(Scheduler::Action action) override;
  void receive(core::Input input, std::shared_ptr<const void> keeps) override;
  void submit(core::Input input, core::Ack ack, core::Completion done) override;

 private:
  struct Pending {
    core::Input input;
    std::shared_ptr<const void> keeps;
    core::Ack ack = core::Ack::kLocal;
    core::Completion done;
  };
  struct Stopped {
    bool timer;
    Scheduler::Action action;
  };

  void finish_loading(uint64_t last_version);
  void schedule_tick();
  void tick();
  void enqueue(Pending pending);
  void run_batch();
  void note_phase();
  void publish_lists();
  void answer(Pending& pending, base::Result<core::Reply> reply);
  void wait_until_logged(Pending& pending, base::Result<core::Reply> reply);
  void send_out(core::Outputs& out);
  void send_beat(const std::string& beat);
  void send_direct(core::DirectBatch batch);
  void ask_for_snapshot();
  void publish_due(base::Now now);
  void check_logged();

  RegistryNode& node_;
  Surroundings& around_;
  const size_t index_;
  const bool is_former_;  ///< of the former release, as far as its beats tell
  Random random_;
  std::unique_ptr<core::Registry> registry_;
  core::PublishedCatalog catalog_;
  StreamServer streams_;
  SnapshotSource source_;
  SnapshotTarget target_;
  Prober prober_;
  LoggedAnswers logged_;
  std::unique_ptr<LogDriver> log_;
  std::unique_ptr<BusLink> bus_;
  core::Phase phase_ = core::Phase::kLoading;
  bool loaded_ = false;
  bool stopped_ = false;
  std::vector<Stopped> waiting_;  ///< what came while it was stopped
  bool batch_scheduled_ = false;
  std::vector<Pending> pending_;
  std::vector<Pending> batch_;
  std::vector<base::Result<core::Reply>> replies_;
  std::vector<core::Outputs> outputs_;  ///< one for each input of a batch; reused
  core::Publications due_;
  uint64_t ticks_ = 0;
};

}  // namespace callbook::sim
