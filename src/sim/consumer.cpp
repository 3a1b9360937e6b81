#include "sim/consumer.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/hash.h"

namespace callbook::sim {
namespace {

/// Signs of life come every few seconds.
constexpr int64_t kSilenceMs = 12'000;
constexpr double kShareTo1 = 0x1p-53;
constexpr double kSameNodeAgain = 0.4;

}  // namespace

class Consumer::WatchSink final : public StreamSink {
 public:
  WatchSink(Consumer& owner, uint64_t era) : owner_(owner), era_(era) {}

  void opened() override {
    if (owner_.era_ == era_) owner_.opened();
  }
  void alive() override { owner_.received({era_, std::nullopt, std::nullopt}); }
  void event(WatchEvent event, std::optional<std::pair<uint64_t, uint64_t>> id) override {
    owner_.received({era_, std::move(event), id});
  }
  void closed(const std::optional<base::Error>& error) override {
    if (owner_.era_ != era_) return;
    owner_.streaming_ = false;
    owner_.lost(error);
  }

 private:
  Consumer& owner_;
  const uint64_t era_;
};

Consumer::Consumer(Scheduler& scheduler, ClientPort& port, Random random, const Settings& settings,
                   Checkers& checkers, ClientId client, std::vector<uint32_t> services)
    : scheduler_(scheduler),
      port_(port),
      random_(random),
      calls_random_(random.child(1)),
      reports_(settings.client_reports),
      checkers_(checkers),
      client_(client),
      backoff_([this] { return static_cast<double>(random_.bits() >> 11) * kShareTo1; }) {
  lists_.reserve(services.size());
  for (const uint32_t service : services) {
    lists_.push_back({service, sdk::Directory(checkers.truth().service(service).name)});
  }
}

Consumer::~Consumer() = default;

void Consumer::start() {
  checkers_.consumers().add(*this);
  connect(random_.index(port_.node_count()));
  if (reports_) call_later();
}

std::optional<size_t> Consumer::connected() const {
  if (!open_) return std::nullopt;
  return node_;
}

size_t Consumer::other_node() {
  const size_t count = port_.node_count();
  return count == 1 ? node_ : (node_ + 1 + random_.index(count - 1)) % count;
}

WatchRequest Consumer::request() {
  WatchRequest wanted;
  bool by_digest = false;
  for (const List& list : lists_) {
    WatchRequest::Service service;
    service.key = checkers_.truth().service(list.service);
    if (list.directory.can_resume()) service.digest = list.directory.instances().digest();
    by_digest |= service.digest.has_value();
    wanted.services.push_back(std::move(service));
  }
  // An id stands for all lists. It may be of a process that is gone: that the node must see.
  const bool by_id = last_id_ && last_id_node_ == node_;
  if (by_id) wanted.last_event_id = last_id_;
  if (by_id || by_digest) checkers_.count(by_id ? Rule::kResumedById : Rule::kResumedByDigest);
  return wanted;
}

void Consumer::connect(size_t node) {
  ++era_;
  node_ = node;
  open_ = false;
  streaming_ = true;
  unread_.clear();
  heard_ms_ = scheduler_.now_ms();
  for (List& list : lists_) list.directory.stream_lost();
  stream_ = port_.watch(client_, node, request(), std::make_shared<WatchSink>(*this, era_));
  watch_silence();
}

void Consumer::opened() {
  open_ = true;
  heard_ms_ = scheduler_.now_ms();
}

void Consumer::watch_silence() {
  const int64_t left_ms = heard_ms_ + kSilenceMs - scheduler_.now_ms();
  scheduler_.after(std::max<int64_t>(left_ms, 1), [this, era = era_] {
    if (era != era_ || !streaming_) return;
    const bool busy = scheduler_.now_ms() < reads_again_ms_;
    if (busy || scheduler_.now_ms() - heard_ms_ < kSilenceMs) return watch_silence();
    go_on(false);
  });
}

// --- Reading ---

void Consumer::stop_reading(int64_t for_ms) {
  reads_again_ms_ = std::max(reads_again_ms_, scheduler_.now_ms() + for_ms);
  scheduler_.at(reads_again_ms_, [this] { read_on(); });
}

void Consumer::received(Unread one) {
  if (one.era != era_) return;
  heard_ms_ = scheduler_.now_ms();
  unread_.push_back(std::move(one));
  read_on();
}

void Consumer::read_on() {
  if (scheduler_.now_ms() < reads_again_ms_) return;
  // Reading one may end the stream, and with it the rest.
  std::vector<Unread> waiting = std::exchange(unread_, {});
  for (Unread& one : waiting) {
    if (one.era == era_) read(one);
  }
}

void Consumer::read(Unread& one) {
  if (!one.event) {
    for (List& list : lists_) list.directory.confirmed();
    checkers_.consumers().sign_of_life(*this);
    backoff_.reset();
    return;
  }
  take(*one.event, one.id);
}

void Consumer::take(WatchEvent& event, const EventId& id) {
  const std::string& service = event.snapshot ? event.snapshot->service : event.delta->service;
  const auto found = std::find_if(lists_.begin(), lists_.end(), [&](const List& list) {
    return list.directory.service() == service;
  });
  if (found == lists_.end()) return;
  const auto index = static_cast<size_t>(found - lists_.begin());
  if (last_id_node_ != node_) last_id_.reset();  // the lists are no longer what it stands for
  const bool proven =
      event.snapshot ? event.snapshot->digest.has_value() : event.delta->digest.has_value();
  if (event.snapshot) {
    if (event.snapshot->part > 1) checkers_.count(Rule::kSnapshotInParts);
    found->directory.take(std::move(*event.snapshot));
  } else {
    found->directory.take(std::move(*event.delta));
  }
  if (found->directory.dropped() && found->directory.mismatch()) {
    checkers_.consumers().contradicted(*this, index);
    return go_on(true);
  }
  // Not believed: what others say will tell.
  if (found->directory.dropped()) return go_on(false);
  if (id) {
    for (List& list : lists_) list.directory.confirmed();
    const bool other_boot = last_id_ && last_id_node_ == node_ && last_id_->first != id->first;
    if (other_boot) checkers_.count(Rule::kBootChanged);
    last_id_ = id;
    last_id_node_ = node_;
  }
  checkers_.consumers().took_event(*this, index, proven, id);
}

// --- Calling those that it holds ---

void Consumer::call_later() {
  scheduler_.after(calls_random_.between(1'000, 4'000), [this] {
    if (calls_random_.chance(0.01)) {
      blind_until_ms_ = scheduler_.now_ms() + calls_random_.between(2'000, 20'000);
    }
    call_all();
    call_later();
  });
}

void Consumer::call_all() {
  constexpr int kMostReports = 3;
  const bool blind = scheduler_.now_ms() < blind_until_ms_;
  int left = kMostReports;
  for (const List& list : lists_) {
    for (const auto& held : list.directory.instances()) {
      const sdk::Instance& one = *held.instance;
      if (left == 0 || (!blind && port_.answers_at(one.address, one.port))) continue;
      // Whoever is known to be away is not called.
      if (one.state == "out_of_service" || one.state == "down") continue;
      // Those of operators stand for what does not speak to the registry.
      if (one.address.starts_with("10.200.")) continue;
      --left;
      report(list.service, one.id);
    }
  }
}

void Consumer::report(uint32_t service, const std::string& id) {
  constexpr int64_t kTimeoutMs = 2'000;
  core::ReportInstance input;
  input.key = {checkers_.truth().service(service), id};
  input.by = fmt::format("consumer-{}", client_);
  port_.call(client_, node_, std::move(input), core::Ack::kLocal, kTimeoutMs,
             [](const ClientPort::Answer&) {});
}

// --- Going on elsewhere ---

void Consumer::lost(const std::optional<base::Error>&) {
  go_on(random_.chance(kSameNodeAgain));
}

void Consumer::reconnect() {
  if (!open_) return;
  go_on(random_.chance(kSameNodeAgain));
}

void Consumer::go_on(bool same_node) {
  if (std::exchange(streaming_, false)) port_.hang_up(stream_);
  open_ = false;
  ++era_;
  const size_t next = same_node ? node_ : other_node();
  const bool contradicted = std::any_of(lists_.begin(), lists_.end(),
                                        [](const List& list) { return list.directory.mismatch(); });
  if (contradicted) last_id_.reset();  // the lists are not what the id says
  scheduler_.after(1 + backoff_.next_ms(), [this, era = era_, next] {
    if (era == era_) connect(next);
  });
}

uint64_t Consumer::state_hash() const {
  uint64_t hash = base::mix64(client_ + 1) ^ era_;
  for (const List& list : lists_) {
    hash = base::mix64(hash ^ list.directory.instances().digest()) ^ list.directory.whole();
  }
  return hash;
}

}  // namespace callbook::sim
