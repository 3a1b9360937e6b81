#include "sim/provider.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace callbook::sim {
namespace {

constexpr int64_t kCallTimeoutMs = 2'000;
/// After so long without a sign of life a stream is given up.
constexpr int64_t kStreamSilenceMs = 6'500;
constexpr uint32_t kMissedBeats = 2;
constexpr double kShareTo1 = 0x1p-53;

}  // namespace

/// The stream that ties the session to the process.
class Provider::AttachSink final : public StreamSink {
 public:
  AttachSink(Provider& owner, uint64_t era) : owner_(owner), era_(era) {}

  void opened() override { sign(); }
  void alive() override { sign(); }
  void event(WatchEvent, std::optional<std::pair<uint64_t, uint64_t>>) override {}
  void closed(const std::optional<base::Error>& error) override {
    if (owner_.era_ != era_) return;
    owner_.streaming_ = false;
    if (error) {
      owner_.react(*error, owner_.node_);
    } else {
      owner_.fail_over();
    }
  }

 private:
  void sign() {
    if (owner_.era_ == era_) owner_.on_alive();
  }

  Provider& owner_;
  const uint64_t era_;
};

Provider::Provider(Scheduler& scheduler, ClientPort& port, Random random, const Settings& settings,
                   Checkers& checkers, ClientId client, ProviderPlan plan)
    : scheduler_(scheduler),
      port_(port),
      random_(random),
      status_random_(random.child(7)),
      settings_(settings),
      checkers_(checkers),
      client_(client),
      plan_(std::move(plan)),
      backoff_([this] { return static_cast<double>(random_.bits() >> 11) * kShareTo1; }) {
  for (const ProviderPlan::Item& place : plan_.items) {
    Item item;
    item.place = place;
    items_.push_back(std::move(item));
  }
}

Provider::~Provider() = default;

void Provider::say(std::string_view event, size_t node, std::string_view detail) {
  TraceLine line;
  line.time_ms = scheduler_.now_ms();
  line.event = event;
  line.node = static_cast<uint32_t>(node);
  line.process = process_;
  line.session = session_;
  line.epoch = epoch_;
  line.detail = detail;
  checkers_.trace_lines().add(std::move(line));
}

void Provider::start() {
  process_ = checkers_.truth().begin_process(client_);
  if (speaks()) checkers_.truth().process_speaks(process_);
  for (Item& item : items_) {
    item.rev = checkers_.truth().next_rev(item.place.key);
    listen(item.place);
  }
  node_ = random_.index(port_.node_count());
  if (settings_.statuses) say_status_later();
  connect();
}

void Provider::later(int64_t delay_ms, Scheduler::Action action) {
  scheduler_.after(delay_ms, [this, action = std::move(action)]() mutable {
    if (paused()) {
      scheduler_.at(paused_until_ms_, std::move(action));
    } else {
      action();
    }
  });
}

// --- Finding a node ---

size_t Provider::other_node() {
  const size_t count = port_.node_count();
  return count == 1 ? node_ : (node_ + 1 + random_.index(count - 1)) % count;
}

void Provider::connect() {
  ++era_;
  phase_ = Phase::kConnecting;
  if (!owns_session()) return connected();
  if (session_ == kNobody) {
    open();
  } else {
    resume();
  }
}

void Provider::open() {
  const core::SessionId id{random_.bits() | 1, random_.bits()};
  const int64_t begun_ms = scheduler_.now_ms();
  session_ = checkers_.truth().begin_open(process_, id, plan_.ttl_ms, node_);
  epoch_ = 0;
  ++operations_;
  say("is asked to open", node_);
  core::ProcessFacts facts;
  if (settings_.names_process(process_)) {
    facts = {speaks(), fmt::format("process-{}", process_), client_ + 1};
  }
  port_.call(client_, node_, core::OpenSession{id, plan_.ttl_ms, "sim", told_stamp(), facts},
             core::Ack::kLocal, kCallTimeoutMs,
             [this, era = era_, node = node_, session = session_,
              begun_ms](const ClientPort::Answer& answer) {
               if (era != era_) return;
               if (!answer || !answer->ok()) {
                 // Perhaps it was opened: nobody will keep it.
                 checkers_.truth().abandon(session);
                 session_ = kNobody;
               }
               held(answer, node, begun_ms);
             });
}

void Provider::resume() {
  const int64_t begun_ms = scheduler_.now_ms();
  checkers_.truth().begin_resume(session_, node_);
  ++operations_;
  say("is asked to resume", node_);
  port_.call(client_, node_,
             core::ResumeSession{checkers_.truth().session(session_).id, told_epoch()},
             core::Ack::kLocal, kCallTimeoutMs,
             [this, era = era_, node = node_, begun_ms](const ClientPort::Answer& answer) {
               if (era == era_) held(answer, node, begun_ms);
             });
}

