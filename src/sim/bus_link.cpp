#include "sim/bus_link.h"

#include <utility>

namespace callbook::sim {
namespace {

constexpr int64_t kAskEveryMs = 2'000;
constexpr int64_t kSilenceMs = 3'000;

}  // namespace

BusLink::BusLink(Process& process, Scheduler& scheduler, Bus& bus, Random random)
    : process_(process), scheduler_(scheduler), bus_(bus), random_(random) {
  bus_.set_listener(process_.index(), this);
}

BusLink::~BusLink() {
  bus_.set_listener(process_.index(), nullptr);
}

void BusLink::tick() {
  const int64_t now_ms = scheduler_.now_ms();
  if (!started_) return;
  if (state_ == State::kDown) {
    if (now_ms >= next_attempt_ms_) connect();
    return;
  }
  if (asked_ && now_ms - asked_ms_ > kSilenceMs) return lose();
  if (!asked_ && now_ms - asked_ms_ >= kAskEveryMs) {
    asked_ = true;
    asked_ms_ = now_ms;
    bus_.ask_heads(process_.index(), connection_, order_);
  }
}

void BusLink::connect() {
  state_ = State::kConnecting;
  connection_ = bus_.next_connection();
  order_ = {};
  asked_ = true;  // the heads come with the connection
  asked_ms_ = scheduler_.now_ms();
  bus_.connect(process_.index(), connection_, order_);
}

void BusLink::lose() {
  if (state_ == State::kDown) return;
  bus_.disconnect(process_.index(), connection_, order_);
  state_ = State::kDown;
  connection_ = 0;
  next_attempt_ms_ = scheduler_.now_ms() + random_.between(100, 1'000);
  process_.receive(core::ReportBusLost{}, nullptr);
}

void BusLink::hang_up() {
  if (state_ != State::kDown) bus_.disconnect(process_.index(), connection_, order_);
}

void BusLink::fetch(const core::Fetch& wanted) {
  if (connected()) bus_.fetch(process_.index(), connection_, order_, wanted);
}

void BusLink::publish(const core::Publications& publications) {
  if (!connected()) return;
  std::vector<BusPublication> messages;
  for (size_t stream = 0; stream < publications.size(); ++stream) {
    const core::RecordBatch& batch = publications[stream];
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto item = batch[i];
      messages.push_back({static_cast<core::Stream>(stream), item.version, std::string(item.key),
                          std::string(item.value)});
    }
  }
  if (messages.empty()) return;
  bus_.publish(process_.index(), connection_, order_, std::move(messages));
}

void BusLink::broadcast(std::shared_ptr<const std::string> beat) {
  if (connected()) bus_.broadcast(process_.index(), connection_, order_, std::move(beat));
}

template <typename Action>
void BusLink::heard(uint64_t connection, Action action) {
  process_.when_running([this, connection, action = std::move(action)]() mutable {
    if (connection == connection_) action();
  });
}

void BusLink::on_connected(uint64_t connection) {
  heard(connection, [this] { state_ = State::kConnected; });
}

void BusLink::on_heads(uint64_t connection, const core::BusPositions& heads) {
  heard(connection, [this, heads] {
    asked_ = false;
    process_.receive(core::ReportBus{heads}, nullptr);
  });
}

void BusLink::on_batch(uint64_t connection, BusBatchPtr batch) {
  heard(connection, [this, batch = std::move(batch)] { process_.receive(batch->input(), batch); });
}

void BusLink::on_settled(uint64_t connection, uint64_t ticket, bool acknowledged) {
  heard(connection, [this, ticket, acknowledged] {
    process_.receive(core::SettlePublication{ticket, acknowledged}, nullptr);
  });
}

void BusLink::on_beat(uint64_t connection, std::shared_ptr<const std::string> bytes) {
  heard(connection,
        [this, bytes = std::move(bytes)] { process_.receive(core::HearBeat{*bytes}, bytes); });
}

void BusLink::on_broken(uint64_t connection) {
  heard(connection, [this] { lose(); });
}

}  // namespace callbook::sim
