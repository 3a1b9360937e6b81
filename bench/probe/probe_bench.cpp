// probe-bench: the CPU time that a probe costs the thread that probes, kernel included. On a
// loopback interface that thread also does the kernel's share of the other end (a packet is
// received by whoever sends it), so that a network costs less than this.
//
//   --http 0|1       GET and an answer of 200, or a connection alone (1)
//   --targets N      addresses in 127.0.0.0/8, all one listener of another process (20000)
//   --every-ms N     each is probed so often (5000)
//   --beat-ms N      probes are asked for in batches, as many as are due at each beat (10)
//   --seconds N      after one that does not count (10)
//   --listen 1       no load: prints "ready port=N" and answers, until its standard input ends

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "load/fail.h"
#include "load/options.h"
#include "load/poller.h"
#include "load/process.h"
#include "load/socket.h"
#include "probe/prober.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/event_loop.h"

namespace callbook::load {
namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n"
    "Connection: close\r\n\r\n{\"status\":\"UP\"}";
constexpr uint64_t kListenerKey = UINT64_MAX;
constexpr int64_t kTimeoutMs = 2'000;

/// Listens on every address of 127.0.0.0/8.
Socket listen_everywhere(uint16_t& port) {
  Socket listener(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  socklen_t length = sizeof address;
  if (::bind(listener.fd(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener.fd(), SOMAXCONN) != 0 ||
      ::getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    fail("listen: {}", std::strerror(errno));
  }
  port = ntohs(address.sin_port);
  return listener;
}

/// Answers whatever comes, until killed.
[[noreturn]] void serve(const Socket& listener) {
  Poller poller;
  poller.add(listener, kListenerKey, EPOLLIN);
  std::vector<Socket> clients;  // by descriptor
  std::vector<char> buffer(4'096);
  for (;;) {
    for (const epoll_event& event : poller.wait(now_ns() + 60'000'000'000)) {
      if (event.data.u64 == kListenerKey) {
        for (Socket client = accept_local(listener); client.is_open();
             client = accept_local(listener)) {
          const auto key = static_cast<uint64_t>(client.fd());
          if (key >= clients.size()) clients.resize(key + 1);
          poller.add(client, key, EPOLLIN);
          clients[key] = std::move(client);
        }
        continue;
      }
      Socket& client = clients[event.data.u64];
      const bool open = ::recv(client.fd(), buffer.data(), buffer.size(), 0) > 0;
      if (open)
        static_cast<void>(::send(client.fd(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL));
      if (!open) client.close();
    }
  }
}

/// The listener in a process of its own, which ends with this one.
class Listener {
 public:
  Listener() {
    const Socket socket = listen_everywhere(port_);
    child_ = ::fork();
    if (child_ < 0) fail("fork: {}", std::strerror(errno));
    if (child_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      raise_descriptor_limit(10'000);
      serve(socket);
    }
  }
  ~Listener() { ::kill(child_, SIGKILL); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  uint16_t port() const { return port_; }

 private:
  uint16_t port_ = 0;
  pid_t child_ = 0;
};

struct CpuTime {
  int64_t user_ns = 0;
  int64_t kernel_ns = 0;
};

CpuTime cpu_of_this_thread() {
  rusage used{};
  ::getrusage(RUSAGE_THREAD, &used);
  const auto ns = [](const timeval& time) {
    return int64_t{time.tv_sec} * 1'000'000'000 + int64_t{time.tv_usec} * 1'000;
  };
  return {ns(used.ru_utime), ns(used.ru_stime)};
}

struct Plan {
  bool http = true;
  uint64_t targets = 0;
  int64_t every_ms = 0;
  int64_t seconds = 0;
};

/// Asks for what is due at each beat, and counts what came of it. On the loop's thread.
class Rounds {
 public:
  Rounds(const Plan& plan, uint16_t port) : plan_(plan), port_(port), prober_(loop_, clock_, {}) {}

  void run(int64_t beat_ms) {
    began_ns_ = now_ns();
    const auto beats = loop_.every(beat_ms, [this] { beat(); });
    const auto warm = loop_.after(1'000, [this] {
      cpu_before_ = cpu_of_this_thread();
      finished_before_ = finished_;
      counted_from_ns_ = now_ns();
    });
    const auto end = loop_.after(1'000 + plan_.seconds * 1'000, [this] { loop_.stop(); });
    loop_.run();
    report();
  }

 private:
  void beat() {
    const int64_t elapsed_ms = (now_ns() - began_ns_) / 1'000'000;
    const uint64_t due =
        static_cast<uint64_t>(elapsed_ms) * plan_.targets / static_cast<uint64_t>(plan_.every_ms);
    for (; asked_ < due; ++asked_) {
      const uint64_t target = asked_ % plan_.targets;
      probe::Request wanted{fmt::format("127.{}.{}.1", 1 + target / 250, target % 250), port_,
                            kTimeoutMs};
      if (plan_.http) wanted.kind = probe::Request::Kind::kHttp;
      wanted.http.path = "/health";
      prober_.probe(std::move(wanted), [this](const probe::Result& result) {
        if (result.outcome != net::ProbeOutcome::kAnswered) {
          fail("a probe came to nothing: {}", result.text);
        }
        ++finished_;
      });
    }
  }

  void report() const {
    const CpuTime cpu = cpu_of_this_thread();
    const auto probes = static_cast<double>(finished_ - finished_before_);
    const auto wall_ns = static_cast<double>(now_ns() - counted_from_ns_);
    const auto user_ns = static_cast<double>(cpu.user_ns - cpu_before_.user_ns);
    const auto kernel_ns = static_cast<double>(cpu.kernel_ns - cpu_before_.kernel_ns);
    fmt::print(
        "{}: {:.0f} probes/s, {:.1f} us CPU each (user {:.1f}, kernel {:.1f}), {:.1f} % of a "
        "core\n",
        plan_.http ? "http" : "tcp", probes / wall_ns * 1e9, (user_ns + kernel_ns) / probes / 1e3,
        user_ns / probes / 1e3, kernel_ns / probes / 1e3, (user_ns + kernel_ns) / wall_ns * 100);
  }

  const Plan plan_;
  const uint16_t port_;
  net::EventLoop loop_;
  const net::SystemClock clock_;
  probe::Prober prober_;
  int64_t began_ns_ = 0;
  int64_t counted_from_ns_ = 0;
  uint64_t asked_ = 0;
  uint64_t finished_ = 0;
  uint64_t finished_before_ = 0;
  CpuTime cpu_before_;
};

int run(int argc, char** argv) {
  Options options(argc, argv, 1);
  if (options.number("listen", 0) != 0) {
    options.finish();
    const Listener listener;
    fmt::print("ready port={}\n", listener.port());
    std::fflush(stdout);
    char ignored = 0;
    while (::read(STDIN_FILENO, &ignored, 1) > 0) continue;
    return 0;
  }
  Plan plan;
  plan.http = options.number("http", 1) != 0;
  plan.targets = options.number("targets", 20'000);
  plan.every_ms = static_cast<int64_t>(options.number("every-ms", 5'000));
  plan.seconds = static_cast<int64_t>(options.number("seconds", 10));
  const auto beat_ms = static_cast<int64_t>(options.number("beat-ms", 10));
  options.finish();
  if (plan.targets == 0 || plan.targets > 60'000 || plan.every_ms == 0) fail("no such load");
  raise_descriptor_limit(10'000);
  const Listener listener;
  Rounds(plan, listener.port()).run(beat_ms);
  return 0;
}

}  // namespace
}  // namespace callbook::load

int main(int argc, char** argv) {
  return callbook::load::run(argc, argv);
}