void Provider::held(const ClientPort::Answer& answer, size_t node, int64_t begun_ms) {
  if (!answer) return fail_over();
  if (!answer->ok()) return react(answer->error(), node);
  const auto& opened = std::get<core::SessionOpened>(answer->value());
  checkers_.truth().session_held(session_, node, begun_ms, opened);
  checkers_.told_epoch(session_, node, told_epoch(), opened.epoch);
  epoch_ = std::max(epoch_, opened.epoch);
  told_ = std::max(told_, opened.opened);
  heartbeat_ms_ = opened.heartbeat_ms;
  say("holds", node);
  connected();
}

void Provider::connected() {
  phase_ = Phase::kConnected;
  missed_ = 0;
  heard_ms_ = scheduler_.now_ms();
  owe_all();
  send_owed();
  const bool attached = plan_.life == ProviderPlan::Life::kAttached;
  if (attached) attach();
  if (!attached || speaks()) beat_later();
}

void Provider::fail_over() {
  if (!running()) return;
  drop_stream();
  ++era_;
  phase_ = Phase::kConnecting;
  node_ = other_node();
  later(1 + backoff_.next_ms(), [this, era = era_] {
    if (era == era_ && running()) connect();
  });
}

void Provider::react(const base::Error& error, size_t node) {
  if (!running()) return;
  switch (error.code) {
    case base::ErrorCode::kNotFound:
      return open_anew();
    case base::ErrorCode::kSuperseded:
      say("says superseded", node);
      if (session_ != kNobody) checkers_.told_superseded(session_, node);
      return end(TrueProcess::End::kSuperseded);
    case base::ErrorCode::kOverloaded:
      checkers_.count(Rule::kOutboxFull);
      return fail_over();
    default:
      return fail_over();
  }
}

void Provider::open_anew() {
  drop_stream();
  ++era_;
  phase_ = Phase::kConnecting;
  if (session_ != kNobody) {
    say("does not know", node_);
    checkers_.truth().abandon(session_);
  }
  session_ = kNobody;
  later(1 + backoff_.next_ms(), [this, era = era_] {
    if (era == era_ && running()) connect();
  });
}

void Provider::move_away() {
  if (phase_ != Phase::kConnected || paused() || port_.node_count() == 1) return;
  // Its stream is closed a little later, as when a new connection is made before the old one ends.
  if (streaming_ && random_.chance(0.5)) {
    scheduler_.after(random_.between(1, 300), [this, stream = stream_] { port_.hang_up(stream); });
    streaming_ = false;
  }
  drop_stream();
  node_ = other_node();
  connect();
}

void Provider::end(TrueProcess::End how) {
  drop_stream();
  ++era_;
  phase_ = Phase::kGone;
  checkers_.truth().end_process(process_, how);
  port_.stop_listening(process_);
}

void Provider::die(bool with_machine) {
  if (gone()) return;
  streaming_ = false;  // it breaks by itself
  ++era_;
  phase_ = Phase::kGone;
  say(with_machine ? "loses the machine" : "loses the process", node_);
  checkers_.truth().end_process(
      process_, with_machine ? TrueProcess::End::kMachineDied : TrueProcess::End::kCrashed);
  port_.stop_listening(process_);
  port_.client_died(client_, with_machine);
}

// --- What befalls it ---

bool Provider::offers(uint32_t service) const {
  return std::any_of(items_.begin(), items_.end(), [&](const Item& item) {
    return checkers_.truth().key(item.place.key).service == service;
  });
}

void Provider::listen(const ProviderPlan::Item& place) {
  if (settings_.probes()) port_.listen(client_, process_, place.address, place.port);
}

void Provider::pause(int64_t for_ms) {
  if (!running()) return;
  say("is stopped by its people", node_, {});
  paused_until_ms_ = std::max(paused_until_ms_, scheduler_.now_ms() + for_ms);
  port_.stop_reading_until(client_, paused_until_ms_);
  checkers_.truth().process_paused(process_, paused_until_ms_);
}

void Provider::close_port(bool all) {
  if (!running() || items_.empty()) return;
  say(all ? "closes its ports" : "closes a port", node_);
  checkers_.truth().ports_closed(process_);
  const size_t one = random_.index(items_.size());
  for (size_t i = 0; i < items_.size(); ++i) {
    const ProviderPlan::Item& place = items_[i].place;
    if (all || i == one) port_.stop_listening(process_, place.address, place.port);
  }
}

