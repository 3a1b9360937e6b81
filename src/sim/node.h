#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/time.h"
#include "sim/node_process.h"
#include "sim/surroundings.h"
#include "store/memory_file_system.h"

namespace callbook::sim {

/// A machine with a disk, a clock and, most of the time, one process of the registry on it.
class RegistryNode {
 public:
  RegistryNode(size_t index, Surroundings& around, Random random);
  ~RegistryNode();
  RegistryNode(const RegistryNode&) = delete;
  RegistryNode& operator=(const RegistryNode&) = delete;

  /// Powers the machine on and starts a process if none runs; tries again while the disk refuses.
  void start();
  /// kill -9: what the process wrote survives.
  void kill();
  /// The machine goes: what was not synced is lost or torn.
  void lose_power(store::MemoryFileSystem::Survival survival);
  void pause(int64_t for_ms);
  void go_on();
  void step_clock(int64_t by_ms) { clock_offset_ms_ += by_ms; }
  void set_disk_full(bool full);
  void set_syncs_fail(bool fail);

  size_t index() const { return index_; }
  const std::string& name() const { return name_; }
  bool powered() const { return powered_; }
  bool running() const { return process_ != nullptr; }
  bool paused() const { return paused_; }
  /// Null while none runs.
  NodeProcess* process() { return process_.get(); }
  base::Now now() const;

  /// Something has arrived for the process that runs then; nothing happens if there is none.
  void reach(base::UniqueFunction<void(NodeProcess&)> action);
  /// An event of the process that runs now.
  void schedule(int64_t delay_ms, Scheduler::Action action);

 private:
  class Silence final : public base::Logger {
   public:
    void write(base::LogLevel, std::string_view) override {}
  };

  void end_process(store::MemoryFileSystem::Survival survival);
  void apply_disk_faults();

  const size_t index_;
  const std::string name_;
  Surroundings& around_;
  Random random_;
  Silence logger_;
  store::MemoryFileSystem disk_;
  int64_t clock_offset_ms_;
  int64_t mono_offset_ms_ = 0;
  bool powered_ = true;
  bool paused_ = false;
  bool disk_full_ = false;
  bool syncs_fail_ = false;
  uint64_t run_ = 0;   ///< which process: events of an earlier one mean nothing
  uint64_t wish_ = 0;  ///< grows with each start and death; a retry of an older start is void
  std::unique_ptr<NodeProcess> process_;
  /// Registries of dead processes: observers may still look at lists that they published.
  std::vector<std::unique_ptr<core::Registry>> past_;
};

}  // namespace callbook::sim
