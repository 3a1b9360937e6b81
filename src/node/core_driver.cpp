#include "node/core_driver.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/check.h"

namespace callbook::node {
namespace {

constexpr int64_t kTickMs = 100;
/// A batch this long is applied at once: it bounds memory and the wait of the first.
constexpr size_t kMaxBatch = 50'000;
/// Those who follow what is stored are told so often that it is nothing.
constexpr int64_t kTellEveryMs = 1'000;
/// Then the answer is that the change is in effect, but not known to be safe.
constexpr int64_t kLongestAckWaitMs = 5'000;

}  // namespace

CoreDriver::CoreDriver(net::EventLoop& loop, const base::Clock& clock, Board& board,
                       base::Logger& logger, std::unique_ptr<core::Registry> registry,
                       size_t fronts, Deliver deliver)
    : loop_(loop),
      clock_(clock),
      board_(board),
      logger_(logger),
      audit_(logger.least_level()),
      registry_(std::move(registry)),
      deliver_(std::move(deliver)),
      answers_(fronts),
      followers_(fronts) {}

CoreDriver::~CoreDriver() = default;

void CoreDriver::start(std::unique_ptr<StoreKeeper> store) {
  store_ = std::move(store);
  report_.in_memory = store_ == nullptr;
  const auto publication = std::make_shared<const core::Publication>(registry_->publish());
  for (size_t front = 0; front < answers_.size(); ++front) deliver_(front, {publication, {}});
  last_tick_ms_ = clock_.now().mono_ms;
  if (whole_ && !registry_->loading()) std::exchange(whole_, nullptr)();
  ticker_ = loop_.every(kTickMs, [this] { tick(); });
  report();
}

void CoreDriver::submit(size_t front, Submission submission) {
  pending_.push_back({front, std::move(submission)});
  schedule();
}

void CoreDriver::submit(size_t front, std::vector<Submission> submissions) {
  for (Submission& submission : submissions) pending_.push_back({front, std::move(submission)});
  schedule();
}

void CoreDriver::take(const std::vector<core::ProbeResult>& results) {
  for (const core::ProbeResult& result : results) {
    pending_.push_back(Pending{0, Submission{core::Input(result), core::Ack::kLocal, {}, {}}});
  }
  schedule();
}

void CoreDriver::take(core::Input input, std::shared_ptr<const void> borrowed) {
  pending_.push_back(
      Pending{0, Submission{std::move(input), core::Ack::kLocal, {}, std::move(borrowed)}});
  schedule();
}

void CoreDriver::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  // Behind the handlers that are ready now: whatever they submit joins this batch.
  loop_.post([this] { run_batch(); });
}

void CoreDriver::run_batch() {
  scheduled_ = false;
  if (pending_.empty()) return;
  batch_.clear();
  if (pending_.size() <= kMaxBatch) {
    batch_.swap(pending_);
  } else {
    const auto end = pending_.begin() + kMaxBatch;
    std::move(pending_.begin(), end, std::back_inserter(batch_));
    pending_.erase(pending_.begin(), end);
    schedule();
  }
  const base::Now now = clock_.now();
  ++report_.batches;
  std::vector<base::Result<core::Reply>> replies;
  replies.reserve(batch_.size());
  for (Pending& pending : batch_) {
    replies.push_back(registry_->step(pending.submission.input, now, outputs_));
    count(pending.submission.input, replies.back());
    note_for_log(pending, replies.back(), now);
  }
  const auto settled = std::exchange(outputs_.settled, {});
  settle_outputs();
  publish_due(now);
  for (size_t i = 0; i < batch_.size(); ++i) {
    if (batch_[i].submission.ack == core::Ack::kLogged && replies[i].ok()) {
      answer_when_logged(batch_[i], std::move(replies[i]));
    } else {
      answer(batch_[i], std::move(replies[i]));
    }
  }
  // After those who wait for it have been told apart: one batch may hold a change and its
  // acknowledgement.
  settle_acks(settled, now);
  // Before the answers: an operator's act that was answered stands in the log.
  write_log(audit_.take(now.mono_ms));
  deliver_all();
}

void CoreDriver::note_for_log(const Pending& pending, const base::Result<core::Reply>& reply,
                              base::Now now) {
  const core::Caller& caller = pending.submission.caller;
  audit_.note(pending.submission.input, reply, caller, now);
  if (outputs_.incidents.empty()) return;
  audit_.note(outputs_.incidents, caller, now);
  outputs_.incidents.clear();
}

void CoreDriver::note_refusal(const core::RefusedAct& refused) {
  audit_.note(refused, clock_.now());
}

void CoreDriver::write_log(const std::vector<base::LogLine>& lines) {
  for (const base::LogLine& line : lines) logger_.write_line(line);
}

/// Carries out what steps asked for besides their replies.
void CoreDriver::settle_outputs() {
  report_.sessions_expired += outputs_.sessions_ended.size();
  report_.instances_expired += outputs_.instances_expired;
  if (store_) store_->write(outputs_.records);
  if (probe_ && !outputs_.probes.empty()) probe_(std::exchange(outputs_.probes, {}));
  if (others_ != nullptr) others_->carry_out(outputs_);
  if (!outputs_.records.empty() && is_followed()) {
    CALLBOOK_CHECK(!stored_);
    stored_ = std::make_shared<const core::RecordBatch>(std::exchange(outputs_.records, {}));
  }
  outputs_.clear();
}

bool CoreDriver::is_followed() const {
  return std::find(followers_.begin(), followers_.end(), true) != followers_.end();
}

