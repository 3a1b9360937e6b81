#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bus/bus.h"
#include "bus/nats/connection.h"
#include "bus/nats/event_queue.h"
#include "bus/nats/options.h"
#include "bus/nats/subject.h"
#include "bus/nats/subscription.h"
#include "bus/nats/wire.h"

namespace callbook::bus::nats {

/// Follows one stream from a place of its own, over one connection after another: has a consumer
/// push everything above it, and asks for another consumer when that one falls silent, leaves
/// something out, or never answers. What is known of the place does not depend on any consumer.
///
/// The server's consumer may be on another generation of the stream than the one that is known, if
/// the stream was made anew meanwhile. So what comes is held back until the stream has been looked
/// at after the consumer was there: awaits_look() and confirm().
///
/// Replicas of a cluster that was killed may differ at equal versions. So the consumer is to stand
/// on the server that leads the stream, which has acknowledged what is there; the servers choose by
/// chance, so it may take several requests.
///
/// A server may come back without its last messages, and give their versions to others before
/// anybody has looked. So a consumer begins with the last message that is known: if it is another
/// one by the time at which the server took it in, the stream has been shortened.
class Follower {
 public:
  /// `answer` sends an empty message to a subject, without waiting.
  using Answer = std::function<void(std::string subject)>;

  Follower(Stream stream, const Names& names, const Options& options, EventQueue& events,
           Answer answer);

  // The control thread's.

  /// Once the connection serves the stream. The place stays.
  void attach(Connection& connection);
  void detach();
  /// Where the follower is. Ask before looking at the stream: what comes meanwhile is later.
  Position place() const;
  /// Takes in where the stream ended when it was looked at, after `before` was the place. Returns
  /// the head to report. None if the stream seems to have been shortened: look again to be certain,
  /// and say so then (`certain`, see doubt.h).
  std::optional<Position> observe(Position head, Position before, bool certain);
  /// That server leads the stream. A consumer elsewhere is given up, up to some number of times.
  void prefer(const std::string& leader);
  /// The number of the consumer that has answered and awaits a look at the stream, or 0.
  uint64_t awaits_look() const;
  /// The stream was of that generation after consumer `number` had answered.
  void confirm(uint64_t number, uint64_t generation);
  /// Has a consumer made if one is needed. Returns an error to log, if there is one: the same is
  /// told once, until a consumer lives.
  base::Status tick(int64_t now_ms);

  // Any thread's.

  enum class Fetched : uint8_t { kOnItsWay, kMoves, kNeedsHeads };
  /// kMoves: tick() will see to it.
  Fetched fetch(Position after, int64_t now_ms);
  /// The core has taken what was waiting: the server may send more.
  void taken();

 private:
  enum class State : uint8_t {
    kNone,      ///< no consumer, one is to be made
    kAsked,     ///< for a consumer
    kAnswered,  ///< it is there; what it brings is held back
    kLive
  };

  /// Why the consumer that was asked for, or is there, is given up. None if it is not.
  std::optional<std::string> fault(int64_t now_ms);
  int64_t patience_ms() const;
  void ask(int64_t now_ms);
  void drop_consumer();
  void on_message(uint64_t number, natsMsg* message);
  bool on_delivered(std::string_view reply, natsMsg* message);
  bool on_status(natsMsg* message);
  void on_creation(std::string_view answer);
  bool advance(const Delivered& at, std::string_view key, std::string_view value);
  bool pass_over(uint64_t version);
  void move_to(Position place);

  const Stream stream_;
  const Names& names_;
  const Options& options_;
  EventQueue& events_;
  const Answer answer_;

  // The control thread's.
  Connection* connection_ = nullptr;
  std::unique_ptr<Subscription> subscription_;
  std::string consumer_;  ///< its name; empty: none was asked for

  mutable std::mutex mutex_;
  State state_ = State::kNone;
  uint64_t number_ = 0;    ///< of the last consumer that was asked for
  Position place_;         ///< everything through it is in the queue
  uint64_t place_ns_ = 0;  ///< time of the message at place_; 0: not known
  uint64_t from_ = 0;      ///< and everything above this
  uint64_t head_ = 0;      ///< last version that the stream is known to have reached
  uint64_t through_ = 0;   ///< the consumer has brought everything through it; held back until live
  uint64_t through_ns_ = 0;  ///< as place_ns_
  Delivered first_;          ///< what the consumer must begin with, if that is still held
  bool replaced_ = false;    ///< and did not
  uint64_t next_seq_ = 1;    ///< of the consumer
  bool broken_ = false;      ///< the consumer has left something out
  uint32_t unanswered_ = 0;  ///< so many consumers in a row were asked for in vain
  int64_t asked_ms_ = 0;
  int64_t heard_ms_ = 0;
  std::vector<Batch> held_;
  std::vector<std::string> owed_answers_;  ///< to flow control
  uint64_t last_fetch_ = 0;
  int64_t last_fetch_ms_ = 0;
  std::string server_;   ///< of the consumer; empty: it stands alone
  int elsewhere_ = 0;    ///< so many consumers in a row were not on the stream's leader
  std::string trouble_;  ///< why the last consumer was not made
  std::string told_;     ///< the last trouble that was told
};

}  // namespace callbook::bus::nats
