#include "sim/checkers.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace callbook::sim {
namespace {

/// Operations go on for a moment after the faults, and words travel.
constexpr int64_t kLateOperationsMs = 15'000;
/// A burst of probes, a minute of a breaker's budget, and until a node trusts itself again.
constexpr int64_t kProbedMs = 120'000;

std::string_view name_of(core::Phase phase) {
  switch (phase) {
    case core::Phase::kLoading:
      return "loading";
    case core::Phase::kJoining:
      return "joining";
    case core::Phase::kStale:
      return "stale";
    case core::Phase::kServing:
      return "serving";
  }
  return "unknown";
}

/// Calls `visit(name, count)` for each of core's own counters.
template <typename Visit>
void for_each_counter(const core::Registry::Counters& counters, Visit visit) {
  visit("sessions_moved", counters.sessions_moved);
  visit("sessions_superseded", counters.sessions_superseded);
  visit("reasserted", counters.reasserted);
  visit("refuted", counters.refuted);
  visit("restated", counters.restated);
  visit("waited_for_session", counters.waited_for_session);
  visit("taken_over", counters.taken_over);
  visit("corrections", counters.corrections);
  visit("corrections_spared", counters.corrections_spared);
  visit("announced_again", counters.announced_again);
  visit("repairs", counters.repairs);
  visit("streams_reset", counters.streams_reset);
  visit("gaps", counters.gaps);
  visit("snapshots", counters.snapshots);
  visit("replays", counters.replays);
  visit("rejoined_as_new", counters.rejoined_as_new);
  visit("swept", counters.swept);
  visit("served_stale", counters.served_stale);
  visit("ghosts_dropped", counters.ghosts_dropped);
  visit("unknown_sessions_ended", counters.unknown_sessions_ended);
  visit("outbox_full", counters.outbox_full);
  visit("tombstones_aged", counters.tombstones_aged);
  visit("stalls", counters.stalls);
  visit("told_directly", counters.told_directly);
  visit("heard_directly", counters.heard_directly);
  visit("unchanged", counters.unchanged);
  visit("suspected", counters.suspected);
  visit("reported", counters.reported);
  visit("probes", counters.probes);
  visit("probes_answered", counters.probes_answered);
  visit("probes_refused", counters.probes_refused);
  visit("probes_silent", counters.probes_silent);
  visit("breakers_tripped", counters.breakers_tripped);
}

}  // namespace

Checkers::Checkers(Scheduler& scheduler, const Settings& settings)
    : evidence_(scheduler, settings),
      endings_(evidence_),
      removals_(evidence_, endings_),
      empty_lists_(evidence_),
      returns_(evidence_, endings_),
      joins_(evidence_, returns_),
      consumers_(evidence_),
      agreement_(evidence_),
      limits_(evidence_),
      sections_(evidence_),
      features_(evidence_),
      final_(evidence_),
      logged_(evidence_),
      rivals_(evidence_),
      replay_(evidence_),
      overrides_(evidence_),
      exclusions_(evidence_),
      holders_(evidence_),
      statuses_(evidence_),
      lapses_(evidence_),
      mutes_(evidence_),
      breakers_(evidence_),
      liveness_(evidence_, breakers_),
      losses_ms_(settings.nodes, kLongAgo),
      dump_due_(settings.nodes, false),
      counters_(settings.nodes) {}

int64_t Checkers::needed_quiet_ms(const Settings& settings) {
  const core::Timing& timing = settings.timing;
  constexpr int64_t kLongestTtlMs = 20'000;
  return kLateOperationsMs + timing.lost_after_ms + timing.takeover_grace_ms + 2 * kLongestTtlMs +
         timing.unknown_session_ms + (settings.probes() ? kProbedMs + timing.silent_removal_ms : 0);
}

void Checkers::say(TraceLine line) {
  line.time_ms = evidence_.now_ms();
  evidence_.trace.add(std::move(line));
}

// --- The world ---

void Checkers::fault(Fault kind, std::string_view what) {
  evidence_.conditions.fault(kind, what);
  breakers_.fault(kind, what);
  if (kind == Fault::kSlowConsumer) consumers_.consumers_slowed();
  const bool loses =
      kind == Fault::kBusTailLost || kind == Fault::kBusForked || kind == Fault::kBusRecreated;
  if (loses) overrides_.bus_lost_messages();
  TraceLine line;
  line.event = "fault";
  line.detail = sim::name_of(kind);
  line.text = what;
  say(std::move(line));
}

void Checkers::node_started(size_t node, uint64_t boot) {
  evidence_.conditions.node_started(node);
  evidence_.listings.node_started(node, boot);
  evidence_.records.node_started(node);
  evidence_.trace.name_node(node, evidence_.conditions.name(node));
  limits_.node_started(node);
  overrides_.node_started(node);
  features_.node_started(node);
  holders_.node_started(node);
  breakers_.node_started(node);
  liveness_.node_started(node);
  lapses_.node_started(node);
  mutes_.node_started(node);
  dump_due_[node] = false;
  TraceLine line;
  line.event = "starts";
  line.node = static_cast<uint32_t>(node);
  line.text = fmt::format("boot {:x}", boot);
  say(std::move(line));
}

