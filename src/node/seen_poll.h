#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/time.h"
#include "base/unique_function.h"
#include "core/front.h"
#include "dialects/peer/seen_codec.h"
#include "net/event_loop.h"
#include "node/config.h"
#include "node/peer_line.h"

namespace callbook::node {

/// Asks other nodes whether a change has come to them, and whether their watchers have been sent
/// it, again and again until it is so or the time is up. All that is asked of a node goes in one
/// request at a time, on a connection of its own. Lives on one loop; not thread-safe.
class SeenPoll {
 public:
  /// Called once: how many watchers were not sent it, and which nodes did not say that it has come
  /// to them.
  using Done = base::UniqueFunction<void(core::Seen)>;
  struct Node {
    std::string name;
    Endpoint endpoint;
  };

  /// Borrows both.
  SeenPoll(net::EventLoop& loop, const base::Clock& clock);
  ~SeenPoll();
  SeenPoll(const SeenPoll&) = delete;
  SeenPoll& operator=(const SeenPoll&) = delete;

  /// May answer before it returns: if there is nobody to ask.
  void ask(const core::SeenQuestion& question, const std::vector<Node>& nodes, Done done);
  /// Answers all who wait, for a stop of the node.
  void give_up();

 private:
  /// What a node said last.
  struct Said {
    std::string name;
    peer::SeenAnswer answer;
    bool cannot_say = false;  ///< its release does not read such questions
  };
  struct Question {
    peer::SeenItem item;
    bool heard_suffices = false;
    int64_t deadline_ms = 0;
    int64_t since_ms = 0;
    int64_t due_ms = 0;                ///< when it is asked next
    std::map<std::string, Said> said;  ///< by endpoint
    Done done;

    /// Whether the node need not be asked again.
    bool settled(const Said& by) const {
      return by.cannot_say || by.answer == peer::SeenAnswer(0) || (heard_suffices && by.answer);
    }
    bool settled() const;
  };

  void look();
  void send(const std::string& node, const std::vector<peer::SeenItem>& items,
            std::vector<uint64_t> numbers);
  void take(const std::string& node, const std::vector<uint64_t>& numbers,
            const std::vector<peer::SeenAnswer>& answers);
  void refused(const std::string& node, const std::vector<uint64_t>& numbers);
  static core::Seen sum(const Question& question);

  net::EventLoop& loop_;
  const base::Clock& clock_;
  std::map<uint64_t, Question> questions_;  ///< by number
  uint64_t last_number_ = 0;
  std::map<std::string, std::unique_ptr<PeerLine>>
      lines_;                                     ///< by endpoint; while there are questions
  std::unique_ptr<net::EventLoop::Timer> timer_;  ///< likewise
};

}  // namespace callbook::node
