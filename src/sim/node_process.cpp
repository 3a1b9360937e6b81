#include "sim/node_process.h"

#include <algorithm>
#include <utility>

#include "core/hybrid_clock.h"
#include "core/record_codec.h"
#include "sim/node.h"

namespace callbook::sim {
namespace {

constexpr int64_t kTickMs = 100;
constexpr uint64_t kTicksPerStreamTick = 5;
constexpr const char* kDir = "data";

core::RegistryOptions options_of(const RegistryNode& node, const Surroundings& around,
                                 uint64_t boot) {
  core::RegistryOptions options;
  options.node = node.name();
  options.datacenter = kDatacenter;
  options.limits = around.settings.limits;
  options.timing = around.settings.timing;
  options.clustered = around.settings.nodes > 1;
  options.boot = boot;
  return options;
}

bool draw_release(const Surroundings& around, Random random) {
  const Settings& settings = around.settings;
  const bool early = around.scheduler.now_ms() < settings.duration_ms / 2;
  return settings.former_releases && early && random.chance(0.5);
}

/// What a node of release 0.1 says: less, at the end.
std::string as_former_node(std::string_view beat) {
  return std::string(beat.substr(0, beat.size() - 2 * sizeof(core::RecordFeatures)));
}

size_t draw_part_entries(Random random) {
  return static_cast<size_t>(random.between(2, 8));
}

/// Loading takes a moment, sometimes seconds.
int64_t draw_load_ms(Random& random) {
  return random.chance(0.2) ? random.between(500, 4'000) : random.between(5, 300);
}

/// The key and version whose arrival at the bus an answer waits for; an empty key for none.
std::pair<std::string, uint64_t> change_of(const core::Input& input, const core::Reply& reply) {
  std::string encoded;
  uint64_t owed_version = 0;
  const auto of_instance = [&](const core::InstanceKey& key, uint64_t owed) {
    core::encode_key(kDatacenter, key.service, key.id, encoded);
    owed_version = owed;
  };
  if (const auto* registered = std::get_if<core::InstanceRegistered>(&reply)) {
    of_instance(std::get<core::RegisterInstance>(input).key, registered->owed_version);
  } else if (const auto* gone = std::get_if<core::InstanceDeregistered>(&reply)) {
    const auto& asked = std::get<core::DeregisterInstance>(input);
    of_instance(asked.key, gone->owed_version);
    // An operator's is an override.
    if (!asked.by.empty()) {
      core::encode_override_key(kDatacenter, asked.key.service, asked.key.id, encoded);
    }
  } else if (const auto* status = std::get_if<core::StatusSet>(&reply)) {
    of_instance(std::get<core::SetStatus>(input).key, status->owed_version);
  } else if (const auto* said = std::get_if<core::OverrideChanged>(&reply)) {
    const auto* set = std::get_if<core::SetOverride>(&input);
    const auto& key = set != nullptr ? set->key : std::get<core::RemoveOverride>(input).key;
    core::encode_override_key(kDatacenter, key.service, key.id, encoded);
    owed_version = said->owed_version;
  }
  if (owed_version == 0) return {};
  return {std::move(encoded), owed_version};
}

}  // namespace

NodeProcess::NodeProcess(RegistryNode& node, Surroundings& around, uint64_t boot, Random random)
    : node_(node),
      around_(around),
      index_(node.index()),
      is_former_(draw_release(around, random.child(6))),
      random_(random),
      registry_(std::make_unique<core::Registry>(options_of(node, around, boot))),
      streams_(*this, around.scheduler, catalog_, *around.clients, boot,
               draw_part_entries(random.child(1))),
      source_(*this, random.child(2),
              [this](size_t to, SnapshotPartPtr part) {
                RegistryNode* other = around_.nodes[to].get();
                around_.links.send_datagram(
                    Links::node(index_), Links::node(to), [other, part = std::move(part)] {
                      other->reach([part](NodeProcess& process) { process.take_snapshot(part); });
                    });
              }),
      prober_(*this, around, boot, random.child(5)) {
  if (around.bus != nullptr) {
    bus_ = std::make_unique<BusLink>(*this, around.scheduler, *around.bus, random.child(3));
  }
}

NodeProcess::~NodeProcess() = default;

// --- Life ---

base::Status NodeProcess::begin(store::FileSystem& disk, base::Logger& logger) {
  store::LogOptions options;
  options.segment_bytes = static_cast<uint64_t>(random_.between(8, 64)) << 10;
  options.rewrite_slack_bytes = static_cast<uint64_t>(random_.between(16, 128)) << 10;
  core::Outputs nothing;
  const base::Now now = node_.now();
  const auto merge = [&](const store::Record& record) -> base::Status {
    const core::Input input = core::MergeRecord{record.version, record.key, record.value};
    const auto reply = registry_->step(input, now, nothing);
    return reply.ok() ? base::Status() : base::Status(reply.error());
  };
  store::RecoveryReport report;
  auto log = store::Log::open(disk, kDir, options, logger, merge, &report);
  if (!log.ok()) return log.error();
  log_ = std::make_unique<LogDriver>(*this, std::move(*log), random_.child(4),
                                     [this] { check_logged(); });
  later(draw_load_ms(random_),
        [this, last_version = report.last_version] { finish_loading(last_version); });
  return {};
}

void NodeProcess::finish_loading(uint64_t last_version) {
  loaded_ = true;
  receive(core::FinishLoading{last_version}, nullptr);
  if (bus_) bus_->start();
  schedule_tick();
}

void NodeProcess::stop() {
  stopped_ = true;
}

void NodeProcess::go_on() {
  stopped_ = false;
  std::vector<Stopped> waiting = std::exchange(waiting_, {});
  // What was overdue and what had arrived are both ready now; either may be first.
  if (random_.chance(0.5)) {
    std::stable_partition(waiting.begin(), waiting.end(),
                          [](const Stopped& one) { return !one.timer; });
  }
  for (Stopped& one : waiting) one.action();
  if (!pending_.empty()) run_batch();
}

void NodeProcess::break_bus_connection() {
  if (bus_) bus_->hang_up();
}

void NodeProcess::later(int64_t delay_ms, Scheduler::Action action) {
  node_.schedule(delay_ms, [this, action = std::move(action)]() mutable {
    if (stopped_) {
      waiting_.push_back({true, std::move(action)});
    } else {
      action();
    }
  });
}

void NodeProcess::when_running(Scheduler::Action action) {
  if (!stopped_) return action();
  waiting_.push_back({false, std::move(action)});
}

void NodeProcess::schedule_tick() {
  later(kTickMs, [this] {
    tick();
    schedule_tick();
  });
}

void NodeProcess::tick() {
  receive(core::AdvanceTime{}, nullptr);
  log_->tick(around_.scheduler.now_ms());
  if (bus_) bus_->tick();
  if (++ticks_ % kTicksPerStreamTick == 0) streams_.tick();
  check_logged();
}

// --- Inputs ---

void NodeProcess::receive(core::Input input, std::shared_ptr<const void> keeps) {
  if (!loaded_) return;
  enqueue({std::move(input), std::move(keeps), core::Ack::kLocal, {}});
}

void NodeProcess::submit(core::Input input, core::Ack ack, core::Completion done) {
  enqueue({std::move(input), nullptr, ack, std::move(done)});
}

void NodeProcess::hear_beat(std::shared_ptr<const std::string> bytes) {
  receive(core::HearBeat{*bytes}, bytes);
}

void NodeProcess::take_snapshot(SnapshotPartPtr part) {
  if (target_.take(*part, around_.scheduler.now_ms())) receive(part->input(), part);
}

void NodeProcess::enqueue(Pending pending) {
  pending_.push_back(std::move(pending));
  if (batch_scheduled_) return;
  batch_scheduled_ = true;
  // Behind what else happens in this millisecond: it joins the batch.
  node_.schedule(0, [this] {
    batch_scheduled_ = false;
    if (!stopped_) run_batch();
  });
}

void NodeProcess::run_batch() {
  if (pending_.empty()) return;
  batch_.swap(pending_);
  const base::Now now = node_.now();
  if (outputs_.size() < batch_.size()) outputs_.resize(batch_.size());
  for (size_t i = 0; i < batch_.size(); ++i) {
    replies_.push_back(registry_->step(batch_[i].input, now, outputs_[i]));
    const Step step{*registry_, batch_[i].input, replies_.back().ok(), now, outputs_[i]};
    around_.observer.stepped(index_, step);
    note_phase();
  }
  log_->write({outputs_.data(), batch_.size()});
  publish_lists();
  for (size_t i = 0; i < batch_.size(); ++i) answer(batch_[i], std::move(replies_[i]));
  for (size_t i = 0; i < batch_.size(); ++i) send_out(outputs_[i]);
  if (bus_ && bus_->connected()) publish_due(now);
  check_logged();
  for (size_t i = 0; i < batch_.size(); ++i) outputs_[i].clear();
  batch_.clear();
  replies_.clear();
}

void NodeProcess::note_phase() {
  if (registry_->phase() == phase_) return;
  phase_ = registry_->phase();
  around_.observer.phase_changed(index_, phase_);
  if (!registry_->loading()) return;
  streams_.close_all(
      {base::ErrorCode::kNotReady, "", "the registry is learning from the others", std::nullopt});
}

void NodeProcess::publish_lists() {
  const core::Publication publication = registry_->publish();
  if (publication.empty()) return;
  for (const core::ServicePublished& change : publication) {
    around_.observer.published(index_, change);
  }
  catalog_.apply(publication);
}

// --- Answers ---

void NodeProcess::answer(Pending& pending, base::Result<core::Reply> reply) {
  if (!pending.done) return;
  if (pending.ack == core::Ack::kLogged && reply.ok()) {
    wait_until_logged(pending, std::move(reply));
  } else {
    pending.done(reply);
  }
}

void NodeProcess::wait_until_logged(Pending& pending, base::Result<core::Reply> reply) {
  const int64_t until_ms = around_.scheduler.now_ms() + LoggedAnswers::kLongestWaitMs;
  std::pair<std::string, uint64_t> change;
  if (bus_) change = change_of(pending.input, *reply);
  logged_.add({log_->log().end(), std::move(change.first), change.second, until_ms,
               std::move(reply), std::move(pending.done)},
              log_->log());
  log_->sync_soon();
}

void NodeProcess::check_logged() {
  // With nothing owed to the bus, whatever an answer waits for is there.
  if (registry_->outbox_size() == 0) logged_.settle_all();
  logged_.check(log_->log(), around_.scheduler.now_ms());
  if (logged_.waits_for_disk(log_->log())) log_->sync_soon();
}

// --- To the others ---

void NodeProcess::send_out(core::Outputs& out) {
  for (const core::RecordSettled& settled : out.settled) logged_.settle(settled);
  if (bus_) {
    for (const core::Fetch& wanted : out.fetches) bus_->fetch(wanted);
  }
  if (!out.beat.empty()) send_beat(out.beat);
  for (core::DirectBatch& batch : out.direct) send_direct(std::move(batch));
  for (const core::Probe& wanted : out.probes) prober_.begin(wanted);
  if (out.wants_snapshot) ask_for_snapshot();
}

void NodeProcess::send_beat(const std::string& beat) {
  const auto bytes = std::make_shared<const std::string>(is_former_ ? as_former_node(beat) : beat);
  for (const auto& other : around_.nodes) {
    if (other->index() == index_) continue;
    around_.links.send_datagram(
        Links::node(index_), Links::node(other->index()), [to = other.get(), bytes] {
          to->reach([bytes](NodeProcess& process) { process.hear_beat(bytes); });
        });
  }
  if (bus_) bus_->broadcast(bytes);
}

/// A request and its answer; either may be lost.
void NodeProcess::send_direct(core::DirectBatch batch) {
  const auto told = std::make_shared<DirectRecords>(DirectRecords{std::move(batch.records), {}});
  for (size_t i = 0; i < told->records.size(); ++i) {
    const auto item = told->records[i];
    told->messages.push_back({0, item.key, item.value});
  }
  RegistryNode* self = around_.nodes[index_].get();
  const auto answer = [links = &around_.links, self, to = batch.to, through = batch.through](
                          const RegistryNode& other, bool taken) {
    using Outcome = core::SettleDirect::Outcome;
    const core::SettleDirect settled{to, through, taken ? Outcome::kTaken : Outcome::kFailed};
    links->send_datagram(Links::node(other.index()), Links::node(self->index()), [self, settled] {
      self->reach([settled](NodeProcess& process) { process.receive(settled, nullptr); });
    });
  };
  for (const auto& other : around_.nodes) {
    if (core::node_id_of(other->name()) != batch.to) continue;
    around_.links.send_datagram(
        Links::node(index_), Links::node(other->index()), [to = other.get(), told, answer] {
          to->reach(
              [to, told, answer](NodeProcess& process) { answer(*to, process.hear_direct(told)); });
        });
  }
}

bool NodeProcess::hear_direct(const DirectRecordsPtr& told) {
  if (registry_->loading()) return false;
  receive(core::ApplyDirect{told->messages}, told);
  return true;
}

void NodeProcess::ask_for_snapshot() {
  const int64_t now_ms = around_.scheduler.now_ms();
  if (target_.busy(now_ms)) return;
  std::vector<RegistryNode*> candidates;
  for (const auto& other : around_.nodes) {
    const bool reachable =
        other->index() != index_ && other->running() &&
        around_.links.up_both_ways(Links::node(index_), Links::node(other->index()));
    if (reachable) candidates.push_back(other.get());
  }
  if (candidates.empty()) return;
  RegistryNode* asked = candidates[random_.index(candidates.size())];
  const uint64_t transfer = random_.bits();
  target_.expect(transfer, now_ms);
  around_.links.send_datagram(
      Links::node(index_), Links::node(asked->index()), [asked, transfer, to = index_] {
        asked->reach(
            [to, transfer](NodeProcess& process) { process.serve_snapshot(to, transfer); });
      });
}

void NodeProcess::publish_due(base::Now now) {
  registry_->publish_due(now, due_);
  bus_->publish(due_);
  for (core::RecordBatch& batch : due_) batch.clear();
}

}  // namespace callbook::sim