void Checkers::node_died(size_t node) {
  note_losses(node);
  add_counters(node);
  evidence_.conditions.node_died(node);
  evidence_.listings.node_died(node);
  returns_.node_died(node);
  joins_.node_died(node);
  agreement_.on_published();
  TraceLine line;
  line.event = "dies";
  line.node = static_cast<uint32_t>(node);
  say(std::move(line));
}

void Checkers::node_paused(size_t node, int64_t for_ms) {
  evidence_.conditions.node_paused(node, for_ms);
  TraceLine line;
  line.event = "pauses";
  line.node = static_cast<uint32_t>(node);
  line.text = fmt::format("for {} ms", for_ms);
  say(std::move(line));
}

void Checkers::phase_changed(size_t node, core::Phase phase) {
  enter_phase(node, phase);
}

void Checkers::enter_phase(size_t node, core::Phase phase) {
  const core::Phase before = evidence_.conditions.phase(node);
  if (phase == before) return;
  evidence_.conditions.phase_changed(node, phase);
  if (phase == core::Phase::kStale) evidence_.count(Rule::kServedStale);
  if (phase == core::Phase::kServing) joins_.began_to_serve(node);
  if (evidence_.conditions.answering(node)) dump_due_[node] = true;
  TraceLine line;
  line.event = "is now";
  line.node = static_cast<uint32_t>(node);
  line.detail = name_of(phase);
  say(std::move(line));
}

void Checkers::link_changed(std::string_view what, bool up) {
  evidence_.conditions.link_changed(what, up);
  TraceLine line;
  line.event = up ? "link mended" : "link cut";
  line.text = what;
  say(std::move(line));
}

void Checkers::faults_ended() {
  evidence_.conditions.faults_ended();
  TraceLine line;
  line.event = "faults have ended";
  say(std::move(line));
}

void Checkers::stepped(size_t node, const Step& step) {
  if (evidence_.failed()) return;
  const core::Registry& registry = step.registry;
  const core::Outputs& out = step.out;
  evidence_.conditions.name_node(node, registry.options().node);
  enter_phase(node, registry.phase());
  breakers_.begin_step(node, step);
  liveness_.begin_step(node, step);
  lapses_.begin_step(node, step);
  mutes_.begin_step(node, step);
  exclusions_.begin_step(node, step);
  holders_.begin_step(node, step);
  if (!out.records.empty()) {
    const auto& changes = evidence_.records.take(node, out.records);
    check_reading(node, evidence_.records.error());
    take_records(changes, &step);
    limits_.on_step(node, step, changes);
    sections_.on_step(node, out);
  } else {
    limits_.on_step(node, step, {});
  }
  if (dump_due_[node]) {
    dump_due_[node] = false;
    take_records(evidence_.records.take_dump(node, registry), &step);
    check_reading(node, evidence_.records.error());
  }
  exclusions_.end_step(node, step);
  breakers_.end_step(node, step);
  liveness_.end_step(node, step);
  lapses_.end_step(node, step);
  mutes_.end_step();
  const core::Registry::Counters& counters = registry.counters();
  if (counters.unknown_sessions_ended > counters_[node].unknown_sessions_ended) {
    evidence_.records.unknown_session_ended(node);
  }
  if (counters.rejoined_as_new > counters_[node].rejoined_as_new) {
    evidence_.conditions.rejoined_as_new(node);
  }
  counters_[node] = counters;
  overrides_.on_step(node, step);
  agreement_.on_step(node, registry);
  features_.on_step(node, step);
  joins_.on_step(node);
}

void Checkers::take_records(const std::vector<RecordChange>& changes, const Step* step) {
  for (const RecordChange& change : changes) {
    endings_.on_record(change);
    returns_.on_record(change);
    removals_.on_record(change);
    holders_.on_record(change);
    if (step == nullptr) continue;
    breakers_.on_record(change);
    liveness_.on_record(change, *step);
    lapses_.on_record(change, *step);
  }
}

void Checkers::check_reading(size_t node, const std::string& error) {
  if (error.empty()) return;
  Finding finding;
  finding.checker = "reading";
  finding.node = node;
  finding.text = error;
  evidence_.fail(std::move(finding));
}

void Checkers::published(size_t node, const core::ServicePublished& change) {
  if (evidence_.failed()) return;
  const auto& changes = evidence_.listings.take(node, change);
  check_reading(node, evidence_.listings.error());
  agreement_.on_published();
  for (const ListChange& one : changes) {
    TraceLine line;
    const Listing& shown = one.after ? *one.after : *one.before;
    line.event = !one.before ? "lists" : !one.after ? "lists no more" : "lists anew";
    line.node = static_cast<uint32_t>(node);
    line.key = one.key;
    line.process = shown.owner;
    line.rev = shown.rev;
    line.stamp = shown.stamp;
    if (!one.after) line.detail = core::name_of(one.cause);
    say(std::move(line));
  }
  // Until it answers, nobody sees what it publishes; JoinChecker judges what it begins with.
  if (!evidence_.conditions.answering(node)) return;
  bool left = false;
  for (const ListChange& one : changes) {
    returns_.on_list_change(one);
    removals_.on_list_change(one);
    exclusions_.on_list_change(one);
    statuses_.on_list_change(one);
    left |= !one.after.has_value();
  }
  const auto service = evidence_.listings.last_service();
  if (service) breakers_.on_published(node, *service);
  if (service) liveness_.on_published(node, *service);
  if (left && service && evidence_.listings.size(node, *service) == 0) {
    empty_lists_.on_emptied(node, changes);
  }
}

