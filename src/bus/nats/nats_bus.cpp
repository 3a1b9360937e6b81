#include "bus/nats/nats_bus.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "bus/nats/connection.h"
#include "bus/nats/doubt.h"
#include "bus/nats/event_queue.h"
#include "bus/nats/follower.h"
#include "bus/nats/publisher.h"
#include "bus/nats/steady.h"
#include "bus/nats/stream_config.h"

namespace callbook::bus::nats {
namespace {

constexpr int64_t kTickMs = 100;
/// Before a stream is looked at again that gave no answer.
constexpr int64_t kLookAgainMs = 250;
/// While a stream has no leader nobody answers, so most requests give up soon and another follows;
/// every so many are patient, for servers that are slow.
constexpr int64_t kQuickLookMs = 500;
constexpr uint32_t kPatientEvery = 4;
/// For so long an unknown generation must have been the stream's: if two nodes have asked for it at
/// once, the later request still changes it.
constexpr int64_t kSettlingMs = 500;
/// Before a stream is looked at again that must not be used.
constexpr int64_t kRefusedMs = 5'000;

class NatsBus final : public Bus {
 public:
  NatsBus(Options options, base::Logger& logger, EventQueue::Wake wake);
  ~NatsBus() override { stop(); }

  void start() override;
  void stop() override;
  void publish(std::span<const Publication> publications) override;
  void fetch(Stream stream, Position after) override;
  void broadcast(std::string_view beat) override { publisher_.broadcast(beat); }
  std::vector<Event> take() override;

 private:
  /// What the control thread is told by others; under mutex_.
  struct Signals {
    bool stopping = false;
    bool closed = false;  ///< the connection has ended
    bool moved = false;   ///< a follower needs another consumer
    bool wants_heads = false;
  };

  // The control thread's.
  void run();
  base::Status serve(Connection& connection);
  base::Status follow(Connection& connection);
  void look(Connection& connection);
  void refuse(const base::Error& error);
  base::Result<Position> look_at(Connection& connection, Stream stream);
  void leave(Connection& connection, const std::string& why);
  /// Waits for a signal, for at most so long. Returns whether to go on.
  bool wait(int64_t most_ms);
  bool wait_to_retry();
  bool stopping();

  /// The same is logged once, until it changes: whether it is another than `last`, whose place it
  /// takes.
  bool warn(const std::string& trouble, std::string& last);

  void signal(bool Signals::*what);
  Follower& follower(Stream stream) { return followers_[index_of(stream)]; }

  const Options options_;
  const Names names_;
  base::Logger& logger_;
  EventQueue events_;
  Publisher publisher_;
  std::array<Follower, kStreamCount> followers_;

  std::mutex mutex_;
  std::condition_variable changed_;
  Signals signals_;
  Connection* connection_ = nullptr;  ///< for stop(), which ends what waits on it
  std::thread thread_;

  // The control thread's.
  std::minstd_rand random_{std::random_device{}()};
  bool reported_ = false;    ///< Heads has come, and Lost not yet
  int64_t answered_ms_ = 0;  ///< when both streams last answered
  int64_t next_look_ms_ = 0;
  uint32_t vain_looks_ = 0;  ///< in a row
  std::array<Doubt, kStreamCount> doubts_;
  struct Sighting {
    uint64_t generation = 0;
    int64_t since_ms = 0;
  };
  std::array<Sighting, kStreamCount> sightings_;  ///< of the stream's present generation
  std::string refusal_;
  // Last logged.
  std::string trouble_;
  std::array<std::string, kStreamCount> look_troubles_;
  std::string publish_trouble_;
};

NatsBus::NatsBus(Options options, base::Logger& logger, EventQueue::Wake wake)
    : options_(std::move(options)),
      names_(options_.cluster),
      logger_(logger),
      events_(std::move(wake)),
      publisher_(names_, options_, events_),
      followers_{Follower(Stream::kTied, names_, options_, events_,
                          [this](std::string to) { publisher_.signal(std::move(to)); }),
                 Follower(Stream::kLasting, names_, options_, events_,
                          [this](std::string to) { publisher_.signal(std::move(to)); })} {}

// --- The core's thread ---

void NatsBus::start() {
  publisher_.start();
  thread_ = std::thread([this] { run(); });
}

void NatsBus::stop() {
  {
    const std::lock_guard lock(mutex_);
    signals_.stopping = true;
    if (connection_ != nullptr) connection_->close();
  }
  changed_.notify_all();
  events_.close();
  if (thread_.joinable()) thread_.join();
  publisher_.stop();
}

void NatsBus::publish(std::span<const Publication> publications) {
  publisher_.publish(publications, steady_ms());
}

void NatsBus::fetch(Stream stream, Position after) {
  switch (follower(stream).fetch(after, steady_ms())) {
    case Follower::Fetched::kOnItsWay:
      break;
    case Follower::Fetched::kMoves:
      signal(&Signals::moved);
      break;
    case Follower::Fetched::kNeedsHeads:
      signal(&Signals::wants_heads);
      break;
  }
}

std::vector<Event> NatsBus::take() {
  std::vector<Event> events = events_.take();
  for (Follower& follower : followers_) follower.taken();
  return events;
}

void NatsBus::signal(bool Signals::*what) {
  {
    const std::lock_guard lock(mutex_);
    signals_.*what = true;
  }
  changed_.notify_all();
}

// --- The control thread ---

bool NatsBus::wait(int64_t most_ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(most_ms), [this] {
    return signals_.stopping || signals_.closed || signals_.moved || signals_.wants_heads;
  });
  signals_.moved = false;
  if (std::exchange(signals_.wants_heads, false)) next_look_ms_ = 0;
  return !signals_.stopping && !signals_.closed;
}

bool NatsBus::stopping() {
  const std::lock_guard lock(mutex_);
  return signals_.stopping;
}

bool NatsBus::wait_to_retry() {
  std::uniform_int_distribution<int64_t> spread(options_.retry_least_ms, options_.retry_most_ms);
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, std::chrono::milliseconds(spread(random_)),
                            [this] { return signals_.stopping; });
}

