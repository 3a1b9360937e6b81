#include "bus/nats/publisher.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "bus/nats/wire.h"

namespace callbook::bus::nats {
namespace {

std::string too_large(int64_t most_bytes, std::string_view limit) {
  return fmt::format("messages of more than {} bytes ({}) can't be published", most_bytes, limit);
}

}  // namespace

Publisher::Publisher(const Names& names, const Options& options, EventQueue& events)
    : names_(names), options_(options), events_(events) {}

Publisher::~Publisher() {
  stop();
}

void Publisher::start() {
  thread_ = std::thread([this] { run(); });
}

void Publisher::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  more_.notify_one();
  if (thread_.joinable()) thread_.join();
}

base::Status Publisher::attach(Connection& connection) {
  const std::string inbox = new_inbox();
  auto answers = Subscription::make(
      connection.handle(), inbox + ".*", [this](natsMsg* message) { on_answer(message); }, true);
  if (!answers.ok()) return answers.error();
  const std::lock_guard wire(wire_mutex_);
  const std::lock_guard lock(mutex_);
  connection_ = &connection;
  answers_ = std::move(*answers);
  inbox_ = inbox;
  return {};
}

void Publisher::detach() {
  std::unique_ptr<Subscription> ended;
  std::deque<std::pair<uint64_t, int64_t>> order;
  {
    const std::lock_guard wire(wire_mutex_);
    const std::lock_guard lock(mutex_);
    connection_ = nullptr;
    ended = std::move(answers_);
    inbox_.clear();
    outgoing_ = {};
  }
  ended.reset();  // answers that have come still count
  {
    const std::lock_guard lock(mutex_);
    order.swap(order_);
  }
  for (const auto& [ticket, since_ms] : order) settle(ticket, false);
}

bool Publisher::admits(const Publication& publication) const {
  return !inbox_.empty() && flights_.size() < options_.max_publications &&
         !publication.key.empty() && publication.key.size() <= kMaxKeyBytes &&
         publication.value.size() <= options_.max_message_bytes;
}

void Publisher::publish(std::span<const Publication> publications, int64_t now_ms) {
  std::vector<uint64_t> refused;
  {
    const std::lock_guard lock(mutex_);
    for (const Publication& one : publications) {
      if (!admits(one)) {
        refused.push_back(one.ticket);
        if (one.value.size() > options_.max_message_bytes) {
          trouble_ = too_large(options_.max_message_bytes, "max_message_bytes");
        }
        continue;
      }
      Message message;
      message.subject = names_.prefix(one.stream);
      append_token(one.key, message.subject);
      message.reply = inbox_ + "." + std::to_string(one.ticket);
      message.ticket = one.ticket;
      message.begin = outgoing_.bytes.size();
      outgoing_.bytes.append(one.value);
      message.end = outgoing_.bytes.size();
      outgoing_.messages.push_back(std::move(message));
      flights_[one.ticket] = {one.stream, now_ms};
      order_.emplace_back(one.ticket, now_ms);
    }
  }
  more_.notify_one();
  for (const uint64_t ticket : refused) events_.tell(Settled{ticket, false});
}

void Publisher::broadcast(std::string_view beat) {
  {
    const std::lock_guard lock(mutex_);
    if (inbox_.empty()) return;
    const size_t begin = outgoing_.bytes.size();
    outgoing_.bytes.append(beat);
    outgoing_.messages.push_back({names_.beat(), {}, 0, begin, outgoing_.bytes.size()});
  }
  more_.notify_one();
}

void Publisher::signal(std::string subject) {
  {
    const std::lock_guard lock(mutex_);
    if (inbox_.empty()) return;
    outgoing_.messages.push_back({std::move(subject), {}, 0, 0, 0});
  }
  more_.notify_one();
}

void Publisher::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    more_.wait(lock, [this] { return stopping_ || !outgoing_.messages.empty(); });
    if (stopping_) return;
    lock.unlock();
    {
      const std::lock_guard wire(wire_mutex_);
      Outgoing outgoing;
      {
        // Under the wire's lock: what was given for one connection never goes over the next.
        const std::lock_guard taking(mutex_);
        outgoing = std::exchange(outgoing_, {});
      }
      if (connection_ != nullptr) send(outgoing);
    }
    lock.lock();
  }
}

void Publisher::send(const Outgoing& outgoing) {
  for (const Message& message : outgoing.messages) {
    const char* const reply = message.reply.empty() ? nullptr : message.reply.c_str();
    const char* const payload = outgoing.bytes.data() + message.begin;
    const auto length = static_cast<int>(message.end - message.begin);
    natsConnection* const to = connection_->handle();
    const natsStatus status =
        reply == nullptr
            ? natsConnection_Publish(to, message.subject.c_str(), payload, length)
            : natsConnection_PublishRequest(to, message.subject.c_str(), reply, payload, length);
    if (status == NATS_OK || reply == nullptr) continue;
    // Not sent, so that the server has no reason to close the connection.
    if (status == NATS_MAX_PAYLOAD)
      note(too_large(natsConnection_GetMaxPayload(to), "max_payload"));
    settle(message.ticket, false);
  }
}

void Publisher::on_answer(natsMsg* message) {
  const std::string_view subject = natsMsg_GetSubject(message);
  const auto ticket = parse_number(subject.substr(subject.rfind('.') + 1));
  if (!ticket) return;
  Stream stream{};
  {
    const std::lock_guard lock(mutex_);
    const auto found = flights_.find(*ticket);
    if (found == flights_.end()) return;
    stream = found->second.stream;
  }
  const std::string_view answer(natsMsg_GetData(message),
                                static_cast<size_t>(natsMsg_GetDataLength(message)));
  const bool acknowledged = is_acknowledgement(answer, names_.stream(stream));
  // An empty one says that nobody leads the stream at the moment.
  if (!acknowledged && !answer.empty()) note("a publication is refused: " + description_of(answer));
  settle(*ticket, acknowledged);
}

void Publisher::note(std::string trouble) {
  const std::lock_guard lock(mutex_);
  trouble_ = std::move(trouble);
}

std::string Publisher::take_trouble() {
  const std::lock_guard lock(mutex_);
  return std::exchange(trouble_, {});
}

void Publisher::settle(uint64_t ticket, bool acknowledged) {
  bool wakes = false;
  {
    const std::lock_guard lock(mutex_);
    if (flights_.erase(ticket) == 0) return;
    wakes = events_.push(Settled{ticket, acknowledged});
  }
  if (wakes) events_.wake();
}

void Publisher::expire(int64_t now_ms) {
  std::vector<uint64_t> expired;
  {
    const std::lock_guard lock(mutex_);
    while (!order_.empty()) {
      const auto [ticket, since_ms] = order_.front();
      const auto flight = flights_.find(ticket);
      const bool settled = flight == flights_.end() || flight->second.since_ms != since_ms;
      if (!settled && now_ms - since_ms < options_.publish_timeout_ms) break;
      if (!settled) expired.push_back(ticket);
      order_.pop_front();
    }
  }
  for (const uint64_t ticket : expired) settle(ticket, false);
}

}  // namespace callbook::bus::nats
