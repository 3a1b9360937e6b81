#include <map>
#include <optional>
#include <set>
#include <utility>

#include "sim/bus.h"
#include "tests/bus/surroundings.h"

namespace callbook::testing {
namespace {

constexpr size_t kMostNodes = 8;
constexpr int64_t kTickMs = 100;
constexpr int64_t kAskEveryMs = 1'000;
constexpr int64_t kRetryMs = 300;
constexpr size_t kMaxPublications = 8'192;

/// The simulated bus behind the interface of the real one: what sim::BusLink is to a simulated
/// node.
class SimulatedBus final : public bus::Bus, public sim::BusListener {
 public:
  SimulatedBus(sim::Scheduler& scheduler, sim::Bus& bus, size_t node)
      : scheduler_(scheduler), bus_(bus), node_(node) {
    bus_.set_listener(node_, this);
  }
  ~SimulatedBus() override { bus_.set_listener(node_, nullptr); }

  void start() override { connect(); }
  void stop() override {
    if (connection_ != 0) bus_.disconnect(node_, connection_, order_);
    connection_ = 0;
    events_.clear();
  }
  /// Several times a second.
  void tick() {
    const int64_t now_ms = scheduler_.now_ms();
    if (connection_ == 0 && now_ms >= next_ms_) return connect();
    if (!connected_ || now_ms < next_ms_) return;
    next_ms_ = now_ms + kAskEveryMs;
    bus_.ask_heads(node_, connection_, order_);
  }

  void publish(std::span<const bus::Publication> publications) override {
    std::vector<sim::BusPublication> sent;
    for (const bus::Publication& one : publications) {
      if (!connected_ || tickets_.size() >= kMaxPublications || one.key.empty() ||
          one.key.size() > bus::kMaxKeyBytes) {
        events_.emplace_back(bus::Settled{one.ticket, false});
        continue;
      }
      tickets_.insert(one.ticket);
      sent.push_back({static_cast<core::Stream>(one.stream), one.ticket, std::string(one.key),
                      std::string(one.value)});
    }
    if (!sent.empty()) bus_.publish(node_, connection_, order_, std::move(sent));
  }
  void fetch(bus::Stream stream, bus::Position after) override {
    if (!connected_) return;
    const auto of = static_cast<core::Stream>(stream);
    bus_.fetch(node_, connection_, order_, {of, after.generation, after.version});
  }
  void broadcast(std::string_view beat) override {
    if (!connected_) return;
    bus_.broadcast(node_, connection_, order_, std::make_shared<const std::string>(beat));
  }
  std::vector<bus::Event> take() override { return std::exchange(events_, {}); }

  void on_connected(uint64_t connection) override {
    if (connection == connection_) connected_ = true;
  }
  void on_heads(uint64_t connection, const core::BusPositions& heads) override {
    if (connection != connection_) return;
    bus::Heads told;
    for (size_t s = 0; s < heads.size(); ++s) {
      told.heads[s] = {heads[s].generation, heads[s].version};
    }
    events_.emplace_back(told);
    next_ms_ = scheduler_.now_ms() + kAskEveryMs;
  }
  void on_batch(uint64_t connection, sim::BusBatchPtr batch) override {
    if (connection != connection_) return;
    bus::Batch told;
    told.stream = static_cast<bus::Stream>(batch->stream);
    told.generation = batch->generation;
    told.after = batch->after;
    told.through = batch->through;
    for (const core::BusMessage& one : batch->messages) told.add(one.version, one.key, one.value);
    events_.emplace_back(std::move(told));
  }
  void on_settled(uint64_t connection, uint64_t ticket, bool acknowledged) override {
    if (connection != connection_ || tickets_.erase(ticket) == 0) return;
    events_.emplace_back(bus::Settled{ticket, acknowledged});
  }
  void on_beat(uint64_t connection, std::shared_ptr<const std::string> bytes) override {
    if (connection == connection_) events_.emplace_back(bus::Beat{*bytes});
  }
  void on_broken(uint64_t connection) override {
    if (connection != connection_) return;
    connection_ = 0;
    next_ms_ = scheduler_.now_ms() + kRetryMs;
    for (const uint64_t ticket : std::exchange(tickets_, {})) {
      events_.emplace_back(bus::Settled{ticket, false});
    }
    if (std::exchange(connected_, false)) events_.emplace_back(bus::Lost{"broken"});
  }

 private:
  void connect() {
    connection_ = bus_.next_connection();
    order_ = {};
    bus_.connect(node_, connection_, order_);
  }

  sim::Scheduler& scheduler_;
  sim::Bus& bus_;
  const size_t node_;
  uint64_t connection_ = 0;
  bool connected_ = false;
  int64_t next_ms_ = 0;
  sim::Links::Order order_;
  std::set<uint64_t> tickets_;
  std::vector<bus::Event> events_;
};

class Simulated final : public Surroundings {
 public:
  explicit Simulated(int64_t tied_age_ms)
      : links_(scheduler_, kMostNodes, sim::Random(1)),
        bus_(scheduler_, links_, settings(tied_age_ms), sim::Random(2)) {}
  ~Simulated() override { drop_nodes(); }

  void take_away() override {
    bus_.break_connections();
    scheduler_.run_until(scheduler_.now_ms() + kTickMs);
    bus_.stall();
  }
  void bring_back() override { bus_.unstall(); }
  void recreate(bus::Stream stream) override { bus_.recreate(static_cast<core::Stream>(stream)); }
  size_t max_publications() const override { return kMaxPublications; }

 protected:
  std::unique_ptr<bus::Bus> make_bus(size_t index) override {
    auto made = std::make_unique<SimulatedBus>(scheduler_, bus_, index);
    ends_.push_back(made.get());
    return made;
  }
  void step() override {
    scheduler_.run_until(scheduler_.now_ms() + kTickMs);
    for (SimulatedBus* end : ends_) end->tick();
  }
  int64_t now_ms() override { return scheduler_.now_ms(); }

 private:
  static sim::Settings settings(int64_t tied_age_ms) {
    sim::Settings made;
    made.nodes = kMostNodes;
    made.timing.record_age_ms = tied_age_ms;
    return made;
  }

  sim::Scheduler scheduler_;
  sim::Links links_;
  sim::Bus bus_;
  std::vector<SimulatedBus*> ends_;
};

}  // namespace

std::unique_ptr<Surroundings> make_simulated(int64_t tied_age_ms) {
  return std::make_unique<Simulated>(tied_age_ms);
}

}  // namespace callbook::testing
