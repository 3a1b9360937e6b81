#include "net/prober.h"

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callbook::net {
namespace {

using Outcome = ProbeOutcome;

/// Only a failing test ever waits so long.
constexpr int64_t kPatienceMs = 20'000;
/// How long a probe waits that is to end in silence.
constexpr int64_t kSilenceMs = 200;

/// A socket bound to a port of every address of 127.0.0.0/8, so that nobody else gets it.
class Port {
 public:
  Port() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    number_ = ntohs(address.sin_port);
  }
  ~Port() { ::close(socket_); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  void listen(int backlog) const { EXPECT_EQ(::listen(socket_, backlog), 0); }
  int socket() const { return socket_; }
  uint16_t number() const { return number_; }

 private:
  int socket_;
  uint16_t number_ = 0;
};

/// Listens, and takes nobody in: connections are made by the kernel, and nothing is ever said.
class Mute : public Port {
 public:
  Mute() { listen(1'024); }
};

/// A listener that accepts nothing, its queue full: the kernel drops what comes then.
class Full : public Port {
 public:
  Full() {
    listen(0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(number());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int& filler : fillers_) {
      filler = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      static_cast<void>(::connect(filler, reinterpret_cast<sockaddr*>(&address), sizeof address));
    }
  }
  ~Full() {
    for (const int filler : fillers_) ::close(filler);
  }

 private:
  std::array<int, 4> fillers_;
};

/// Takes in one connection after another and does with each what it is told to, on a thread of its
/// own. The destructor waits for the one under way.
class Server {
 public:
  using Script = std::function<void(int socket)>;

  explicit Server(Script script) : script_(std::move(script)) {
    port_.listen(1'024);
    thread_ = std::thread([this] { run(); });
  }
  ~Server() {
    ::shutdown(port_.socket(), SHUT_RDWR);
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t port() const { return port_.number(); }
  int connections() const { return connections_; }

 private:
  void run() {
    for (;;) {
      const int socket = ::accept4(port_.socket(), nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      ++connections_;
      script_(socket);
      ::close(socket);
    }
  }

  Port port_;
  Script script_;
  std::atomic<int> connections_ = 0;
  std::thread thread_;
};

bool say(int socket, std::string_view bytes) {
  return ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(bytes.size());
}

/// Whether the other end has closed or reset within that time.
bool is_left(int socket, int64_t within_ms) {
  pollfd one{.fd = socket, .events = POLLIN, .revents = 0};
  return ::poll(&one, 1, static_cast<int>(within_ms)) == 1;
}

void reset(int socket) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

/// Sends a byte, and is content with one that comes back: 'y' is the right answer.
class Question final : public ProbeTalk {
 public:
  std::optional<ProbeVerdict> proceed(int socket) override {
    if (!std::exchange(asked_, true) && ::send(socket, "?", 1, MSG_NOSIGNAL) != 1) {
      return unconnected(errno);
    }
    char answer = 0;
    const ssize_t count = ::recv(socket, &answer, 1, 0);
    if (count < 0 && errno == EAGAIN) return std::nullopt;
    if (count < 0) return errno == ECONNREFUSED ? unconnected(errno) : broken_off(errno);
    if (count == 0) return ProbeVerdict{Outcome::kFailed, 0, "closed"};
    return ProbeVerdict{answer == 'y' ? Outcome::kAnswered : Outcome::kFailed, 299, "said"};
  }
  ProbeVerdict timed_out(int64_t) const override { return {Outcome::kSilent, 0, "said nothing"}; }

 private:
  bool asked_ = false;
};

/// Takes the question of each connection and answers it so.
Server::Script answering(char answer) {
  return [answer](int socket) {
    char question = 0;
    EXPECT_EQ(::recv(socket, &question, 1, 0), 1);
    say(socket, {&answer, 1});
    EXPECT_TRUE(is_left(socket, kPatienceMs));
  };
}

ProbeTarget tcp(uint16_t port, int64_t timeout_ms = kPatienceMs) {
  return {"127.0.0.1", port, timeout_ms};
}

ProbeTarget asking(uint16_t port, int64_t timeout_ms = kPatienceMs) {
  return {"127.0.0.1", port, timeout_ms, [] { return std::make_unique<Question>(); }};
}

ProbeTarget at(int host, ProbeTarget target) {
  target.address = "127.0.0." + std::to_string(host);
  return target;
}

/// A prober and its loop, on the test's thread.
class Probing {
 public:
  explicit Probing(ProbeLimits limits = {}) : prober_(std::in_place, loop_, limits) {}

  /// Begins; what comes of it is recorded.
  void begin(ProbeTarget target) {
    const size_t index = asked_++;
    prober_->probe(std::move(target), [this, index](const ProbeResult& result) {
      outcomes_.emplace_back(index, result.verdict.outcome);
      last_ = result;
      if (outcomes_.size() >= wanted_) loop_.stop();
    });
  }
  /// Runs until so many outcomes are there in all: pairs of which probe and what, in their order.
  const std::vector<std::pair<size_t, Outcome>>& until(size_t outcomes) {
    wanted_ = outcomes;
    if (outcomes_.size() < wanted_) loop_.run();
    return outcomes_;
  }
  Outcome ask(const ProbeTarget& target) {
    begin(target);
    return until(outcomes_.size() + 1).back().second;
  }
  /// The same for one that ends with its time-out, which counts only if this thread was not late.
  Outcome ask_in_time(const ProbeTarget& target) {
    Outcome outcome = ask(target);
    for (int i = 0; i < 20 && outcome == Outcome::kUntested; ++i) outcome = ask(target);
    return outcome;
  }
  EventLoop& loop() { return loop_; }
  std::optional<Prober>& prober() { return prober_; }
  const ProbeResult& last() const { return last_; }

 private:
  EventLoop loop_;
  std::optional<Prober> prober_;
  std::vector<std::pair<size_t, Outcome>> outcomes_;
  ProbeResult last_;
  size_t asked_ = 0;
  size_t wanted_ = 0;
};

// --- Connections ---

TEST(Prober, AConnectionIsAnAnswer) {
  const Mute port;
  Probing probing;
  EXPECT_EQ(probing.ask(tcp(port.number())), Outcome::kAnswered);
}

TEST(Prober, WhereNobodyListensItIsRefused) {
  const Port port;
  Probing probing;
  EXPECT_EQ(probing.ask(tcp(port.number())), Outcome::kRefused);
  EXPECT_EQ(probing.ask(asking(port.number())), Outcome::kRefused);
}

TEST(Prober, AFullListenQueueIsSilence) {
  const Full port;
  Probing probing;
  EXPECT_EQ(probing.ask_in_time(tcp(port.number(), kSilenceMs)), Outcome::kSilent);
  EXPECT_EQ(probing.ask_in_time(asking(port.number(), kSilenceMs)), Outcome::kSilent);
}

TEST(Prober, AConnectionIsAnAnswerThoughItIsResetAtOnce) {
  const Server server(reset);
  Probing probing;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(probing.ask(tcp(server.port())), Outcome::kAnswered);
    EXPECT_EQ(probing.ask(asking(server.port())), Outcome::kFailed);
  }
}

TEST(Prober, LeavesNothingBehind) {
  for (const bool with_talk : {false, true}) {
    std::promise<int> error_of_server;
    const Server server([&](int socket) {
      char question = 0;
      if (with_talk && ::recv(socket, &question, 1, 0) == 1) say(socket, "y");
      EXPECT_TRUE(is_left(socket, kPatienceMs));
      char c = 0;
      error_of_server.set_value(::recv(socket, &c, 1, 0) < 0 ? errno : 0);
    });
    const ProbeTarget target = with_talk ? asking(server.port()) : tcp(server.port());
    EXPECT_EQ(Probing().ask(target), Outcome::kAnswered);
    EXPECT_EQ(error_of_server.get_future().get(), ECONNRESET);
  }
}

TEST(Prober, AsksNobodyWhoMayNotBeAsked) {
  Probing probing;
  for (const char* address :
       {"169.254.169.254", "::ffff:169.254.169.254", "0.0.0.0", "localhost"}) {
    EXPECT_EQ(probing.ask({address, 80, kPatienceMs}), Outcome::kUntested) << address;
  }
  EXPECT_EQ(probing.ask({"127.0.0.1", 0, kPatienceMs}), Outcome::kUntested);
}

TEST(Prober, WithoutADescriptorNothingIsSaidOfTheTarget) {
  const Mute port;
  Probing probing;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Outcome without = probing.ask(tcp(port.number()));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(without, Outcome::kUntested);
  EXPECT_EQ(probing.ask(tcp(port.number())), Outcome::kAnswered);
}

// --- Time ---

TEST(Prober, WhatCameInTimeCountsThoughThisThreadLooksLate) {
  std::promise<void> is_connected;
  const Server server([&](int socket) {
    is_connected.set_value();
    EXPECT_TRUE(is_left(socket, kPatienceMs));
  });
  Probing probing;
  probing.loop().post([&] {
    probing.begin(tcp(server.port(), 0));
    is_connected.get_future().wait();
  });
  EXPECT_EQ(probing.until(1)[0].second, Outcome::kAnswered);
}

TEST(Prober, HoweverMuchCameInTime) {
  constexpr int kMany = 600;  // more than are looked at in one turn
  std::promise<void> are_connected;
  int connected = 0;
  const Server server([&](int) {
    if (++connected == kMany) are_connected.set_value();
  });
  Probing probing;
  probing.loop().post([&] {
    for (int i = 0; i < kMany; ++i) probing.begin(at(1 + i % 200, tcp(server.port(), 0)));
    are_connected.get_future().wait();
  });
  for (const auto& [index, outcome] : probing.until(kMany)) {
    EXPECT_EQ(outcome, Outcome::kAnswered) << index;
  }
}

TEST(Prober, SaysNothingOfATargetIfThisThreadStoodStill) {
  using Clock = std::chrono::steady_clock;
  const Mute port;
  Probing probing;
  probing.loop().post([&] {
    probing.begin(asking(port.number(), 1));
    for (const auto end = Clock::now() + std::chrono::milliseconds(300); Clock::now() < end;) {
    }
  });
  EXPECT_EQ(probing.until(1)[0].second, Outcome::kUntested);
}

TEST(Prober, AShorterTimeOutIsNotHeldUpByALongerOne) {
  const Mute port;
  Probing probing;
  probing.begin(asking(port.number()));
  EXPECT_EQ(probing.ask_in_time(asking(port.number(), kSilenceMs)), Outcome::kSilent);
  for (const auto& [index, outcome] : probing.until(0)) EXPECT_NE(index, 0U);
}

// --- What is said ---

TEST(Prober, WhatIsSaidDecides) {
  const Server right(answering('y'));
  const Server wrong(answering('n'));
  Probing probing;
  EXPECT_EQ(probing.ask(asking(right.port())), Outcome::kAnswered);
  EXPECT_EQ(probing.last().verdict.status, 299);
  EXPECT_EQ(probing.last().verdict.text, "said");
  EXPECT_EQ(probing.ask(asking(wrong.port())), Outcome::kFailed);
}

/// Making a talk may cost a TLS client, and most hosts that are gone never connect.
TEST(Prober, NothingIsMadeReadyToSayToWhatNeverConnects) {
  const Full full;
  const Server server(answering('y'));
  const Port closed;  // bound, and not listened at
  Probing probing;
  int made = 0;
  const auto counted = [&](uint16_t port, int64_t timeout_ms) {
    ProbeTarget target = asking(port, timeout_ms);
    target.talk = [&made] {
      ++made;
      return std::make_unique<Question>();
    };
    return target;
  };
  EXPECT_EQ(probing.ask_in_time(counted(full.number(), kSilenceMs)), Outcome::kSilent);
  EXPECT_EQ(probing.ask(counted(closed.number(), kPatienceMs)), Outcome::kRefused);
  EXPECT_EQ(made, 0);
  EXPECT_EQ(probing.ask(counted(server.port(), kPatienceMs)), Outcome::kAnswered);
  EXPECT_EQ(made, 1);
}

TEST(Prober, WhoSaysNothingIsSilent) {
  const Mute port;
  Probing probing;
  EXPECT_EQ(probing.ask_in_time(asking(port.number(), kSilenceMs)), Outcome::kSilent);
  EXPECT_EQ(probing.last().verdict.text, "said nothing");
}

TEST(Prober, WhoClosesWithoutAWordHasFailed) {
  for (const bool with_reset : {false, true}) {
    const Server server([&](int socket) {
      char question = 0;
      EXPECT_EQ(::recv(socket, &question, 1, 0), 1);
      if (with_reset) reset(socket);
    });
    EXPECT_EQ(Probing().ask(asking(server.port())), Outcome::kFailed) << with_reset;
  }
}

TEST(Prober, ADatagramIsAskedWithoutAConnection) {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length), 0);
  std::thread server([&] {
    char question = 0;
    sockaddr_in from{};
    socklen_t from_length = sizeof from;
    EXPECT_EQ(::recvfrom(socket, &question, 1, 0, reinterpret_cast<sockaddr*>(&from), &from_length),
              1);
    EXPECT_EQ(::sendto(socket, "y", 1, 0, reinterpret_cast<sockaddr*>(&from), from_length), 1);
  });
  ProbeTarget target = asking(ntohs(address.sin_port));
  target.udp = true;
  Probing probing;
  EXPECT_EQ(probing.ask(target), Outcome::kAnswered);
  server.join();
  ::close(socket);
  EXPECT_EQ(probing.ask(target), Outcome::kRefused);
  target.talk = nullptr;
  EXPECT_EQ(probing.ask(target), Outcome::kUntested);
}

TEST(Prober, SaysWhyForPeople) {
  const Mute open;
  const Port shut;
  const Full full;
  Probing probing;
  const auto text_of = [&](const ProbeTarget& target) {
    probing.ask_in_time(target);
    return probing.last().verdict.text;
  };
  EXPECT_EQ(text_of(tcp(open.number())), "connected");
  EXPECT_EQ(text_of(tcp(shut.number())), "connection refused");
  EXPECT_EQ(text_of(tcp(full.number(), kSilenceMs)), "no connection within 200 ms");
  EXPECT_GE(probing.last().elapsed_ms, kSilenceMs);
  EXPECT_NE(text_of({"169.254.169.254", 80, kPatienceMs}).find("never probed"), std::string::npos);
}

// --- Hosts that are silent ---

TEST(Prober, WhatWaitsAtASilentHostIsConcludedWithIt) {
  std::array<Full, 20> ports;
  std::optional<Probing> probing;
  bool late = false;  // this thread: what was to begin together did not
  const auto round = [&] {
    const size_t before = probing->until(0).size();
    const auto since = std::chrono::steady_clock::now();
    for (const Full& port : ports) probing->begin(tcp(port.number(), kSilenceMs));
    late = std::chrono::steady_clock::now() - since > std::chrono::milliseconds(1);
    size_t silent = 0;
    for (const auto& [index, outcome] : probing->until(before + ports.size())) {
      silent += index >= before && outcome == Outcome::kSilent ? 1 : 0;
    }
    return silent;
  };
  size_t silent = 0;
  for (int i = 0; i < 20 && (late || silent < ports.size()); ++i) {
    probing.emplace(ProbeLimits{2'048, 4, 1'000});  // one to which the host is new
    silent = round();
  }
  ASSERT_EQ(silent, ports.size());
  EXPECT_GE(probing->prober()->concluded_unasked(), ports.size() - 4);
  const uint64_t before = probing->prober()->concluded_unasked();
  round();
  EXPECT_EQ(probing->prober()->concluded_unasked(), before) << "each was sent this time";
}

TEST(Prober, WhatWaitsAtAHostThatIsHeardIsSent) {
  std::array<Full, 8> silent;
  const Mute open;
  Probing probing({2'048, 4, 1'000});
  for (const Full& port : silent) {
    probing.begin(tcp(port.number(), kSilenceMs));
    probing.begin(tcp(open.number(), kSilenceMs));
  }
  probing.until(2 * silent.size());
  EXPECT_EQ(probing.prober()->concluded_unasked(), 0U);
}

// --- Limits ---

TEST(Prober, WhoeverHasNoPlaceWaits) {
  const Mute port;
  Probing probing({8, 2, 1'000});
  for (int i = 0; i < 1'000; ++i) {
    probing.begin(at(1 + i % 7, tcp(port.number())));
  }
  for (const auto& [index, outcome] : probing.until(1'000)) {
    EXPECT_EQ(outcome, Outcome::kAnswered) << index;
  }
}

TEST(Prober, AnswersManyAtOnce) {
  const Server server(answering('y'));
  Probing probing;
  for (int i = 0; i < 600; ++i) probing.begin(at(1 + i % 200, asking(server.port())));
  for (const auto& [index, outcome] : probing.until(600)) {
    EXPECT_EQ(outcome, Outcome::kAnswered) << index;
  }
}

TEST(Prober, AnAddressThatIsSilentDelaysNoOther) {
  const Full silent;
  const Mute other;
  Probing probing;
  for (int i = 0; i < 40; ++i) probing.begin(tcp(silent.number()));
  probing.begin(at(2, tcp(other.number())));
  EXPECT_EQ(probing.until(1)[0], std::pair(size_t{40}, Outcome::kAnswered));
}

TEST(Prober, WhoeverDoesNotFitAmongThoseWhoWaitIsUntested) {
  const Mute silent;
  Probing probing({1, 16, 2});
  for (int i = 0; i < 5; ++i) probing.begin(at(1 + i, asking(silent.number())));
  const auto& outcomes = probing.until(2);
  EXPECT_EQ(outcomes[0], std::pair(size_t{3}, Outcome::kUntested));
  EXPECT_EQ(outcomes[1], std::pair(size_t{4}, Outcome::kUntested));
}

// --- The end ---

TEST(Prober, CallsNobodyOnceItIsGone) {
  std::promise<void> is_connected;
  const Server server([&](int socket) {
    is_connected.set_value();
    EXPECT_TRUE(is_left(socket, kPatienceMs));
  });
  const Port shut;
  Probing probing({3, 2, 10});
  probing.begin(asking(server.port()));
  probing.begin(tcp(shut.number(), 0));
  for (int i = 0; i < 5; ++i) probing.begin(tcp(shut.number()));  // wait
  probing.begin({"localhost", 80, 0});
  is_connected.get_future().wait();
  probing.prober().reset();

  // Whatever was to be called would come before this one.
  Prober another(probing.loop(), {});
  another.probe(tcp(shut.number()), [&](const ProbeResult&) { probing.loop().stop(); });
  probing.loop().run();
  EXPECT_TRUE(probing.until(0).empty());
}

TEST(Prober, MayBeDestroyedByWhomItCalls) {
  const Mute port;
  EventLoop loop;
  std::optional<Prober> prober(std::in_place, loop, ProbeLimits{});
  int calls = 0;
  for (int i = 0; i < 10; ++i) {
    prober->probe(tcp(port.number()), [&](const ProbeResult&) {
      ++calls;
      prober.reset();
      loop.stop();
    });
  }
  loop.run();
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace callbook::net
