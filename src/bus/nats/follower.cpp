#include "bus/nats/follower.h"

#include <algorithm>
#include <utility>

#include "bus/nats/steady.h"

namespace callbook::bus::nats {
namespace {

constexpr int64_t kMissedHeartbeats = 3;
/// Before a consumer is asked for again that the server has refused to make.
constexpr int64_t kRefusedMs = 500;
/// A consumer of 2.9 is placed by chance, and on a server that has died as well, for minutes; such
/// a request is never answered. So most are repeated soon, and some are patient, ever more so, for
/// servers that are slow.
constexpr int64_t kQuickMs = 500;
constexpr uint32_t kPatientEvery = 4;
constexpr uint32_t kDoublesEvery = 16;
constexpr uint32_t kMostDoublings = 3;
/// Better read from another replica than not at all: one in 3,000 times when there are three.
constexpr int kMostElsewhere = 20;
/// The same fetch again after so long: what was on its way has not arrived.
constexpr int64_t kLostOnItsWayMs = 1'500;

std::string_view header_of(natsMsg* message, const char* name) {
  const char* value = nullptr;
  if (natsMsgHeader_Get(message, name, &value) != NATS_OK || value == nullptr) return {};
  return value;
}

std::string_view payload_of(natsMsg* message) {
  return {natsMsg_GetData(message), static_cast<size_t>(natsMsg_GetDataLength(message))};
}

}  // namespace

Follower::Follower(Stream stream, const Names& names, const Options& options, EventQueue& events,
                   Answer answer)
    : stream_(stream),
      names_(names),
      options_(options),
      events_(events),
      answer_(std::move(answer)) {}

// --- The control thread's ---

void Follower::attach(Connection& connection) {
  connection_ = &connection;
}

void Follower::detach() {
  drop_consumer();
  connection_ = nullptr;
}

Position Follower::place() const {
  const std::lock_guard lock(mutex_);
  return place_;
}

/// The mutex is held.
void Follower::move_to(Position place) {
  place_ = place;
  place_ns_ = 0;
  from_ = place.version;
  replaced_ = false;
  state_ = State::kNone;
}

std::optional<Position> Follower::observe(Position head, Position before, bool certain) {
  const std::lock_guard lock(mutex_);
  if (place_.generation == 0) {
    move_to(head);
  } else if (place_.generation != head.generation) {
    // Everybody begins at its beginning.
    move_to({head.generation, 0});
  } else if (replaced_) {
    // Lower than anybody's position who has had the message that is gone: all begin anew.
    head.version = place_.version - 1;
    move_to(head);
    events_.cut(stream_, head);
  } else if (before.generation == head.generation && head.version < before.version) {
    if (!certain) return std::nullopt;
    move_to(head);
    events_.cut(stream_, head);
  }
  head_ = head.version;
  return head;
}

void Follower::prefer(const std::string& leader) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::kAnswered && state_ != State::kLive) return;
  if (leader.empty() || server_.empty() || leader == server_) {
    elsewhere_ = 0;
  } else if (elsewhere_ < kMostElsewhere) {
    ++elsewhere_;
    state_ = State::kNone;
  }
}

uint64_t Follower::awaits_look() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kAnswered ? number_ : 0;
}

void Follower::confirm(uint64_t number, uint64_t generation) {
  bool wakes = false;
  std::vector<std::string> owed;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::kAnswered || number_ != number || place_.generation != generation) return;
    state_ = State::kLive;
    told_.clear();
    place_.version = through_;
    place_ns_ = through_ns_;
    for (Batch& batch : held_) wakes = events_.push(std::move(batch)) || wakes;
    held_.clear();
    owed.swap(owed_answers_);
  }
  if (wakes) events_.wake();
  for (std::string& subject : owed) answer_(std::move(subject));
}

void Follower::drop_consumer() {
  subscription_.reset();
  if (!consumer_.empty() && connection_ != nullptr) {
    // Without it the server would notice by itself, later.
    static_cast<void>(
        connection_->signal(consumer_delete_subject(names_.stream(stream_), consumer_)));
  }
  consumer_.clear();
  const std::lock_guard lock(mutex_);
  state_ = State::kNone;
  held_.clear();
  owed_answers_.clear();
}