void Provider::open_ports() {
  if (!running()) return;
  say("opens its ports", node_);
  for (const Item& item : items_) listen(item.place);
  checkers_.truth().ports_opened(process_);
}

// --- Staying alive ---

void Provider::drop_stream() {
  if (std::exchange(streaming_, false)) port_.hang_up(stream_);
}

void Provider::attach() {
  streaming_ = true;
  checkers_.truth().begin_tie(session_, node_);
  stream_ = port_.attach(client_, node_,
                         core::AttachSession{checkers_.truth().session(session_).id, told_epoch()},
                         std::make_shared<AttachSink>(*this, era_));
  watch_silence();
}

void Provider::on_alive() {
  heard_ms_ = scheduler_.now_ms();
  backoff_.reset();
  // What is read when it wakes up may have been said long before.
  if (scheduler_.now_ms() == paused_until_ms_) return;
  if (speaks()) return;  // only its heartbeats are signs of life
  checkers_.truth().stream_alive(session_, node_);
}

void Provider::watch_silence() {
  const int64_t left_ms = heard_ms_ + kStreamSilenceMs - scheduler_.now_ms();
  later(std::max<int64_t>(left_ms, 1), [this, era = era_] {
    if (era != era_ || phase_ != Phase::kConnected) return;
    if (scheduler_.now_ms() - heard_ms_ < kStreamSilenceMs) return watch_silence();
    fail_over();
  });
}

void Provider::beat_later() {
  const int64_t every_ms = owns_session() ? heartbeat_ms_ : plan_.ttl_ms / 3;
  const int64_t jitter_ms = std::max<int64_t>(every_ms / 10, 1);
  later(every_ms - random_.between(0, jitter_ms), [this, era = era_] {
    if (era == era_ && phase_ == Phase::kConnected) beat();
  });
}

void Provider::beat() {
  if (owns_session()) {
    heartbeat_session();
  } else {
    heartbeat_items();
  }
  beat_later();
}

void Provider::heartbeat_session() {
  checkers_.truth().begin_tie(session_, node_);
  port_.call(client_, node_,
             core::RefreshSession{checkers_.truth().session(session_).id, told_epoch()},
             core::Ack::kLocal, kCallTimeoutMs,
             [this, era = era_, node = node_, session = session_,
              begun_ms = scheduler_.now_ms()](const ClientPort::Answer& answer) {
               if (answer && answer->ok()) {
                 checkers_.truth().heartbeat_answered(session, node, begun_ms);
               }
               if (era != era_ || phase_ != Phase::kConnected) return;
               if (!answer) {
                 if (++missed_ >= kMissedBeats) fail_over();
               } else if (!answer->ok()) {
                 react(answer->error(), node);
               } else {
                 missed_ = 0;
                 backoff_.reset();
               }
             });
}

void Provider::heartbeat_items() {
  for (size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (!item.wanted || !item.settled || item.in_flight) continue;
    port_.call(client_, node_, core::RefreshInstance{checkers_.truth().key(item.place.key).key},
               core::Ack::kLocal, kCallTimeoutMs,
               [this, i, era = era_, node = node_, key = item.place.key,
                begun_ms = scheduler_.now_ms()](const ClientPort::Answer& answer) {
                 if (answer && answer->ok()) {
                   checkers_.truth().instance_refreshed(key, node, begun_ms);
                 }
                 if (era != era_ || phase_ != Phase::kConnected) return;
                 if (!answer) return fail_over();
                 if (answer->ok()) {
                   backoff_.reset();
                   const auto& kept = std::get<core::InstanceRefreshed>(answer->value());
                   if (settings_.client_tokens && kept.stamp != items_[i].after) {
                     // Not what this process has registered: a predecessor's late call has come
                     // after it, or it was lost with power and an older one is there again.
                     items_[i].settled = false;
                     send_owed();
                   }
                   return;
                 }
                 if (answer->error().code != base::ErrorCode::kNotFound) return fail_over();
                 items_[i].settled = !items_[i].wanted;
                 send_owed();
               });
  }
}

uint64_t Provider::state_hash() const {
  uint64_t hash = base::mix64(process_ + 1) ^ static_cast<uint64_t>(phase_);
  hash = base::mix64(hash ^ era_) ^ epoch_;
  for (const Item& item : items_) {
    hash = base::mix64(hash ^ item.rev) ^ item.after.hlc ^ (item.wanted ? 1 : 2);
  }
  return hash;
}

}  // namespace callbook::sim