// --- Losses that are nobody's fault ---

bool Checkers::known_elsewhere(size_t node, const Operation& operation) const {
  for (size_t other = 0; other < evidence_.node_count(); ++other) {
    if (other == node || !evidence_.conditions.running(other)) continue;
    const KeyFacts& facts = evidence_.records.key(other, operation.key);
    if (facts.known && facts.stamp >= *operation.stamp) return true;
  }
  return false;
}

/// A node is about to be gone, with what its disk did not get: what was acknowledged by a local
/// write may be lost unless another node that runs knows it.
void Checkers::note_losses(size_t node) {
  const Conditions& conditions = evidence_.conditions;
  if (!conditions.power_lost_now(node) && !conditions.disk_failed(node)) return;
  losses_ms_[node] = evidence_.now_ms();
  Truth& truth = evidence_.truth;
  for (OperationIndex index = 0; index < truth.operation_count(); ++index) {
    const Operation& operation = truth.operation(index);
    const bool safe = operation.lost_possible || operation.ack == core::Ack::kLogged ||
                      operation.outcome != Operation::Outcome::kAccepted;
    if (!safe && !known_elsewhere(node, operation)) truth.mark_lost_possible(index);
  }
}

// --- The population ---

void Checkers::told_superseded(SessionIndex session, size_t node) {
  evidence_.truth.told_superseded(session);
  rivals_.told_superseded(session, node);
}

void Checkers::told_epoch(SessionIndex session, size_t node, uint32_t brought, uint32_t told) {
  if (told >= brought) return;
  Finding finding;
  finding.checker = "return";
  finding.node = node;
  finding.focus = evidence_.focus_on_session(session);
  finding.text = fmt::format("session #{} was resumed with epoch {} and was given an older one, {}",
                             session, brought, told);
  evidence_.fail(std::move(finding));
}

void Checkers::answered(OperationIndex index, core::Stamp after) {
  const Operation& operation = evidence_.truth.operation(index);
  if (operation.outcome != Operation::Outcome::kAccepted) return;
  if (operation.unchanged) evidence_.count(Rule::kUnchanged);
  // The answer may come after the death of the node that gave it.
  const bool local = operation.ack == core::Ack::kLocal;
  if (local && losses_ms_[operation.node] >= operation.begun_ms &&
      !known_elsewhere(operation.node, operation)) {
    evidence_.truth.mark_lost_possible(index);
  }
  // The same stamp again is the answer to what was asked before.
  if (*operation.stamp >= after) return;
  Finding finding;
  finding.checker = "return";
  finding.node = operation.node;
  finding.focus = evidence_.focus_on(operation.key);
  finding.text = fmt::format("a call for {} brought along stamp {} and was given an older one, {}",
                             evidence_.text_of(operation.key), evidence_.text_of(after),
                             evidence_.text_of(*operation.stamp));
  evidence_.fail(std::move(finding));
}

// --- The end ---

void Checkers::finish(const std::vector<const core::Registry*>& nodes, const Bus* bus) {
  for (size_t node = 0; node < nodes.size(); ++node) {
    if (nodes[node] == nullptr) continue;
    take_records(evidence_.records.take_dump(node, *nodes[node]), nullptr);
    check_reading(node, evidence_.records.error());
  }
  final_.finish();
  logged_.finish();
  rivals_.finish();
  agreement_.finish();
  consumers_.finish();
  limits_.finish();
  sections_.finish(nodes);
  features_.finish(nodes);
  overrides_.finish();
  exclusions_.finish();
  statuses_.finish();
  if (bus != nullptr) replay_.finish(*bus);
}

void Checkers::add_counters(size_t node) {
  for_each_counter(std::exchange(counters_[node], {}), [&](const char* name, uint64_t count) {
    core_counts_[fmt::format("core.{}", name)] += count;
  });
}

std::map<std::string, uint64_t> Checkers::rule_counts() const {
  std::map<std::string, uint64_t> counts = core_counts_;
  for (const core::Registry::Counters& running : counters_) {
    for_each_counter(running, [&](const char* name, uint64_t count) {
      counts[fmt::format("core.{}", name)] += count;
    });
  }
  for (size_t i = 0; i < static_cast<size_t>(Rule::kCount); ++i) {
    const auto rule = static_cast<Rule>(i);
    // That these are seen is asked of later seeds only.
    if (rule >= kFirstOfLaterSeeds && !evidence_.settings.later_rules) continue;
    counts[std::string(sim::name_of(rule))] += evidence_.counted(rule);
  }
  return counts;
}

std::string Checkers::trace() const {
  return evidence_.trace.print(evidence_.focus());
}

}  // namespace callbook::sim