/// The mutex is held.
int64_t Follower::patience_ms() const {
  if (!trouble_.empty()) return kRefusedMs;
  const bool patient = unanswered_ % kPatientEvery == kPatientEvery - 1;
  if (!patient) return std::min(kQuickMs, options_.consumer_timeout_ms);
  const uint32_t doublings = std::min(unanswered_ / kDoublesEvery, kMostDoublings);
  return options_.consumer_timeout_ms << doublings;
}

/// The mutex is held.
std::optional<std::string> Follower::fault(int64_t now) {
  const bool silent = now - heard_ms_ > kMissedHeartbeats * options_.heartbeat_ms;
  switch (state_) {
    case State::kNone:
      return std::exchange(trouble_, {});
    case State::kAsked:
      if (now - asked_ms_ <= patience_ms()) return std::nullopt;
      ++unanswered_;
      if (trouble_.empty()) return "the consumer was not made in time";
      return std::exchange(trouble_, {});
    case State::kAnswered:
    case State::kLive:
      if (silent) return "the consumer has fallen silent";
      if (broken_) return "the consumer has left something out";
      return std::nullopt;
  }
  return std::nullopt;
}

base::Status Follower::tick(int64_t now) {
  std::optional<std::string> trouble;
  {
    const std::lock_guard lock(mutex_);
    if (connection_ == nullptr || place_.generation == 0) return {};
    trouble = fault(now);
    if (!trouble) return {};
    if (!trouble->empty() && std::exchange(told_, *trouble) == *trouble) trouble->clear();
  }
  ask(now);
  if (trouble->empty()) return {};
  return base::Error{base::ErrorCode::kIo, "bus",
                     "following " + names_.stream(stream_) + ": " + *trouble, std::nullopt};
}

void Follower::ask(int64_t now) {
  drop_consumer();
  const std::string inbox = new_inbox();
  uint64_t number = 0;
  ConsumerWish wish;
  {
    const std::lock_guard lock(mutex_);
    number = ++number_;
    state_ = State::kAsked;
    asked_ms_ = now;
    heard_ms_ = now;
    through_ = place_.version;
    through_ns_ = place_ns_;
    first_ = {place_.version, 0, place_ns_};
    next_seq_ = 1;
    broken_ = false;
    wish.after = place_.version - (place_ns_ == 0 ? 0 : 1);
  }
  auto subscription = Subscription::make(
      connection_->handle(), inbox,
      [this, number](natsMsg* message) { on_message(number, message); }, true);
  if (!subscription.ok()) return;
  subscription_ = std::move(*subscription);
  consumer_ = inbox.substr(inbox.rfind('.') + 1);
  const std::string& stream = names_.stream(stream_);
  wish.stream = stream;
  wish.name = consumer_;
  // A consumer of 2.9 sees interest only in the very subject, so this is no wildcard; what is
  // pushed, and the answer to the request, come to the same.
  wish.deliver_subject = inbox;
  wish.heartbeat_ms = options_.heartbeat_ms;
  const std::string request = consumer_request(wish);
  static_cast<void>(natsConnection_PublishRequest(
      connection_->handle(), consumer_create_subject(stream, consumer_).c_str(), inbox.c_str(),
      request.data(), static_cast<int>(request.size())));
}

// --- The library's thread ---

void Follower::on_message(uint64_t number, natsMsg* message) {
  const char* const reply = natsMsg_GetReply(message);
  const int64_t now = steady_ms();
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    if (number != number_ || state_ == State::kNone) return;
    heard_ms_ = now;
    if (reply != nullptr && std::string_view(reply).starts_with("$JS.ACK.")) {
      wakes = on_delivered(reply, message);
    } else if (header_of(message, "Status") == "100") {
      wakes = on_status(message);
    } else {
      on_creation(payload_of(message));
    }
  }
  if (wakes) events_.wake();
}

void Follower::on_creation(std::string_view answer) {
  if (!succeeded(answer)) {
    trouble_ = answer.empty() ? "the server has no JetStream" : description_of(answer);
    return;
  }
  unanswered_ = 0;
  server_ = leader_of(answer);
  if (state_ == State::kAsked) state_ = State::kAnswered;
}