void NatsBus::run() {
  do {
    if (stopping()) return;
    {
      const std::lock_guard lock(mutex_);
      signals_.closed = false;
    }
    auto connection = Connection::make(options_, [this] { signal(&Signals::closed); });
    base::Status status;
    if (connection.ok()) {
      status = serve(**connection);
      leave(**connection, status.ok() ? "the connection has ended" : status.error().detail);
    } else {
      status = connection.error();
    }
    if (!status.ok() && warn(status.error().detail, trouble_)) {
      events_.tell(Unreachable{status.error().detail});
    }
  } while (wait_to_retry());
}

/// Until the connection ends, or the streams have been silent for too long.
base::Status NatsBus::serve(Connection& connection) {
  {
    const std::lock_guard lock(mutex_);
    connection_ = &connection;
    if (signals_.stopping) return {};
  }
  auto beats = Subscription::make(
      connection.handle(), names_.beat(),
      [this](natsMsg* message) {
        events_.tell(Beat{std::string(natsMsg_GetData(message),
                                      static_cast<size_t>(natsMsg_GetDataLength(message)))});
      },
      false);
  if (!beats.ok()) return beats.error();
  if (const auto attached = publisher_.attach(connection); !attached.ok()) return attached;
  for (Follower& follower : followers_) follower.attach(connection);
  return follow(connection);
}

base::Status NatsBus::follow(Connection& connection) {
  answered_ms_ = steady_ms();
  next_look_ms_ = 0;
  doubts_ = {};
  vain_looks_ = 0;
  publish_trouble_.clear();
  while (true) {
    const int64_t now_ms = steady_ms();
    const bool made = std::any_of(followers_.begin(), followers_.end(),
                                  [](const Follower& one) { return one.awaits_look() != 0; });
    if (now_ms >= next_look_ms_ || made) look(connection);
    if (steady_ms() - answered_ms_ > options_.silence_ms) {
      return base::Error{base::ErrorCode::kIo, "bus", "the streams do not answer", std::nullopt};
    }
    for (Follower& follower : followers_) {
      if (const auto done = follower.tick(steady_ms()); !done.ok()) {
        logger_.info("bus: {}", done.error().detail);
      }
    }
    publisher_.expire(now_ms);
    if (const auto why = publisher_.take_trouble(); !why.empty()) warn(why, publish_trouble_);
    if (!wait(kTickMs)) return {};
  }
}

/// Sees where the streams end, and reports it if both have said so.
void NatsBus::look(Connection& connection) {
  next_look_ms_ = steady_ms() + kLookAgainMs;
  Positions heads;
  bool complete = true;
  for (const Stream stream : {Stream::kTied, Stream::kLasting}) {
    const auto seen = look_at(connection, stream);
    if (!seen.ok() && seen.error().code == base::ErrorCode::kConflict) return refuse(seen.error());
    if (seen.ok()) {
      heads[index_of(stream)] = *seen;
    } else {
      complete = false;
    }
  }
  vain_looks_ = complete ? 0 : vain_looks_ + 1;
  if (!complete) return;
  refusal_.clear();
  trouble_.clear();
  look_troubles_ = {};
  answered_ms_ = steady_ms();
  const bool doubted =
      std::any_of(doubts_.begin(), doubts_.end(), [](const Doubt& one) { return one.any(); });
  next_look_ms_ = answered_ms_ + (doubted ? kLookAgainMs : options_.heads_ms);
  if (!std::exchange(reported_, true)) logger_.info("bus: connected");
  if (events_.push_heads(heads)) events_.wake();
}

