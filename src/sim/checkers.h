#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/agreement_checker.h"
#include "sim/consumer_checker.h"
#include "sim/ending_checker.h"
#include "sim/evidence.h"
#include "sim/exclusion_checker.h"
#include "sim/feature_checker.h"
#include "sim/final_checker.h"
#include "sim/holder_checker.h"
#include "sim/join_checker.h"
#include "sim/lapse_checker.h"
#include "sim/limit_checker.h"
#include "sim/liveness_checker.h"
#include "sim/mute_checker.h"
#include "sim/observer.h"
#include "sim/override_checker.h"
#include "sim/removal_checker.h"
#include "sim/replay_checker.h"
#include "sim/return_checker.h"
#include "sim/section_checker.h"
#include "sim/status_checker.h"

namespace callbook::sim {

/// All checkers of one simulation. The world tells it what happens, the population what the clients
/// want and are told; it compares. Each property is stated in the header of its checker. Reads no
/// state of the nodes but what they publish, write down, and dump at the end.
class Checkers final : public Observer {
 public:
  Checkers(Scheduler& scheduler, const Settings& settings);

  // --- From the world.
  void fault(Fault kind, std::string_view what) override;
  void node_started(size_t node, uint64_t boot) override;
  void node_died(size_t node) override;
  void node_paused(size_t node, int64_t for_ms) override;
  void phase_changed(size_t node, core::Phase phase) override;
  void published(size_t node, const core::ServicePublished& change) override;
  void stepped(size_t node, const Step& step) override;
  void link_changed(std::string_view what, bool up) override;
  void faults_ended() override;
  /// A node of the next release has published a record with a section of its own.
  void newer_record(const std::string& record_key, uint8_t tag, std::string bytes) {
    sections_.expect(record_key, tag, std::move(bytes));
  }

  // --- From the population.
  Truth& truth() { return evidence_.truth; }
  const Truth& truth() const { return evidence_.truth; }
  Trace& trace_lines() { return evidence_.trace; }
  ConsumerChecker& consumers() { return consumers_; }
  OverrideChecker& overrides() { return overrides_; }
  StatusChecker& statuses() { return statuses_; }
  void count(Rule rule) { evidence_.count(rule); }
  int64_t faults_ended_ms() const { return evidence_.conditions.faults_ended_ms(); }
  /// A client was told that its session is superseded.
  void told_superseded(SessionIndex session, size_t node);
  /// A call that brought along an epoch was told another one.
  void told_epoch(SessionIndex session, size_t node, uint32_t brought, uint32_t told);
  /// A call that brought along the stamp `after` was answered.
  void answered(OperationIndex index, core::Stamp after);

  // --- For who runs the simulation.
  /// What is wrong, or empty while all is well.
  const std::string& failure() const { return evidence_.failure(); }
  /// At the very end. `nodes` by index; null where none runs. `bus`: null where there is none.
  void finish(const std::vector<const core::Registry*>& nodes, const Bus* bus);
  /// How long after the end of faults the nodes became equal for good; negative: they are not.
  int64_t convergence_ms() const { return agreement_.convergence_ms(); }
  /// Something has been said a moment ago that not all nodes have heard: not the time to finish().
  bool is_settling() const { return agreement_.is_settling(); }
  /// The lines that matter to the failure, readable.
  std::string trace() const;
  void print_all() { evidence_.trace.print_all(); }
  /// How often each rule was seen at work: from outside, and ("core.…") as the nodes count.
  std::map<std::string, uint64_t> rule_counts() const;
  /// How long after the end of faults the dead are surely found dead by everybody.
  static int64_t needed_quiet_ms(const Settings& settings);

 private:
  void enter_phase(size_t node, core::Phase phase);
  void take_records(const std::vector<RecordChange>& changes, const Step* step);
  void check_reading(size_t node, const std::string& error);
  void note_losses(size_t node);
  bool known_elsewhere(size_t node, const Operation& operation) const;
  void add_counters(size_t node);
  void say(TraceLine line);

  Evidence evidence_;
  EndingChecker endings_;
  RemovalChecker removals_;
  EmptyListChecker empty_lists_;
  ReturnChecker returns_;
  JoinChecker joins_;
  ConsumerChecker consumers_;
  AgreementChecker agreement_;
  LimitChecker limits_;
  SectionChecker sections_;
  FeatureChecker features_;
  FinalChecker final_;
  LoggedChecker logged_;
  RivalChecker rivals_;
  ReplayChecker replay_;
  OverrideChecker overrides_;
  ExclusionChecker exclusions_;
  HolderChecker holders_;
  StatusChecker statuses_;
  LapseChecker lapses_;
  MuteChecker mutes_;
  BreakerChecker breakers_;
  LivenessChecker liveness_;
  std::vector<int64_t> losses_ms_;  ///< by node: when it last died in a way that may lose writes
  std::vector<bool> dump_due_;  ///< by node: it has begun to answer, and its dump was not seen yet
  std::vector<core::Registry::Counters> counters_;  ///< of the process that runs now
  std::map<std::string, uint64_t> core_counts_;     ///< of those before
};

}  // namespace callbook::sim
