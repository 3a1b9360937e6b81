#include "sim/simulation.h"

#include <algorithm>
#include <vector>

#include "base/hash.h"
#include "sim/checkers.h"
#include "sim/narrator.h"
#include "sim/population.h"
#include "sim/world.h"

namespace callbook::sim {
namespace {

constexpr int64_t kSliceMs = 200;
/// Something is said at any time, and is not to be cut off by the end; but that must come.
constexpr int64_t kLongestSettlingMs = 10'000;
constexpr int64_t kTickMs = 1;
constexpr uint64_t kRandomOfPopulation = 301;
constexpr uint64_t kRandomOfFaults = 302;

/// One seed's world with all who live in it and look at it.
class Simulation {
 public:
  Simulation(const Settings& settings, bool verbose)
      : verbose_(verbose),
        settings_(settings),
        checkers_(scheduler_, settings_),
        narrator_(scheduler_, checkers_, verbose),
        world_(scheduler_, narrator_, settings_),
        population_(scheduler_, world_.clients(), Random(settings.seed).child(kRandomOfPopulation),
                    settings_, checkers_),
        faults_(scheduler_, world_, population_, narrator_, settings_,
                Random(settings.seed).child(kRandomOfFaults),
                [this](const Faults::NewerRecord& record) {
                  checkers_.newer_record(record.key, record.tag, record.bytes);
                }) {}

  Outcome run() {
    if (verbose_) checkers_.print_all();
    world_.start();
    population_.start();
    faults_.start();
    const int64_t quiet_ms = std::max(settings_.quiet_ms, Checkers::needed_quiet_ms(settings_));
    const int64_t end_ms = settings_.duration_ms + quiet_ms;
    while (scheduler_.now_ms() < end_ms && !failed()) {
      scheduler_.run_until(std::min(scheduler_.now_ms() + kSliceMs, end_ms));
    }
    while (scheduler_.now_ms() < end_ms + kLongestSettlingMs && checkers_.is_settling() &&
           !failed()) {
      scheduler_.run_until(scheduler_.now_ms() + kTickMs);
    }
    if (!failed()) checkers_.finish(registries(), world_.bus());
    return outcome();
  }

 private:
  bool failed() const { return !checkers_.failure().empty() || !world_.broken().empty(); }

  std::vector<const core::Registry*> registries() {
    std::vector<const core::Registry*> all;
    for (const auto& node : world_.nodes()) {
      all.push_back(node->process() ? &node->process()->registry() : nullptr);
    }
    return all;
  }

  Outcome outcome() {
    Outcome out;
    out.seed = settings_.seed;
    out.ok = !failed();
    out.failure = world_.broken().empty() ? checkers_.failure() : world_.broken();
    if (!out.ok) out.trace = checkers_.trace();
    out.end_hash = base::mix64(world_.state_hash() ^ base::mix64(population_.state_hash()));
    out.operations = population_.operations();
    out.simulated_ms = scheduler_.now_ms();
    out.convergence_ms = checkers_.convergence_ms();
    out.faults = faults_.counts();
    out.rules = checkers_.rule_counts();
    return out;
  }

  const bool verbose_;
  const Settings settings_;
  Scheduler scheduler_;  // before those whose actions it holds
  Checkers checkers_;
  Narrator narrator_;
  World world_;
  Population population_;
  Faults faults_;
};

}  // namespace

Outcome run(uint64_t seed, bool verbose) {
  return run(settings_of(seed), verbose);
}

Outcome run(const Settings& settings, bool verbose) {
  return Simulation(settings, verbose).run();
}

}  // namespace callbook::sim