void CoreDriver::settle_acks(const std::vector<core::RecordSettled>& settled, base::Now now) {
  for (const core::RecordSettled& one : settled) bus_acks_.settle(one);
  bus_acks_.expire(now.mono_ms);
  if (others_ != nullptr && !others_->bus_connected()) bus_acks_.fail_all();
}

void CoreDriver::publish_due(base::Now now) {
  if (others_ == nullptr || !others_->bus_connected()) return;
  registry_->publish_due(now, publications_);
  const bool any = std::any_of(publications_.begin(), publications_.end(),
                               [](const core::RecordBatch& batch) { return !batch.empty(); });
  if (!any) return;
  others_->publish(publications_);
  for (core::RecordBatch& batch : publications_) batch.clear();
}

void CoreDriver::answer(Pending& pending, base::Result<core::Reply> reply) {
  if (!pending.submission.done) return;
  answers_[pending.front].push_back({std::move(pending.submission.done), std::move(reply)});
}

/// On the disk, if there is one, and acknowledged by the bus, if there is one.
void CoreDriver::answer_when_logged(Pending& pending, base::Result<core::Reply> reply) {
  struct Held {
    Answer answer;
    size_t waits = 0;
  };
  const auto owed = others_ == nullptr ? std::optional<OwedChange>()
                                       : owed_change(pending.submission.input, *reply, *registry_);
  auto held =
      std::make_shared<Held>(Held{{std::move(pending.submission.done), std::move(reply)}, 1});
  const auto one_done = [this, front = pending.front, held](const base::Status& status) {
    if (!status.ok() && held->answer.reply.ok()) held->answer.reply = status.error();
    if (--held->waits == 0) answer_later(front, std::move(held->answer));
  };
  if (store_) {
    ++held->waits;
    store_->when_durable(one_done);
  }
  if (owed) {
    ++held->waits;
    const int64_t until_ms = clock_.now().mono_ms + kLongestAckWaitMs;
    if (others_->bus_connected()) {
      bus_acks_.wait(*owed, until_ms, one_done);
    } else {
      one_done(bus_away());
    }
  }
  one_done({});
}

/// Many become safe together: they are delivered as one.
void CoreDriver::answer_later(size_t front, Answer answer) {
  if (answer.done) answers_[front].push_back(std::move(answer));
  if (std::exchange(scheduled_answers_, true)) return;
  loop_.post([this] {
    scheduled_answers_ = false;
    deliver_all();
  });
}

void CoreDriver::count(const core::Input& input, const base::Result<core::Reply>& reply) {
  ++report_.inputs;
  if (!reply.ok()) {
    ++report_.refused;
    return;
  }
  if (std::holds_alternative<core::InstanceRegistered>(*reply)) {
    ++report_.registered;
  } else if (std::holds_alternative<core::SessionRefreshed>(*reply) ||
             std::holds_alternative<core::InstanceRefreshed>(*reply)) {
    ++report_.heartbeats;
  } else if (std::holds_alternative<core::InstanceDeregistered>(*reply)) {
    ++report_.deregistered;
  } else if (std::holds_alternative<core::SessionEnded>(*reply)) {
    ++report_.sessions_closed;
  } else if (std::holds_alternative<core::OpenSession>(input)) {
    ++report_.sessions_opened;
  }
}

void CoreDriver::deliver_all() {
  core::Publication changes = registry_->publish();
  std::shared_ptr<const core::Publication> publication;
  if (!changes.empty()) {
    ++report_.publications;
    publication = std::make_shared<const core::Publication>(std::move(changes));
  }
  const auto stored = std::exchange(stored_, nullptr);
  const bool in_touch = registry_->phase() == core::Phase::kServing &&
                        (others_ == nullptr || others_->bus_connected());
  for (size_t front = 0; front < answers_.size(); ++front) {
    const bool follows = stored && followers_[front];
    if (!publication && answers_[front].empty() && !follows) continue;
    deliver_(front, {publication, std::exchange(answers_[front], {}), follows ? stored : nullptr,
                     in_touch});
  }
  if (whole_ && !registry_->loading()) std::exchange(whole_, nullptr)();
}

void CoreDriver::flush(std::function<void()> done) {
  run_batch();
  write_log(audit_.take_all(clock_.now().mono_ms));
  if (!store_) return done();
  store_->when_durable([done = std::move(done)](const base::Status&) { done(); });
}

void CoreDriver::tick() {
  const base::Now now = clock_.now();
  report_.loop_lag_ms = std::max(report_.loop_lag_ms, now.mono_ms - last_tick_ms_ - kTickMs);
  last_tick_ms_ = now.mono_ms;
  static_cast<void>(registry_->step(core::AdvanceTime{}, now, outputs_));
  audit_.note(outputs_.incidents, {}, now);
  const auto settled = std::exchange(outputs_.settled, {});
  settle_outputs();
  publish_due(now);
  settle_acks(settled, now);
  if (store_) store_->tick(now.mono_ms);
  if (!stored_ && is_followed() && now.mono_ms - stored_told_ms_ >= kTellEveryMs) {
    stored_ = std::make_shared<const core::RecordBatch>();
    stored_told_ms_ = now.mono_ms;
  }
  deliver_all();
  report();
  write_log(audit_.take(now.mono_ms));
}

void CoreDriver::report() {
  report_.counts = registry_->counts();
  report_.version = registry_->version();
  report_.counters = registry_->counters();
  report_.suspects = registry_->suspects();
  report_.doubtful = registry_->doubts_itself(clock_.now());
  report_.phase = registry_->phase();
  if (store_) {
    report_.store = store_->stats();
    report_.degraded = store_->degraded();
    report_.rewriting = store_->rewriting();
  }
  board_.put(report_);
  if (others_ != nullptr) others_->report();
  report_.loop_lag_ms = 0;
}

}  // namespace callbook::node
