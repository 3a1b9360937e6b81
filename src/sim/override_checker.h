#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/input.h"
#include "sim/client_port.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// Property: what an operator says of an instance is in effect where it was accepted as soon as
/// that is answered, and in the end everywhere, whatever its provider does, until it is removed.
///
/// One that takes an instance out holds for the process that was meant: what another one registers
/// under the id is listed (ExclusionChecker says the rest).
///
/// Allowances: a call whose answer did not come may have been carried out at any later time. What
/// the bus has lost, and a node that was out of touch for longer than the record age is alone in
/// remembering, is forgotten when that node rejoins as new.
class OverrideChecker {
 public:
  explicit OverrideChecker(Evidence& evidence)
      : evidence_(evidence), bus_away_since_ms_(evidence.node_count(), kNever) {}

  /// A call of an operator; returns its number.
  size_t begin(KeyIndex key, size_t node, const core::Input& wanted);
  void end(size_t number, const ClientPort::Answer& answer);
  void bus_lost_messages() { bus_lost_ms_ = evidence_.now_ms(); }
  void node_started(size_t node) { bus_away_since_ms_[node] = evidence_.now_ms(); }
  void on_step(size_t node, const Step& step);
  void finish();

 private:
  struct Effect {
    std::optional<uint32_t> weight;  ///< nothing: the provider's, which is not looked at here
    core::InstanceState state = core::InstanceState::kUp;
    bool excludes = false;  ///< what is listed is left to ExclusionChecker
    /// What its home believes of its health shows only where no operator has isolated it.
    bool shows_in(const Listing& listed) const {
      if (excludes) return true;
      if (listed.state == core::InstanceState::kDraining) return false;
      const bool isolated = listed.state == core::InstanceState::kOutOfService;
      return isolated == (state == core::InstanceState::kOutOfService) &&
             listed.weight == weight.value_or(listed.weight);
    }
  };
  struct Word {
    KeyIndex key = 0;
    size_t node = 0;
    Effect effect;
    int64_t said_ms = 0;
    bool in_doubt = true;
    std::optional<core::Stamp> stamp;    ///< of one that was accepted
    std::optional<core::Stamp> applied;  ///< of one that is in effect, but was not logged
  };

  void note_applied(size_t number);
  void fail(size_t node, KeyIndex key, std::string text);
  /// What is wrong with what `node` knows of the last accepted word, or empty.
  std::string unheard(size_t node, KeyIndex key, const Word& last) const;
  /// What is wrong with how `node` lists the key, given its last accepted word; or empty.
  std::string objection(size_t node, KeyIndex key, const Word* last) const;

  void say(const Word& word, std::string_view event, std::string_view detail = {});
  void judge(size_t node, KeyIndex key, const Word* last);
  bool is_last(size_t number) const;
  void judge_spread(const Word& word);

  Evidence& evidence_;
  /// Whether everybody may have forgotten it.
  bool may_be_lost(const Word& word) const {
    return bus_lost_ms_ >= word.said_ms && evidence_.conditions.last_rejoined_ms() >= word.said_ms;
  }

  std::vector<Word> words_;
  std::deque<size_t> spreading_;            ///< accepted, and not judged elsewhere yet
  std::vector<int64_t> bus_away_since_ms_;  ///< by node; kNever while it has the bus
  int64_t bus_lost_ms_ = -1;
};

}  // namespace callbook::sim
