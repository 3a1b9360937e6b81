#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "bus/bus.h"
#include "bus/nats/connection.h"
#include "bus/nats/event_queue.h"
#include "bus/nats/options.h"
#include "bus/nats/subject.h"
#include "bus/nats/subscription.h"

namespace callbook::bus::nats {

/// Sends what the core publishes, on a thread of its own: a full socket makes the library wait.
/// Keeps account of what is in flight, and settles each once.
class Publisher {
 public:
  Publisher(const Names& names, const Options& options, EventQueue& events);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  // The control thread's.
  void start();
  void stop();
  /// What is published from now on goes over this connection, which must outlive detach().
  base::Status attach(Connection& connection);
  /// Whatever is in flight has failed. Close the connection before: it ends a send that waits.
  void detach();
  /// What has waited too long for its acknowledgement has failed.
  void expire(int64_t now_ms);
  /// Why a publication has failed that would fail again, since the last call; empty if none has.
  std::string take_trouble();

  // Any thread's; none of them waits for the network.
  void publish(std::span<const Publication> publications, int64_t now_ms);
  void broadcast(std::string_view beat);
  /// An empty message to that subject.
  void signal(std::string subject);

 private:
  struct Flight {
    Stream stream = Stream::kTied;
    int64_t since_ms = 0;
  };
  struct Message {
    std::string subject;
    std::string reply;  ///< empty: nothing is to come back
    uint64_t ticket = 0;
    size_t begin = 0;
    size_t end = 0;
  };
  /// What is to be sent, in order; the payloads in one piece.
  struct Outgoing {
    std::vector<Message> messages;
    std::string bytes;
  };

  bool admits(const Publication& publication) const;
  void run();
  void send(const Outgoing& outgoing);
  void on_answer(natsMsg* message);
  void settle(uint64_t ticket, bool acknowledged);
  void note(std::string trouble);

  const Names& names_;
  const Options& options_;
  EventQueue& events_;

  std::mutex wire_mutex_;  ///< held while sending; taken before mutex_
  Connection* connection_ = nullptr;
  std::unique_ptr<Subscription> answers_;

  std::mutex mutex_;
  std::condition_variable more_;
  Outgoing outgoing_;
  std::string inbox_;  ///< of the present connection; empty: there is none
  std::unordered_map<uint64_t, Flight> flights_;
  std::deque<std::pair<uint64_t, int64_t>> order_;  ///< ticket and since when; also of settled ones
  std::string trouble_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace callbook::bus::nats
