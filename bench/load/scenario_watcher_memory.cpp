// What a watcher costs the server in memory: one that is idle, and one that never reads.

#include <algorithm>
#include <fstream>

#include "load/batches.h"
#include "load/client.h"
#include "load/connection.h"
#include "load/fail.h"
#include "load/instance_texts.h"
#include "load/process.h"
#include "load/scenarios.h"
#include "load/sessions.h"
#include "load/watchers.h"

namespace callbook::load {
namespace {

std::string to_json(uint64_t watchers, int64_t before, int64_t after, uint64_t kernel_bytes) {
  const auto count = static_cast<double>(watchers);
  return fmt::format(R"({{"watchers":{},"before":{},"after":{},"bytes_per_watcher":{:.1f},)"
                     R"("kernel_bytes_per_watcher":{:.1f}}})",
                     watchers, before, after, static_cast<double>(after - before) / count,
                     static_cast<double>(kernel_bytes) / count);
}

/// The server's end of its connections, as the kernel sees them.
struct ServerSide {
  uint64_t connections = 0;
  uint64_t queued_bytes = 0;  ///< not sent, or not acknowledged
};

/// From the lines of /proc/net/tcp that have the listener's port and the state ESTABLISHED.
ServerSide server_side(uint16_t port) {
  std::ifstream table("/proc/net/tcp");
  const std::string local = fmt::format("0100007F:{:04X}", port);
  ServerSide side;
  std::string number, address, peer, state, queues, rest;
  std::getline(table, rest);
  while (table >> number >> address >> peer >> state >> queues && std::getline(table, rest)) {
    if (address != local || state != "01") continue;
    ++side.connections;
    side.queued_bytes += std::strtoull(queues.c_str(), nullptr, 16);
  }
  return side;
}

/// Connections that send a request and never read.
class StalledReaders {
 public:
  StalledReaders(uint16_t port, size_t count, std::string_view request) : connections_(count) {
    for (size_t i = 0; i < count; ++i) {
      if (!connections_[i].open(poller_, i, port, kReceiveBufferBytes))
        fail("port {} refuses", port);
      connections_[i].send(request);
      await_first_bytes(i);
    }
  }

 private:
  static constexpr int kReceiveBufferBytes = 2'304;  // the least that Linux grants

  /// So that the subscription is there before the changes are; leaves the bytes unread and the
  /// connection watched for its end alone.
  void await_first_bytes(size_t index) {
    for (bool seen = false; !seen;) {
      for (const epoll_event& event : poller_.wait(now_ns() + 10'000'000'000)) {
        if ((event.events & EPOLLOUT) != 0) connections_[event.data.u64].on_writable();
        if ((event.events & EPOLLIN) == 0) continue;
        if ((event.events & (EPOLLHUP | EPOLLERR)) != 0) fail("a watcher was refused");
        connections_[event.data.u64].stop_reading();
        seen = event.data.u64 == index;
      }
    }
  }

  Poller poller_;
  std::vector<Connection> connections_;
};

/// Every instance of a service, registered anew with other data.
class Updates : public Workload {
 public:
  Updates(const InstanceTexts& texts, uint64_t instances, const std::string& session)
      : put_(texts.put_request("")), instances_(instances), session_(session) {}

  void append_request(size_t, uint64_t n, std::string& out) override {
    put_.append(out, {n % instances_, 0, session_});
  }
  void on_response(size_t, int status, std::string_view body) override {
    if (status != 200 && status != 201) fail("an update was answered {} {}", status, body);
    unchanged += body.find("unchanged") != body.npos ? 1 : 0;
  }

  uint64_t unchanged = 0;

 private:
  Template put_;
  uint64_t instances_;
  std::string session_;
};

/// Changes a service's list again and again, in requests of one change and of all at once.
class Turmoil {
 public:
  Turmoil(uint16_t port, uint64_t instances, std::string session)
      : port_(port), instances_(instances), session_(std::move(session)) {}

