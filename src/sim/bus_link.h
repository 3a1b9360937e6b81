#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/output.h"
#include "sim/bus.h"
#include "sim/process.h"
#include "sim/random.h"

namespace callbook::sim {

/// A node's end of the bus: connects, notices when the bus is silent, turns what it says into
/// inputs of core. Belongs to one process.
class BusLink final : public BusListener {
 public:
  BusLink(Process& process, Scheduler& scheduler, Bus& bus, Random random);
  ~BusLink() override;
  BusLink(const BusLink&) = delete;
  BusLink& operator=(const BusLink&) = delete;

  /// Begins to connect. Before, nothing is passed on.
  void start() { started_ = true; }
  /// A few times a second.
  void tick();
  /// The process ends: the bus is told at once.
  void hang_up();
  bool connected() const { return state_ == State::kConnected; }

  /// All three do nothing while there is no connection.
  void fetch(const core::Fetch& wanted);
  void publish(const core::Publications& publications);
  void broadcast(std::shared_ptr<const std::string> beat);

  void on_connected(uint64_t connection) override;
  void on_heads(uint64_t connection, const core::BusPositions& heads) override;
  void on_batch(uint64_t connection, BusBatchPtr batch) override;
  void on_settled(uint64_t connection, uint64_t ticket, bool acknowledged) override;
  void on_beat(uint64_t connection, std::shared_ptr<const std::string> bytes) override;
  void on_broken(uint64_t connection) override;

 private:
  enum class State : uint8_t { kDown, kConnecting, kConnected };

  template <typename Action>
  void heard(uint64_t connection, Action action);
  void connect();
  void lose();

  Process& process_;
  Scheduler& scheduler_;
  Bus& bus_;
  Random random_;
  State state_ = State::kDown;
  bool started_ = false;
  uint64_t connection_ = 0;
  Links::Order order_;
  bool asked_ = false;  ///< and not answered yet
  int64_t asked_ms_ = 0;
  int64_t next_attempt_ms_ = 0;
};

}  // namespace callbook::sim
