// raw-echo MODE: the least work that each load could be, as the ceiling of the machine at that
// moment. Nothing here knows HTTP.
//
//   echo-server             answers 64 bytes with the same 64 bytes, on one thread
//   fanout-server           a byte on one connection sends a message to all others, in a plain loop
//   echo      --port N --server-pid N --connections N --count N [--max-ms N]
//   fanout    --port N --server-pid N --watchers N --changes N [--bytes N] [--max-ms N]
//   fdatasync --file PATH --count N [--max-ms N]     appends of 4 KB, each made durable
//
// A server prints `ready port=N`, and ends when its standard input does.

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <vector>

#include "load/connection.h"
#include "load/fail.h"
#include "load/measures.h"
#include "load/options.h"
#include "load/poller.h"
#include "load/process.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callbook::load {
namespace {

constexpr size_t kEchoBytes = 64;
constexpr size_t kMessageBytes = 250;
constexpr uint64_t kListenerKey = UINT64_MAX;
constexpr uint64_t kInputKey = UINT64_MAX - 1;

/// Accepts, and gives what clients send to `on_bytes(sender, bytes)`, until standard input ends.
class Server {
 public:
  Server() : listener_(listen_local(port_)), buffer_(kReadBytes, '\0') {
    poller_.add(listener_, kListenerKey, EPOLLIN);
    poller_.add(input_, kInputKey, EPOLLIN);
  }