  void change_one_by_one(uint64_t changes, const Deadline& deadline) {
    for (uint64_t done = 0; done < changes; done += instances_) {
      const uint64_t count = std::min(instances_, changes - done);
      Updates updates(next_texts(), instances_, session_);
      run_requests({.port = port_, .connections = 1, .pipelining = 16, .count = count}, updates,
                   nullptr, deadline);
      if (updates.unchanged > 0) fail("{} updates changed nothing", updates.unchanged);
    }
  }

  void change_all_at_once(uint64_t times) {
    Client client(port_);
    for (uint64_t i = 0; i < times; ++i) {
      const std::string body =
          client.call(batch_request(next_texts(), 0, instances_, 0, session_), 200);
      if (count_of(body, "\"updated\"") != instances_) {
        fail("a batch of updates was answered {}", body.substr(0, 500));
      }
    }
  }

 private:
  /// Two sizes in turn, so that each update changes something.
  InstanceTexts next_texts() {
    size_ = size_ == 300 ? 301 : 300;
    return InstanceTexts({InstanceSize::Of::kJson, size_});
  }

  uint16_t port_;
  uint64_t instances_;
  std::string session_;
  size_t size_ = 300;
};

}  // namespace

std::string run_idle_watchers(Options& options, const Deadline& deadline) {
  const auto port = static_cast<uint16_t>(options.number("port"));
  const Process server(static_cast<pid_t>(options.number("server-pid")));
  const uint64_t count = options.number("watchers");
  options.finish();
  raise_descriptor_limit(count + 100);
  const auto session = open_sessions(port, 1, deadline);
  register_in_batches({.port = port, .first = 0, .instances = 1'000, .services = 100, .size = {}},
                      session, nullptr, deadline);
  Client client(port);
  const std::string name = service_name(0);
  const std::string watch = watch_request({{name, list_digest(client, name)}});
  { const Watchers warm_up(port, 100, watch, deadline); }
  const int64_t before = server.settled_anonymous_bytes();
  const Watchers watchers(port, count, watch, deadline);
  const int64_t after = server.settled_anonymous_bytes();
  return to_json(count, before, after, server_side(port).queued_bytes);
}

std::string run_stalled_watchers(Options& options, const Deadline& deadline) {
  const auto port = static_cast<uint16_t>(options.number("port"));
  const Process server(static_cast<pid_t>(options.number("server-pid")));
  const uint64_t count = options.number("watchers");
  const uint64_t instances = options.number("instances", 1'000);
  const uint64_t changes = options.number("changes", 2'000);
  const uint64_t batches = options.number("batches", 0);
  const bool in_snapshot = options.number("in-snapshot", 0) != 0;
  options.finish();
  raise_descriptor_limit(count + 100);
  const auto session = open_sessions(port, 1, deadline);
  register_in_batches({.port = port,
                       .first = 0,
                       .instances = instances,
                       .services = 1,
                       .size = {InstanceSize::Of::kJson, 300}},
                      session, nullptr, deadline);
  // The changes once without watchers, so that what they leave behind anyway is not counted.
  Turmoil turmoil(port, instances, session.front());
  turmoil.change_one_by_one(changes, deadline);
  turmoil.change_all_at_once(batches);
  Client client(port);
  const std::string name = service_name(0);
  const std::string digest = in_snapshot ? "AAAAAAAAAAA" : list_digest(client, name);
  const int64_t before = server.settled_anonymous_bytes();
  const StalledReaders readers(port, count, watch_request({{name, digest}}));
  turmoil.change_one_by_one(changes, deadline);
  turmoil.change_all_at_once(batches);
  const int64_t after = server.anonymous_bytes();
  // A connection that the server's TCP_USER_TIMEOUT ends goes without an RST: our end can't tell.
  const ServerSide side = server_side(port);
  if (side.connections < count) fail("the server has kept {} connections", side.connections);
  return to_json(count, before, after, side.queued_bytes);
}

}  // namespace callbook::load
