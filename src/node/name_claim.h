#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/input.h"

namespace callbook::node {

/// Another node that has this node's name, or a name with the same id (core::node_id_of): stamps of
/// the two can't be told apart.
struct NameBearer {
  std::string name;
  std::string http;
  uint64_t boot = 0;
  bool serving = false;
};

/// Judges whether this node may serve under its name. It may not if a node that has the name, under
/// another boot, answers at its address or goes on beating. One beat alone proves nothing: it may
/// have been on its way when its process was killed, which is what a quick restart meets.
///
/// First this node listens, and sends nothing: a node that has the name must not be disturbed. Then
/// it beats, without serving, so that nodes that start together notice each other: the one with the
/// lower boot goes on. Pure; times are monotonic ms. Not thread-safe.
class NameClaim {
 public:
  using Stage = core::ClaimName::Stage;

  /// How long the bus is listened to; beats come every second.
  static constexpr int64_t kListenMs = 1'500;
  /// Without the bus, how long it is waited for.
  static constexpr int64_t kAwayMs = 3'000;
  /// How long beats go out before the name counts as this node's own.
  static constexpr int64_t kAnnounceMs = 600;
  /// A beat that comes so long after another of its boot was not on its way with it.
  static constexpr int64_t kAgainMs = 700;

  explicit NameClaim(uint64_t boot) : boot_(boot) {}

  /// A beat of another node with the name came.
  void heard(const NameBearer& other, int64_t now_ms);
  /// Another node with the name has answered at its address.
  void answered(const NameBearer& other);
  /// Time has passed: call it every 100 ms or so. `asking`: some of the nodes that were asked have
  /// not answered yet, nor been given up.
  void advance(int64_t now_ms, bool bus_connected, bool asking);

  /// May go back to kListening when the bus is reached late.
  Stage stage() const { return stage_; }
  /// For how long beats have gone out.
  int64_t announced_ms() const { return announced_ms_; }
  /// The node for which this one has to give way. Once there is one it stays.
  const std::optional<NameBearer>& taken_by() const { return taken_by_; }

 private:
  struct Rival {
    NameBearer node;
    int64_t first_ms = 0;
    bool proven = false;  ///< it runs
  };
  static constexpr size_t kMostRivals = 16;

  Rival* rival(const NameBearer& other, int64_t now_ms);
  void judge();
  bool waits_for_more(int64_t now_ms) const;

  const uint64_t boot_;
  Stage stage_ = Stage::kListening;
  std::map<uint64_t, Rival> rivals_;  ///< by boot
  std::optional<NameBearer> taken_by_;
  std::optional<int64_t> advanced_ms_;
  bool bus_connected_ = false;
  int64_t on_bus_ms_ = 0;  ///< listened to it for so long without a break
  int64_t away_ms_ = 0;
  int64_t announced_ms_ = 0;
};

}  // namespace callbook::node