  template <typename OnBytes>
  void run(OnBytes&& on_bytes) {
    fmt::print("ready port={}\n", port_);
    std::fflush(stdout);
    for (;;) {
      for (const epoll_event& event : poller_.wait(now_ns() + 60'000'000'000)) {
        const uint64_t key = event.data.u64;
        if (key == kInputKey) return;
        if (key == kListenerKey) {
          accept_all();
        } else {
          read(key, on_bytes);
        }
      }
    }
  }

  std::vector<Socket>& clients() { return clients_; }

 private:
  void accept_all() {
    for (Socket client = accept_local(listener_); client.is_open();
         client = accept_local(listener_)) {
      const auto key = static_cast<uint64_t>(client.fd());
      if (key >= clients_.size()) clients_.resize(key + 1);
      poller_.add(client, key, EPOLLIN);
      clients_[key] = std::move(client);
    }
  }

  template <typename OnBytes>
  void read(uint64_t key, OnBytes&& on_bytes) {
    const ssize_t count = recv(clients_[key].fd(), buffer_.data(), buffer_.size(), 0);
    if (count > 0) {
      on_bytes(key, std::string_view(buffer_.data(), static_cast<size_t>(count)));
    } else if (count == 0 || errno != EAGAIN) {
      clients_[key].close();
    }
  }

  uint16_t port_ = 0;
  Socket listener_;
  Socket input_{STDIN_FILENO};
  Poller poller_;
  std::string buffer_;
  std::vector<Socket> clients_;  // by descriptor
};

void send_all(const Socket& socket, std::string_view bytes) {
  const ssize_t sent = ::send(socket.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) fail("send: {}", std::strerror(errno));
}

std::string serve_echo(Options& options, const Deadline&) {
  options.finish();
  Server server;
  server.run(
      [&](uint64_t sender, std::string_view bytes) { send_all(server.clients()[sender], bytes); });
  return "";
}

std::string serve_fanout(Options& options, const Deadline&) {
  const std::string message(options.number("bytes", kMessageBytes), 'm');
  options.finish();
  raise_descriptor_limit(1024);
  Server server;
  server.run([&](uint64_t sender, std::string_view) {
    for (const Socket& client : server.clients()) {
      if (client.is_open() && static_cast<uint64_t>(client.fd()) != sender)
        send_all(client, message);
    }
  });
  return "";
}

std::string load_echo(Options& options, const Deadline& deadline) {
  const auto port = static_cast<uint16_t>(options.number("port"));
  const Process server(static_cast<pid_t>(options.number("server-pid")));
  std::vector<Connection> connections(options.number("connections"));
  const uint64_t count = options.number("count");
  const auto max_ns = static_cast<int64_t>(options.number("max-ms", 1'000)) * 1'000'000;
  options.finish();
  Poller poller;
  std::string buffer(kReadBytes, '\0');
  const std::string message(kEchoBytes, 'e');
  for (size_t i = 0; i < connections.size(); ++i) {
    if (!connections[i].open(poller, i, port)) fail("port {} refuses", port);
  }
  const int64_t cpu_before_ns = server.cpu_ns();
  const int64_t start_ns = now_ns();
  for (Connection& connection : connections) connection.send(message);
  uint64_t sent = connections.size();
  uint64_t bytes_back = 0;
  for (bool may_send = true; bytes_back < sent * kEchoBytes;) {
    for (const epoll_event& event : poller.wait(deadline.at_ns)) {
      std::string_view bytes;
      Connection& connection = connections[event.data.u64];
      if (connection.read(buffer, bytes) == Connection::Read::kClosed)
        fail("the echo server closed");
      bytes_back += bytes.size();
      may_send = sent < count && now_ns() - start_ns < max_ns;
      if (may_send) {
        connection.send(message);
        ++sent;
      }
    }
    deadline.check("echo");
  }
  return to_json(LoopResult{sent, now_ns() - start_ns, server.cpu_ns() - cpu_before_ns});
}

/// The connections of a fan-out, and one that sets it off.
class Audience {
 public:
  Audience(uint16_t port, size_t watchers) : watchers_(watchers), buffer_(kReadBytes, '\0') {
    for (size_t i = 0; i < watchers; ++i) {
      if (!watchers_[i].open(poller_, i, port)) fail("port {} refuses", port);
    }
    if (!trigger_.open(poller_, kInputKey, port)) fail("port {} refuses", port);
  }

  /// The time from the trigger until the last of them has read `bytes` bytes.
  int64_t time_message(size_t bytes, const Deadline& deadline) {
    const int64_t start_ns = now_ns();
    trigger_.send("!");
    for (size_t missing = bytes * watchers_.size(); missing > 0;) {
      for (const epoll_event& event : poller_.wait(deadline.at_ns)) {
        std::string_view part;
        if (event.data.u64 == kInputKey ||
            watchers_[event.data.u64].read(buffer_, part) == Connection::Read::kClosed) {
          fail("the fan-out server closed");
        }
        missing -= part.size();
      }
      deadline.check("fan-out");
    }
    return now_ns() - start_ns;
  }

 private:
  Poller poller_;
  std::vector<Connection> watchers_;
  Connection trigger_;
  std::string buffer_;
};

std::string load_fanout(Options& options, const Deadline& deadline) {
  const auto port = static_cast<uint16_t>(options.number("port"));
  const Process server(static_cast<pid_t>(options.number("server-pid")));
  const uint64_t watchers = options.number("watchers");
  const uint64_t changes = options.number("changes");
  const size_t bytes = options.number("bytes", kMessageBytes);
  const auto max_ns = static_cast<int64_t>(options.number("max-ms", 10'000)) * 1'000'000;
  options.finish();
  raise_descriptor_limit(watchers + 100);
  Audience audience(port, watchers);
  audience.time_message(bytes, deadline);  // also waits until all have been accepted
  std::vector<double> latencies;
  const int64_t start_ns = now_ns();
  const int64_t cpu_before_ns = server.cpu_ns();
  while (latencies.size() < changes && now_ns() - start_ns < max_ns) {
    latencies.push_back(to_ms(audience.time_message(bytes, deadline)));
  }
  const auto cpu_us = static_cast<double>(server.cpu_ns() - cpu_before_ns) / 1e3;
  return fmt::format(R"({{"changes":{},"p50_ms":{:.3f},"p99_ms":{:.3f},"server_cpu_us":{:.3f}}})",
                     latencies.size(), percentile(latencies, 50), percentile(latencies, 99),
                     cpu_us / static_cast<double>(latencies.size() * watchers));
}

std::string load_fdatasync(Options& options, const Deadline& deadline) {
  const std::string path = options.text("file", "");
  const uint64_t count = options.number("count");
  const auto max_ns = static_cast<int64_t>(options.number("max-ms", 1'000)) * 1'000'000;
  options.finish();
  const Socket file(open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600));
  if (!file.is_open()) fail("{}: {}", path, std::strerror(errno));
  const std::string block(4096, 'b');
  const int64_t start_ns = now_ns();
  uint64_t done = 0;
  for (; done < count && now_ns() - start_ns < max_ns; ++done) {
    if (write(file.fd(), block.data(), block.size()) != 4096 || fdatasync(file.fd()) != 0) {
      fail("{}: {}", path, std::strerror(errno));
    }
    deadline.check("fdatasync");
  }
  return to_json(LoopResult{done, now_ns() - start_ns, 0});
}

using Mode = std::string (*)(Options& options, const Deadline& deadline);

const std::map<std::string_view, Mode> kModes = {
    {"echo", load_echo},           {"echo-server", serve_echo},
    {"fanout", load_fanout},       {"fanout-server", serve_fanout},
    {"fdatasync", load_fdatasync},
};

int run(int argc, char** argv) {
  const auto found = kModes.find(argc > 1 ? argv[1] : "");
  if (found == kModes.end()) {
    fmt::print(stderr, "usage: raw-echo echo-server|fanout-server|echo|fanout|fdatasync ...\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  Options options(argc, argv, 2);
  const Deadline deadline = Deadline::in_seconds(options.number("timeout-s", 60), argv[1]);
  const std::string result = found->second(options, deadline);
  if (!result.empty()) fmt::print("{}\n", result);
  return 0;
}

}  // namespace
}  // namespace callbook::load

int main(int argc, char** argv) {
  return callbook::load::run(argc, argv);
}