bool Follower::on_delivered(std::string_view reply, natsMsg* message) {
  const auto at = parse_delivered(reply);
  if (!at || at->consumer_seq != next_seq_) {
    broken_ = true;
    return false;
  }
  ++next_seq_;
  if (first_.time_ns != 0 && at->stream_seq == first_.stream_seq && at->time_ns != first_.time_ns) {
    replaced_ = true;
  }
  if (at->stream_seq <= through_ || broken_ || replaced_) return false;
  // A delivered message keeps the subject that it was published to.
  const std::string_view subject = natsMsg_GetSubject(message);
  const std::string& prefix = names_.prefix(stream_);
  const auto key =
      subject.starts_with(prefix) ? key_of_token(subject.substr(prefix.size())) : std::nullopt;
  // Somebody else's, and nothing that a record could be: passed over like one that is gone.
  if (!key) return pass_over(at->stream_seq);
  return advance(*at, *key, payload_of(message));
}

bool Follower::advance(const Delivered& at, std::string_view key, std::string_view value) {
  const uint64_t version = at.stream_seq;
  const uint64_t after = std::exchange(through_, version);
  through_ns_ = at.time_ns;
  if (state_ == State::kLive) {
    place_.version = version;
    place_ns_ = through_ns_;
    return events_.push_message(stream_, {place_.generation, after}, {version, key, value});
  }
  if (held_.empty()) {
    Batch batch;
    batch.stream = stream_;
    batch.generation = place_.generation;
    batch.after = after;
    held_.push_back(std::move(batch));
  }
  held_.back().add(version, key, value);
  held_.back().through = version;
  return false;
}

/// Nothing is held between through_ and `version`, or nothing of use.
bool Follower::pass_over(uint64_t version) {
  Batch batch;
  batch.stream = stream_;
  batch.generation = place_.generation;
  batch.after = std::exchange(through_, version);
  batch.through = version;
  through_ns_ = 0;
  if (state_ == State::kLive) {
    place_.version = version;
    place_ns_ = 0;
    return events_.push(std::move(batch));
  }
  if (held_.empty()) {
    held_.push_back(std::move(batch));
  } else {
    held_.back().through = version;
  }
  return false;
}

/// Heartbeats and flow control: no payload, a status in the header.
bool Follower::on_status(natsMsg* message) {
  const char* const reply = natsMsg_GetReply(message);
  std::string_view flow = header_of(message, "Nats-Consumer-Stalled");
  if (reply != nullptr) flow = reply;
  if (!flow.empty()) {
    const bool room =
        state_ == State::kLive && events_.backlog_bytes(stream_) < options_.max_backlog_bytes;
    if (room) {
      answer_(std::string(flow));
    } else if (owed_answers_.empty() || owed_answers_.back() != flow) {
      owed_answers_.emplace_back(flow);
    }
  }
  const auto last_seq = parse_number(header_of(message, "Nats-Last-Consumer"));
  const auto last_version = parse_number(header_of(message, "Nats-Last-Stream"));
  if (!last_seq || !last_version) return false;
  if (*last_seq + 1 != next_seq_) {
    broken_ = true;
    return false;
  }
  // The consumer is past these, and has had nothing to bring: they are gone.
  if (broken_ || replaced_ || *last_version <= through_) return false;
  return pass_over(*last_version);
}

// --- The core's thread ---

Follower::Fetched Follower::fetch(Position after, int64_t now) {
  const std::lock_guard lock(mutex_);
  if (after.generation != place_.generation || after.generation == 0) return Fetched::kNeedsHeads;
  if (after.version > std::max(head_, place_.version)) return Fetched::kNeedsHeads;
  const bool again = last_fetch_ == after.version && now - last_fetch_ms_ < 4 * kLostOnItsWayMs;
  const bool waited = again && now - last_fetch_ms_ >= kLostOnItsWayMs;
  if (!again || waited) {
    last_fetch_ = after.version;
    last_fetch_ms_ = now;
  }
  const bool covered = after.version >= from_;
  // A consumer that is being made has its own patience.
  const bool lost = waited && state_ == State::kLive;
  if (covered && !lost) return Fetched::kOnItsWay;
  move_to(after);
  return Fetched::kMoves;
}

void Follower::taken() {
  std::vector<std::string> owed;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::kLive) owed.swap(owed_answers_);
  }
  for (std::string& subject : owed) answer_(std::move(subject));
}

}  // namespace callbook::bus::nats
