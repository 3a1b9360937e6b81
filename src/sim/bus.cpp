#include "sim/bus.h"

#include <algorithm>

namespace callbook::sim {
namespace {

constexpr size_t kMostPerBatch = 500;
constexpr int64_t kLongestPushDelayMs = 3;
constexpr int64_t kUpkeepMs = 1'000;
constexpr int64_t kLatestRepetitionMs = 3'000;
constexpr int64_t kLatestAnswerMs = 2'000;
constexpr int64_t kSilentConnectionMs = 10'000;
/// What waited for a dead link longer than that came over a connection that is long gone.
constexpr int64_t kLongestWaitMs = 15'000;

int64_t draw_compaction_ms(Random random) {
  constexpr int64_t kChoices[] = {1'000, 5'000, 30'000};
  return kChoices[random.index(std::size(kChoices))];
}

}  // namespace

Bus::Bus(Scheduler& scheduler, Links& links, const Settings& settings, Random random)
    : scheduler_(scheduler),
      links_(links),
      record_age_ms_(settings.timing.record_age_ms),
      compact_every_ms_(draw_compaction_ms(random.child(1))),
      random_(random.child(2)),
      streams_{BusStream(core::Stream::kTied, 1), BusStream(core::Stream::kLasting, 2)},
      on_fork_(settings.nodes),
      listeners_(settings.nodes) {
  schedule_upkeep();
}

// --- What nodes ask ---

template <typename Action>
void Bus::on_arrival(size_t node, Links::Order& order, Action action) {
  links_.send(Links::node(node), links_.bus(), order,
              [this, sent_ms = scheduler_.now_ms(), action = std::move(action)]() mutable {
                if (scheduler_.now_ms() - sent_ms > kLongestWaitMs) return;
                if (stalled_) {
                  waiting_.push_back(std::move(action));
                } else {
                  action();
                }
              });
}

void Bus::connect(size_t node, uint64_t connection, Links::Order& order) {
  on_arrival(node, order, [this, node, connection] { accept(node, connection); });
}

void Bus::disconnect(size_t node, uint64_t connection, Links::Order& order) {
  on_arrival(node, order, [this, connection] { connections_.erase(connection); });
}

void Bus::ask_heads(size_t node, uint64_t connection, Links::Order& order) {
  on_arrival(node, order, [this, connection] { send_heads(connection); });
}

void Bus::fetch(size_t node, uint64_t connection, Links::Order& order, core::Fetch wanted) {
  on_arrival(node, order, [this, connection, wanted] { answer_fetch(connection, wanted); });
}

void Bus::publish(size_t node, uint64_t connection, Links::Order& order,
                  std::vector<BusPublication> publications) {
  on_arrival(node, order, [this, node, connection, published = std::move(publications)] {
    take(node, connection, published);
  });
}

void Bus::broadcast(size_t node, uint64_t connection, Links::Order& order,
                    std::shared_ptr<const std::string> beat) {
  on_arrival(node, order, [this, connection, beat = std::move(beat)] {
    if (find(connection) == nullptr) return;
    for (auto& [other, to] : connections_) {
      if (other == connection) continue;
      tell(other,
           [beat](BusListener& listener, uint64_t number) { listener.on_beat(number, beat); });
    }
  });
}

// --- What the bus does about it ---

Bus::Connection* Bus::find(uint64_t connection) {
  const auto found = connections_.find(connection);
  return found == connections_.end() ? nullptr : &found->second;
}

core::BusPositions Bus::heads_of(size_t node) {
  drop_aged();
  const Streams& streams = streams_of(node);
  return {streams[0].head(), streams[1].head()};
}

void Bus::accept(size_t node, uint64_t connection) {
  Connection made;
  made.node = node;
  made.pushed = heads_of(node);
  made.heard_ms = scheduler_.now_ms();
  connections_.emplace(connection, made);
  tell(connection, [](BusListener& listener, uint64_t number) { listener.on_connected(number); });
  send_heads(connection);
}

void Bus::send_heads(uint64_t connection) {
  Connection* asked = find(connection);
  if (asked == nullptr) return;
  asked->heard_ms = scheduler_.now_ms();
  tell(connection, [heads = heads_of(asked->node)](BusListener& listener, uint64_t number) {
    listener.on_heads(number, heads);
  });
}

void Bus::answer_fetch(uint64_t connection, const core::Fetch& wanted) {
  const Connection* asked = find(connection);
  if (asked == nullptr || (dropping_ > 0 && random_.chance(dropping_))) return;
  drop_aged();
  const BusStream& stream = streams_of(asked->node)[core::index_of(wanted.stream)];
  const core::StreamPosition head = stream.head();
  // There is nothing to answer about another generation, or beyond the end, but what there is.
  if (wanted.generation != head.generation || wanted.after > head.version) {
    return send_heads(connection);
  }
  send_batch(connection, stream.read(wanted.after, kMostPerBatch));
}

void Bus::take(size_t node, uint64_t connection, const std::vector<BusPublication>& publications) {
  // Of a connection that is gone too: the bytes were here before its end was noticed.
  Streams& streams = streams_of(node);
  for (const BusPublication& one : publications) {
    if (dropping_ > 0 && random_.chance(dropping_)) {
      if (random_.chance(0.5)) acknowledge(connection, one.ticket, false);
      continue;
    }
    streams[core::index_of(one.stream)].append(one.key, one.value, scheduler_.now_ms());
    if (dropping_ > 0 && random_.chance(dropping_)) continue;  // the acknowledgement is lost
    acknowledge(connection, one.ticket, true);
  }
  schedule_pushes();
}

void Bus::acknowledge(uint64_t connection, uint64_t ticket, bool acknowledged) {
  const auto answer = [this, connection, ticket, acknowledged] {
    tell(connection, [ticket, acknowledged](BusListener& listener, uint64_t number) {
      listener.on_settled(number, ticket, acknowledged);
    });
  };
  const bool late = dropping_ > 0 && random_.chance(dropping_);
  if (!late) return answer();
  scheduler_.after(random_.between(1, kLatestAnswerMs), answer);
}

void Bus::send_batch(uint64_t connection, BusBatchPtr batch) {
  tell(connection, [batch = std::move(batch)](BusListener& listener, uint64_t number) {
    listener.on_batch(number, batch);
  });
}

template <typename Tell>
void Bus::tell(uint64_t connection, Tell tell) {
  Connection* to = find(connection);
  if (to == nullptr) return;
  links_.send(links_.bus(), Links::node(to->node), to->order,
              [this, node = to->node, connection, tell = std::move(tell)] {
                if (BusListener* listener = listeners_[node]) tell(*listener, connection);
              });
}

// --- Pushing ---

void Bus::schedule_pushes() {
  for (auto& [number, connection] : connections_) {
    if (connection.push_scheduled) continue;
    connection.push_scheduled = true;
    scheduler_.after(random_.between(1, kLongestPushDelayMs),
                     [this, pushed = number] { push(pushed); });
  }
}

void Bus::push(uint64_t connection) {
  Connection* to = find(connection);
  if (to == nullptr) return;
  to->push_scheduled = false;
  if (stalled_) return;
  for (const BusStream& stream : streams_of(to->node)) push_stream(connection, *to, stream);
}

void Bus::push_stream(uint64_t number, Connection& connection, const BusStream& stream) {
  const core::StreamPosition head = stream.head();
  core::StreamPosition& pushed = connection.pushed[core::index_of(stream.name())];
  if (pushed.generation != head.generation) pushed = {head.generation, 0};
  // A stream that was shortened is read on from its end.
  pushed.version = std::min(pushed.version, head.version);
  while (pushed.version < head.version) {
    const BusBatchPtr batch = stream.read(pushed.version, kMostPerBatch);
    pushed.version = batch->through;
    const bool lost = dropping_ > 0 && random_.chance(dropping_);
    if (!lost) send_batch(number, batch);
    if (repeating_ == 0 || !random_.chance(repeating_)) continue;
    scheduler_.after(random_.between(0, kLatestRepetitionMs),
                     [this, number, batch] { send_batch(number, batch); });
  }
}

// --- Upkeep ---

void Bus::schedule_upkeep() {
  scheduler_.after(kUpkeepMs, [this] {
    drop_aged();
    if (!stalled_) drop_silent_connections();
    if (scheduler_.now_ms() % compact_every_ms_ < kUpkeepMs) compact();
    schedule_upkeep();
  });
}

void Bus::drop_aged() {
  const int64_t before_ms = scheduler_.now_ms() - record_age_ms_;
  const size_t tied = core::index_of(core::Stream::kTied);
  streams_[tied].drop_older_than(before_ms);
  if (fork_) (*fork_)[tied].drop_older_than(before_ms);
}

void Bus::drop_silent_connections() {
  const int64_t before_ms = scheduler_.now_ms() - kSilentConnectionMs;
  std::erase_if(connections_, [&](const auto& one) { return one.second.heard_ms < before_ms; });
}

void Bus::compact() {
  for (BusStream& stream : streams_) stream.compact();
  if (!fork_) return;
  for (BusStream& stream : *fork_) stream.compact();
}

// --- Faults ---

void Bus::stall() {
  stalled_ = true;
}

void Bus::unstall() {
  stalled_ = false;
  std::vector<Links::Action> waiting = std::exchange(waiting_, {});
  for (Links::Action& action : waiting) action();
  schedule_pushes();
}

void Bus::lose_tail(uint64_t count) {
  for (BusStream& stream : streams_) stream.lose_tail(count);
}

void Bus::fork(const std::vector<size_t>& nodes) {
  fork_ = streams_;
  for (const size_t node : nodes) on_fork_[node] = true;
}

void Bus::join() {
  fork_.reset();
  on_fork_.assign(on_fork_.size(), false);
  schedule_pushes();
}

void Bus::recreate(core::Stream stream) {
  streams_[core::index_of(stream)] = BusStream(stream, ++last_generation_);
}

void Bus::break_connections() {
  std::map<uint64_t, Connection> broken = std::exchange(connections_, {});
  for (auto& [number, connection] : broken) {
    // A reset, which the node may never hear.
    if (!links_.up(links_.bus(), Links::node(connection.node))) continue;
    links_.send(links_.bus(), Links::node(connection.node), connection.order,
                [this, node = connection.node, broken_number = number] {
                  if (listeners_[node]) listeners_[node]->on_broken(broken_number);
                });
  }
}

void Bus::publish_for_stranger(core::Stream stream, std::string key, std::string value) {
  streams_[core::index_of(stream)].append(std::move(key), std::move(value), scheduler_.now_ms());
  schedule_pushes();
}

std::optional<std::pair<core::Stream, BusEntryPtr>> Bus::any_entry() {
  constexpr int kTries = 20;
  for (int i = 0; i < kTries; ++i) {
    const auto stream = static_cast<core::Stream>(random_.index(core::kStreamCount));
    const BusStream& from = streams_[core::index_of(stream)];
    if (from.size() == 0) continue;
    const BusEntryPtr& entry = from.at(random_.index(from.size()));
    if (!entry->value.empty()) return std::make_pair(stream, entry);
  }
  return std::nullopt;
}

}  // namespace callbook::sim
