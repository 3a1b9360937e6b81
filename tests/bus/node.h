#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bus/bus.h"

namespace callbook::testing {

/// What a registry node makes of a bus, by core's rules (src/core/registry_bus.cpp): it applies a
/// batch that begins no later than its own position, fetches what is missing, and begins anew when
/// a stream was made anew or shortened. Reports every breach of the bus's contract as a failure.
class Node {
 public:
  struct Record {
    uint64_t version = 0;
    std::string value;
    bool operator==(const Record&) const = default;
  };
  using Records = std::map<std::string, Record>;

  explicit Node(std::unique_ptr<bus::Bus> bus);
  ~Node();

  /// Takes and applies what has happened.
  void pump();

  /// As after a snapshot: nothing through this position is asked for. Otherwise the node begins at
  /// the beginning of the stream that it finds.
  void begin_at(bus::Stream stream, bus::Position position);

  /// Returns the ticket.
  uint64_t publish(bus::Stream stream, const std::string& key, const std::string& value);
  void publish_many(bus::Stream stream,
                    const std::vector<std::pair<std::string, std::string>>& all);
  void broadcast(const std::string& beat) { bus_->broadcast(beat); }
  void fetch(bus::Stream stream, bus::Position after) { bus_->fetch(stream, after); }
  void stop();

  bool connected() const { return connected_; }
  uint64_t times_connected() const { return times_connected_; }
  uint64_t times_heads() const { return times_heads_; }
  bus::Position position(bus::Stream stream) const { return at_[bus::index_of(stream)]; }
  bus::Position head(bus::Stream stream) const { return heads_[bus::index_of(stream)]; }
  const Records& records(bus::Stream stream) const { return records_[bus::index_of(stream)]; }
  uint64_t resets() const { return resets_; }
  uint64_t messages() const { return messages_; }
  uint64_t repeated() const { return repeated_; }
  /// Neither acknowledged nor failed yet.
  size_t in_flight() const { return in_flight_.size(); }
  std::optional<bool> settled(uint64_t ticket) const;
  size_t acknowledged() const { return acknowledged_; }
  size_t failed() const { return failed_; }
  const std::vector<std::string>& beats() const { return beats_; }
  const std::vector<std::string>& refusals() const { return refusals_; }

  /// Highest number acknowledged of each key, when values are numbers: see acknowledged_number().
  const std::map<std::string, uint64_t>& acknowledged_numbers() const {
    return acknowledged_numbers_;
  }

 private:
  struct Sent {
    std::string key;
    std::string value;
  };

  void on(const bus::Heads& event);
  void on(const bus::Lost& event);
  void on(const bus::Settled& event);
  void on(const bus::Batch& event);
  void on(const bus::Beat& event) { beats_.push_back(event.bytes); }
  void on(const bus::Refused& event) { refusals_.push_back(event.error.detail); }
  void on(const bus::Unreachable& event) const;
  void ask(bus::Stream stream);

  std::unique_ptr<bus::Bus> bus_;
  bus::Positions at_{};
  bus::Positions heads_{};
  std::array<bool, bus::kStreamCount> asked_{};
  std::array<Records, bus::kStreamCount> records_;
  std::map<uint64_t, Sent> in_flight_;
  std::map<uint64_t, bool> settled_;
  std::map<std::string, uint64_t> acknowledged_numbers_;
  std::vector<std::string> beats_;
  std::vector<std::string> refusals_;
  uint64_t last_ticket_ = 0;
  uint64_t resets_ = 0;
  uint64_t messages_ = 0;
  uint64_t repeated_ = 0;
  uint64_t times_connected_ = 0;
  uint64_t times_heads_ = 0;
  size_t acknowledged_ = 0;
  size_t failed_ = 0;
  bool connected_ = false;
};

}  // namespace callbook::testing
