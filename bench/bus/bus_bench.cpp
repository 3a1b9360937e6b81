// The bus by itself, as a node uses it, with no registry behind: what it takes in, how soon it
// acknowledges, and how fast it is read again.
//
//   bus-bench SERVERS MESSAGES      nats://host:port[,...]; prints one JSON object

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "bus/nats/nats_bus.h"

namespace callbook::bench {
namespace {

constexpr size_t kKeyBytes = 60;
constexpr size_t kValueBytes = 300;  // a registration with 200 bytes of metadata
constexpr size_t kInFlight = 1'000;  // as a node keeps
constexpr int kSingles = 500;
constexpr auto kPatience = std::chrono::seconds(120);

using Clock = std::chrono::steady_clock;

struct Silence final : base::Logger {
  void write(base::LogLevel, std::string_view) override {}
};

[[noreturn]] void fail(const std::string& what) {
  fmt::print(stderr, "bus-bench: {}\n", what);
  std::exit(1);
}

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

class Bench {
 public:
  explicit Bench(bus::nats::Options options) {
    auto made = bus::nats::make_bus(std::move(options), silence_, [this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      wake_.notify_one();
    });
    if (!made.ok()) fail(made.error().to_string());
    bus_ = std::move(*made);
    bus_->start();
    await([this] { return connected_; }, "the bus does not answer");
  }
  ~Bench() { bus_->stop(); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  /// Milliseconds of each of several publications, one at a time.
  std::vector<double> singles() {
    std::vector<double> times;
    for (int i = 0; i < kSingles; ++i) {
      const auto begin = Clock::now();
      publish(1);
      await([this] { return settled_ == published_; }, "an acknowledgement is missing");
      times.push_back(ms_since(begin));
    }
    std::sort(times.begin(), times.end());
    return times;
  }

  /// Messages a second, as many in flight as a node has.
  double rate(size_t messages) {
    const auto begin = Clock::now();
    for (size_t sent = 0; sent < messages;) {
      const size_t room = kInFlight - (published_ - settled_);
      const size_t count = std::min(room, messages - sent);
      publish(count);
      sent += count;
      const size_t before = settled_;
      await([&] { return settled_ > before; }, "acknowledgements are missing");
    }
    await([this] { return settled_ == published_; }, "acknowledgements are missing");
    return static_cast<double>(messages) / ms_since(begin) * 1'000;
  }

  /// Milliseconds until the whole stream has been read.
  double replay(size_t messages) {
    heads_seen_ = false;
    await([this] { return heads_seen_; }, "the heads are missing");
    read_ = 0;
    const auto begin = Clock::now();
    bus_->fetch(bus::Stream::kTied, {heads_[0].generation, 0});
    await([&] { return read_ >= messages; }, "messages are missing");
    return ms_since(begin);
  }

 private:
  void publish(size_t count) {
    std::vector<std::string> keys;
    std::vector<bus::Publication> all;
    for (size_t i = 0; i < count; ++i) {
      keys.push_back(fmt::format("{:0{}}", published_ + i, kKeyBytes));
    }
    for (size_t i = 0; i < count; ++i) {
      all.push_back({bus::Stream::kTied, published_ + i + 1, keys[i], value_});
    }
    published_ += count;
    bus_->publish(all);
  }

  template <typename Done>
  void await(Done done, const char* complaint) {
    const auto end = Clock::now() + kPatience;
    while (!done()) {
      {
        std::unique_lock lock(mutex_);
        if (!wake_.wait_until(lock, end, [this] { return woken_; })) fail(complaint);
        woken_ = false;
      }
      for (const bus::Event& event : bus_->take()) take(event);
    }
  }

  void take(const bus::Event& event) {
    if (const auto* heads = std::get_if<bus::Heads>(&event)) {
      connected_ = heads_seen_ = true;
      heads_ = heads->heads;
    } else if (const auto* settled = std::get_if<bus::Settled>(&event)) {
      if (!settled->acknowledged) fail("a publication failed");
      ++settled_;
    } else if (const auto* batch = std::get_if<bus::Batch>(&event)) {
      read_ += batch->size();
    } else if (const auto* refused = std::get_if<bus::Refused>(&event)) {
      fail(refused->error.to_string());
    } else if (const auto* lost = std::get_if<bus::Lost>(&event)) {
      fail(lost->why);
    }
  }

  Silence silence_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;  // guarded by mutex_
  std::unique_ptr<bus::Bus> bus_;
  bool connected_ = false;
  bool heads_seen_ = false;
  bus::Positions heads_{};
  const std::string value_ = std::string(kValueBytes, 'v');
  size_t published_ = 0;
  size_t settled_ = 0;
  size_t read_ = 0;
};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(','), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace
}  // namespace callbook::bench

int main(int argc, char** argv) {
  using namespace callbook::bench;
  const size_t messages = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
  if (messages == 0) fail("usage: bus-bench SERVERS MESSAGES");
  callbook::bus::nats::Options options;
  options.servers = split(argv[1]);
  options.cluster = "bench";
  Bench writer(options);
  const auto singles = writer.singles();
  const double rate = writer.rate(messages);
  // One that begins at the stream's end, as a node that joins: what the writer has been pushed it
  // would not be brought again.
  Bench reader(options);
  const double replay_ms = reader.replay(singles.size() + messages);
  fmt::print(
      "{{\"ack_p50_ms\":{:.3f},\"ack_p99_ms\":{:.3f},\"rate\":{:.0f},\"replay_ms\":{:.1f}}}\n",
      singles[singles.size() / 2], singles[singles.size() * 99 / 100], rate, replay_ms);
  return 0;
}
