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

/// Asks other nodes whether their watchers have been sent a change, again and again until they have
/// or the time is up. All that is asked of a node goes in one request at a time, on a connection of
/// its own. Lives on one loop; not thread-safe.
class SeenPoll {
 public:
  /// Called once: how many watchers were not sent it, and how many nodes did not say that it has
  /// come to them.
  using Done = base::UniqueFunction<void(core::Seen)>;

  /// Borrows both.
  SeenPoll(net::EventLoop& loop, const base::Clock& clock);
  ~SeenPoll();
  SeenPoll(const SeenPoll&) = delete;
  SeenPoll& operator=(const SeenPoll&) = delete;

  /// May answer before it returns: if there is nobody to ask.
  void ask(const core::SeenQuestion& question, const std::vector<Endpoint>& nodes, Done done);
  /// Answers all who wait, for a stop of the node.
  void give_up();

 private:
  struct Question {
    peer::SeenItem item;
    int64_t deadline_ms = 0;
    int64_t since_ms = 0;
    int64_t due_ms = 0;  ///< when it is asked next
    /// What each node said last, by endpoint; a node that answered 0 is not asked again.
    std::map<std::string, peer::SeenAnswer> said;
    Done done;
  };

  void look();
  void send(const std::string& node, const std::vector<peer::SeenItem>& items,
            std::vector<uint64_t> numbers);
  void take(const std::string& node, const std::vector<uint64_t>& numbers,
            const std::vector<peer::SeenAnswer>& answers);
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