base::Result<Position> NatsBus::look_at(Connection& connection, Stream stream) {
  Follower& of = follower(stream);
  const Position before = of.place();
  const uint64_t consumer = of.awaits_look();
  const bool patient = vain_looks_ % kPatientEvery == kPatientEvery - 1;
  const int64_t patience_ms =
      patient ? options_.request_timeout_ms : std::min(kQuickLookMs, options_.request_timeout_ms);
  const auto facts = ensure_stream(connection.jet_stream(), options_, names_, stream, patience_ms);
  if (!facts.ok()) {
    if (facts.error().code != base::ErrorCode::kConflict) {
      warn(facts.error().detail, look_troubles_[index_of(stream)]);
    }
    return facts.error();
  }
  const int64_t now_ms = steady_ms();
  Sighting& sighting = sightings_[index_of(stream)];
  if (sighting.generation != facts->head.generation) sighting = {facts->head.generation, now_ms};
  if (before.generation != sighting.generation && now_ms - sighting.since_ms < kSettlingMs) {
    return base::Error{base::ErrorCode::kIo, "bus", "the stream is new", std::nullopt};
  }
  Doubt& doubt = doubts_[index_of(stream)];
  const bool certain = doubt.certain(facts->leader.empty(), now_ms);
  const auto head = of.observe(facts->head, before, certain);
  doubt.note(!head, now_ms);
  of.prefer(facts->leader);
  if (consumer != 0) of.confirm(consumer, facts->head.generation);
  // As long as it is doubted, nothing has been lost.
  return head.value_or(before);
}

/// The streams are there and must not be used. The connection stays, for beats, and for the
/// moment in which somebody has put them right.
void NatsBus::refuse(const base::Error& error) {
  answered_ms_ = steady_ms();
  next_look_ms_ = answered_ms_ + kRefusedMs;
  if (std::exchange(reported_, false)) events_.tell(Lost{error.detail});
  if (std::exchange(refusal_, error.detail) == error.detail) return;
  logger_.error("bus: {}", error.detail);
  events_.tell(Refused{error});
}

bool NatsBus::warn(const std::string& trouble, std::string& last) {
  // What stop() has cut short is no trouble.
  if (std::exchange(last, trouble) == trouble || stopping()) return false;
  logger_.warn("bus: {}", trouble);
  return true;
}

void NatsBus::leave(Connection& connection, const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    connection_ = nullptr;
  }
  connection.close();
  for (Follower& follower : followers_) follower.detach();
  publisher_.detach();
  refusal_.clear();
  if (!std::exchange(reported_, false) || stopping()) return;
  logger_.warn("bus: lost: {}", why);
  events_.tell(Lost{why});
}

}  // namespace

base::Status check(const Options& options) {
  if (options.servers.empty()) return base::invalid("servers", "names no server");
  if (const auto named = Names::check(options.cluster); !named.ok()) return named;
  if (options.replicas > 5) return base::over_limit("replicas", "is 1, 3 or 5; or 0", 5);
  if (options.replicas != 0 && options.replicas % 2 == 0) {
    return base::invalid("replicas", "is 1, 3 or 5; or 0");
  }
  if (options.tied_age_ms < 1'000) return base::over_limit("tied_age_ms", "is too short", 1'000);
  if (options.heartbeat_ms < 100) return base::over_limit("heartbeat_ms", "is too short", 100);
  const Security& by = options.security;
  const int ways = (by.credentials_file.empty() ? 0 : 1) + (by.token.empty() ? 0 : 1) +
                   (by.token_file.empty() ? 0 : 1) + (by.user.empty() ? 0 : 1);
  if (ways > 1) return base::invalid("security", "names more than one way to prove who this is");
  if (by.certificate_file.empty() != by.key_file.empty()) {
    return base::invalid("security", "a certificate and its key come together");
  }
  return {};
}

base::Result<std::unique_ptr<Bus>> make_bus(Options options, base::Logger& logger,
                                            std::function<void()> wake) {
  if (const auto fits = check(options); !fits.ok()) return fits.error();
  return std::unique_ptr<Bus>(
      std::make_unique<NatsBus>(std::move(options), logger, std::move(wake)));
}

}  // namespace callbook::bus::nats
