#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/input.h"
#include "sim/client_port.h"
#include "sim/evidence.h"

namespace callbook::sim {

/// Property: what a provider says of an instance of its own is believed.
///
/// - Nobody lists an instance as starting, not ready or failing unless the process that is listed
///   has said so of it. Of those without a session any process: the registry can't tell which of
///   them it is that registers the id.
/// - In the end all nodes show what it said last and was acknowledged as logged: of the only
///   instance of a service too, and never `protected` or `unattended` in its place. `down` and an
///   operator's word hide it.
///
/// Of the end nothing is concluded where anything else happened to the instance since it was said:
/// it was deregistered or registered by another process or session, or another word of it is in
/// doubt. One with a TTL of its own that is removed, be it at one node alone, comes back as
/// whatever its next registration says: of those a removal or any later call is too much.
class StatusChecker {
 public:
  explicit StatusChecker(Evidence& evidence) : evidence_(evidence) {}

  /// A call of a provider; returns its number.
  size_t begin(KeyIndex key, ProcessNumber process, SessionIndex session,
               core::ProviderState state);
  void end(size_t number, const ClientPort::Answer& answer);
  void on_list_change(const ListChange& change);
  void finish();

 private:
  struct Word {
    KeyIndex key = 0;
    ProcessNumber process = kNobody;
    SessionIndex session = kNobody;
    core::ProviderState state = core::ProviderState::kUp;
    int64_t begun_ms = 0;
    bool in_doubt = true;
    std::optional<core::Stamp> stamp;  ///< of one that was accepted
  };

  bool is_of(const Word& word, ProcessNumber owner) const;
  /// The last accepted word that stands for certain, or null.
  const Word* standing(KeyIndex key) const;
  void judge_at(size_t node, const Word& word);
  void fail(size_t node, KeyIndex key, std::string text);

  Evidence& evidence_;
  std::vector<Word> words_;
  std::map<KeyIndex, int64_t> left_ms_;  ///< when it last left a list
};

}  // namespace callbook::sim
