#include "sim/node.h"

#include <utility>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

constexpr int64_t kUsualClockErrorMs = 100;
constexpr int64_t kStartRetryMs = 1'000;
constexpr uint64_t kBytesLeftWhenFull = 64;

}  // namespace

RegistryNode::RegistryNode(size_t index, Surroundings& around, Random random)
    : index_(index),
      name_(fmt::format("node-{}", index + 1)),
      around_(around),
      random_(random),
      clock_offset_ms_(random_.between(-kUsualClockErrorMs, kUsualClockErrorMs)) {}

RegistryNode::~RegistryNode() = default;

base::Now RegistryNode::now() const {
  const int64_t true_ms = around_.scheduler.now_ms();
  return {true_ms + mono_offset_ms_, kEpochWallMs + true_ms + clock_offset_ms_};
}

void RegistryNode::start() {
  powered_ = true;
  if (process_) return;
  const uint64_t wish = ++wish_;
  ++run_;
  mono_offset_ms_ = random_.between(0, 1'000'000'000);
  const uint64_t boot = random_.bits() | 1;
  process_ = std::make_unique<NodeProcess>(*this, around_, boot, random_.child(boot));
  around_.observer.node_started(index_, boot);
  const base::Status begun = process_->begin(disk_, logger_);
  if (begun.ok()) return;
  if (begun.error().code == base::ErrorCode::kCorrupt) {
    around_.broken =
        fmt::format("{}: the store says that it is damaged: {}", name_, begun.error().to_string());
  }
  end_process(store::MemoryFileSystem::Survival::kEverything);
  around_.scheduler.after(kStartRetryMs, [this, wish] {
    if (wish == wish_) start();
  });
}

void RegistryNode::kill() {
  ++wish_;
  if (!process_) return;
  process_->break_bus_connection();
  end_process(store::MemoryFileSystem::Survival::kEverything);
}

void RegistryNode::lose_power(store::MemoryFileSystem::Survival survival) {
  ++wish_;
  powered_ = false;
  end_process(survival);
}

void RegistryNode::end_process(store::MemoryFileSystem::Survival survival) {
  // First the disk: the log must not write its farewell.
  disk_.crash(survival, random_.bits());
  apply_disk_faults();
  if (!process_) return;
  paused_ = false;
  ++run_;
  std::unique_ptr<core::Registry> registry = process_->take_registry();
  process_.reset();
  past_.push_back(std::move(registry));
  around_.clients->node_died(index_, powered_);
  around_.observer.node_died(index_);
}

void RegistryNode::pause(int64_t for_ms) {
  if (!process_ || paused_) return;
  paused_ = true;
  process_->stop();
  around_.observer.node_paused(index_, for_ms);
}

void RegistryNode::go_on() {
  if (!process_ || !paused_) return;
  paused_ = false;
  process_->go_on();
}

void RegistryNode::set_disk_full(bool full) {
  disk_full_ = full;
  apply_disk_faults();
}

void RegistryNode::set_syncs_fail(bool fail) {
  syncs_fail_ = fail;
  apply_disk_faults();
}

void RegistryNode::apply_disk_faults() {
  disk_.set_free_bytes(disk_full_ ? std::optional<uint64_t>(kBytesLeftWhenFull) : std::nullopt);
  disk_.fail_syncs(syncs_fail_);
}

void RegistryNode::reach(base::UniqueFunction<void(NodeProcess&)> action) {
  if (!process_) return;
  process_->when_running([this, action = std::move(action)]() mutable { action(*process_); });
}

void RegistryNode::schedule(int64_t delay_ms, Scheduler::Action action) {
  around_.scheduler.after(delay_ms, [this, run = run_, action = std::move(action)]() mutable {
    if (run == run_) action();
  });
}

}  // namespace callbook::sim
