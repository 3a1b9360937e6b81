#include "tests/bus/nats_surroundings.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include <gtest/gtest.h>

#include "bus/nats/nats_bus.h"
#include "bus/nats/steady.h"
#include "bus/nats/subject.h"

namespace callbook::testing {
namespace {

/// A condition may become true by time alone.
constexpr auto kStep = std::chrono::milliseconds(20);

/// As in production, only less patient.
bus::nats::Options quick() {
  bus::nats::Options options;
  options.heads_ms = 300;
  options.heartbeat_ms = 300;
  options.ping_ms = 500;
  options.request_timeout_ms = 1'000;
  options.retry_least_ms = 20;
  options.retry_most_ms = 200;
  return options;
}

}  // namespace

void NatsSurroundings::Journal::write(base::LogLevel, std::string_view message) {
  const int64_t now_ms = bus::nats::steady_ms();
  std::fprintf(stderr, "  [%ld.%03ld %s] %.*s\n", now_ms / 1'000, now_ms % 1'000, node_.c_str(),
               static_cast<int>(message.size()), message.data());
  const std::lock_guard lock(mutex_);
  lines_.emplace_back(message);
}

size_t NatsSurroundings::Journal::count(std::string_view words) {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::count_if(
      lines_.begin(), lines_.end(),
      [&](const std::string& line) { return line.find(words) != std::string::npos; }));
}

NatsSurroundings::NatsSurroundings(size_t servers, int64_t tied_age_ms, const std::string& more)
    : options_(quick()) {
  options_.tied_age_ms = tied_age_ms;
  // Between finding a port free and listening on it somebody else may have taken it.
  constexpr int kAttempts = 5;
  int left = kAttempts;
  do {
    if (left-- == 0) throw std::runtime_error("nats-servers find their ports taken, every time");
    make_servers(servers, more);
  } while (!launch_servers());
  for (const auto& server : servers_) options_.servers.push_back(server->url());
}

void NatsSurroundings::make_servers(size_t count, const std::string& more) {
  servers_.clear();
  std::vector<uint16_t> routes;
  for (size_t i = 0; count > 1 && i < count; ++i) routes.push_back(free_port());
  for (size_t i = 0; i < count; ++i) {
    NatsServer::Place place;
    place.name = "s" + std::to_string(i + 1);
    place.route_ports = routes;
    if (count > 1) place.route_port = routes[i];
    place.more = more;
    servers_.push_back(std::make_unique<NatsServer>(std::move(place)));
  }
}

bool NatsSurroundings::launch_servers() {
  for (const auto& server : servers_) server->launch();
  return std::all_of(servers_.begin(), servers_.end(),
                     [](const auto& server) { return server->await_ready(); });
}

NatsSurroundings::~NatsSurroundings() {
  drop_nodes();
}

Operator& NatsSurroundings::an_operator() {
  if (!operator_) {
    std::string urls;
    for (const std::string& url : options_.servers) urls += (urls.empty() ? "" : ",") + url;
    operator_ = std::make_unique<Operator>(urls);
  }
  return *operator_;
}

NatsServer& NatsSurroundings::server_named(const std::string& name) {
  for (const auto& server : servers_) {
    if (server->name() == name) return *server;
  }
  ADD_FAILURE() << "no server is called " << name;
  return *servers_.front();
}

std::string NatsSurroundings::stream_name(bus::Stream stream) const {
  return bus::nats::Names(options_.cluster).stream(stream);
}

void NatsSurroundings::take_away() {
  for (const auto& server : servers_) {
    if (servers_.size() == 1) {
      server->kill9();
    } else {
      server->stop();
    }
  }
}

void NatsSurroundings::bring_back() {
  for (const auto& server : servers_) {
    if (servers_.size() == 1) {
      server->start();
    } else {
      server->go_on();
    }
  }
}

void NatsSurroundings::recreate(bus::Stream stream) {
  an_operator().delete_stream(stream_name(stream));
}

std::unique_ptr<bus::Bus> NatsSurroundings::make_bus(size_t index) {
  bus::nats::Options options = options_;
  options.node = "n" + std::to_string(index);
  journals_.push_back(std::make_unique<Journal>(options.node));
  auto made = bus::nats::make_bus(options, *journals_.back(), [this] {
    const std::lock_guard lock(mutex_);
    awake_ = true;
    woken_.notify_one();
  });
  EXPECT_TRUE(made.ok()) << made.error().to_string();
  return std::move(*made);
}

void NatsSurroundings::step() {
  std::unique_lock lock(mutex_);
  woken_.wait_for(lock, kStep, [this] { return awake_; });
  awake_ = false;
}

int64_t NatsSurroundings::now_ms() {
  return bus::nats::steady_ms();
}

std::unique_ptr<Surroundings> make_one_server(int64_t tied_age_ms) {
  return std::make_unique<NatsSurroundings>(1, tied_age_ms);
}

std::unique_ptr<Surroundings> make_three_servers(int64_t tied_age_ms) {
  return std::make_unique<NatsSurroundings>(3, tied_age_ms);
}

}  // namespace callbook::testing
