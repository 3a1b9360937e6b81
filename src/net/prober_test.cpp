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

std::string read_request(int socket) {
  std::string request;
  for (char c = 0; !request.ends_with("\r\n\r\n") && ::recv(socket, &c, 1, 0) == 1;) request += c;
  return request;
}

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

/// Answers each request so, and leaves the connection to the other end.
Server::Script answering(std::string answer) {
  return [answer = std::move(answer)](int socket) {
    read_request(socket);
    say(socket, answer);
    EXPECT_TRUE(is_left(socket, kPatienceMs));
  };
}

ProbeTarget tcp(uint16_t port, int64_t timeout_ms = kPatienceMs) {
  return {"127.0.0.1", port, timeout_ms, std::nullopt};
}

ProbeTarget http(uint16_t port, int64_t timeout_ms = kPatienceMs) {
  return {"127.0.0.1", port, timeout_ms, "/health"};
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
    prober_->probe(std::move(target), [this, index](Outcome outcome) {
      outcomes_.emplace_back(index, outcome);
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

 private:
  EventLoop loop_;
  std::optional<Prober> prober_;
  std::vector<std::pair<size_t, Outcome>> outcomes_;
  size_t asked_ = 0;
  size_t wanted_ = 0;
};

Outcome outcome_of_answer(const std::string& answer) {
  const Server server(answering(answer));
  return Probing().ask(http(server.port()));
}

// --- Connections ---

TEST(Prober, AConnectionIsAnAnswer) {
  const Mute port;
  Probing probing;
  EXPECT_EQ(probing.ask(tcp(port.number())), Outcome::kAnswered);
  EXPECT_EQ(probing.prober()->bytes_read(), 0U);
}

TEST(Prober, WhereNobodyListensItIsRefused) {
  const Port port;
  Probing probing;
  EXPECT_EQ(probing.ask(tcp(port.number())), Outcome::kRefused);
  EXPECT_EQ(probing.ask(http(port.number())), Outcome::kRefused);
}

TEST(Prober, AFullListenQueueIsSilence) {
  const Full port;
  Probing probing;
  EXPECT_EQ(probing.ask_in_time(tcp(port.number(), kSilenceMs)), Outcome::kSilent);
  EXPECT_EQ(probing.ask_in_time(http(port.number(), kSilenceMs)), Outcome::kSilent);
}

TEST(Prober, AConnectionIsAnAnswerThoughItIsResetAtOnce) {
  const Server server(reset);
  Probing probing;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(probing.ask(tcp(server.port())), Outcome::kAnswered);
    EXPECT_EQ(probing.ask(http(server.port())), Outcome::kFailed);
  }
}

TEST(Prober, LeavesNothingBehind) {
  for (const bool with_http : {false, true}) {
    std::promise<int> error_of_server;
    const Server server([&](int socket) {
      if (with_http) {
        read_request(socket);
        say(socket, "HTTP/1.1 200 OK\r\n\r\n");
      }
      EXPECT_TRUE(is_left(socket, kPatienceMs));
      char c = 0;
      error_of_server.set_value(::recv(socket, &c, 1, 0) < 0 ? errno : 0);
    });
    const ProbeTarget target = with_http ? http(server.port()) : tcp(server.port());
    EXPECT_EQ(Probing().ask(target), Outcome::kAnswered);
    EXPECT_EQ(error_of_server.get_future().get(), ECONNRESET);
  }
}

TEST(Prober, AsksNobodyWhoMayNotBeAsked) {
  Probing probing;
  for (const char* address :
       {"169.254.169.254", "::ffff:169.254.169.254", "0.0.0.0", "localhost"}) {
    EXPECT_EQ(probing.ask({address, 80, kPatienceMs, {}}), Outcome::kUntested) << address;
  }
  EXPECT_EQ(probing.ask({"127.0.0.1", 0, kPatienceMs, {}}), Outcome::kUntested);
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
    probing.begin(http(port.number(), 1));
    for (const auto end = Clock::now() + std::chrono::milliseconds(300); Clock::now() < end;) {
    }
  });
  EXPECT_EQ(probing.until(1)[0].second, Outcome::kUntested);
}

TEST(Prober, AShorterTimeOutIsNotHeldUpByALongerOne) {
  const Mute port;
  Probing probing;
  probing.begin(http(port.number()));
  EXPECT_EQ(probing.ask_in_time(http(port.number(), kSilenceMs)), Outcome::kSilent);
  for (const auto& [index, outcome] : probing.until(0)) EXPECT_NE(index, 0U);
}

// --- HTTP ---

TEST(Prober, Only2xxIsAnAnswer) {
  EXPECT_EQ(outcome_of_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nUP"),
            Outcome::kAnswered);
  EXPECT_EQ(outcome_of_answer("HTTP/1.1 204 No Content\r\n\r\n"), Outcome::kAnswered);
  EXPECT_EQ(outcome_of_answer("HTTP/1.1 199 Odd\r\n\r\nHTTP/1.1 304 Same\r\n\r\n"),
            Outcome::kFailed);
  EXPECT_EQ(outcome_of_answer("HTTP/1.1 404 Not Found\r\n\r\n"), Outcome::kFailed);
  EXPECT_EQ(outcome_of_answer("HTTP/1.1 500 Error\r\n\r\n"), Outcome::kFailed);
}

TEST(Prober, FollowsNoRedirection) {
  const Server elsewhere(answering("HTTP/1.1 200 OK\r\n\r\n"));
  const std::string there = "http://127.0.0.1:" + std::to_string(elsewhere.port()) + "/";
  EXPECT_EQ(outcome_of_answer("HTTP/1.1 301 Moved\r\nLocation: " + there + "\r\n\r\n"),
            Outcome::kFailed);
  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST(Prober, PassesOverInterimAnswers) {
  EXPECT_EQ(outcome_of_answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
            Outcome::kAnswered);
  EXPECT_EQ(outcome_of_answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\n\r\n"),
            Outcome::kFailed);
}

TEST(Prober, WhoSaysNothingIsSilent) {
  const Mute port;
  EXPECT_EQ(Probing().ask_in_time(http(port.number(), kSilenceMs)), Outcome::kSilent);
}

TEST(Prober, WhoClosesBeforeTheEndOfTheHeadHasFailed) {
  for (const bool with_reset : {false, true}) {
    for (const char* answer : {"", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"}) {
      const Server server([&](int socket) {
        read_request(socket);
        say(socket, answer);
        if (with_reset) reset(socket);
      });
      EXPECT_EQ(Probing().ask(http(server.port())), Outcome::kFailed) << answer << with_reset;
    }
  }
}

TEST(Prober, WhoClosesBehindTheHeadHasAnswered) {
  const Server server([](int socket) {
    read_request(socket);
    say(socket, "HTTP/1.1 200 OK\r\n\r\n");
  });
  EXPECT_EQ(Probing().ask(http(server.port())), Outcome::kAnswered);
}

TEST(Prober, WhoSpeaksSomethingElseHasFailed) {
  EXPECT_EQ(outcome_of_answer("-ERR unknown command 'GET'\r\n"), Outcome::kFailed);
  EXPECT_EQ(outcome_of_answer("HTTP/1.1 200 OK\r\nno field\r\n\r\n"), Outcome::kFailed);
}

TEST(Prober, AHeadThatComesInPiecesIsOne) {
  const Server server([](int socket) {
    const int at_once = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
    read_request(socket);
    for (const char& c : std::string_view("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) {
      say(socket, {&c, 1});
    }
    EXPECT_TRUE(is_left(socket, kPatienceMs));
  });
  EXPECT_EQ(Probing().ask(http(server.port())), Outcome::kAnswered);
}

TEST(Prober, ProgressBuysNoTime) {
  const Server server([](int socket) {
    read_request(socket);
    say(socket, "HTTP/1.1 200 OK\r\nX-Drip: ");
    while (!is_left(socket, 2) && say(socket, "x")) {
    }
  });
  Probing probing;
  EXPECT_EQ(probing.ask_in_time(http(server.port(), kSilenceMs)), Outcome::kSilent);
  EXPECT_GT(probing.prober()->bytes_read(), 30U);
}

TEST(Prober, ReadsNoMoreThanItsLimitOfAHeadWithoutEnd) {
  const Server server([](int socket) {
    read_request(socket);
    say(socket, "HTTP/1.1 200 OK\r\n");
    while (say(socket, "X-Filler: and one more, and one more, and one more\r\n")) {
    }
  });
  Probing probing;
  EXPECT_EQ(probing.ask(http(server.port())), Outcome::kFailed);
  EXPECT_EQ(probing.prober()->bytes_read(), kMaxProbeAnswerBytes);
}

TEST(Prober, WhatCameBeforeCountsToTheLimit) {
  const std::string first = "HTTP/1.1 200 OK\r\nX-Filler: ";
  std::promise<void> is_read;
  const Server server([&](int socket) {
    read_request(socket);
    say(socket, first);
    is_read.get_future().wait();
    say(socket, std::string(2 * kMaxProbeAnswerBytes, 'x'));
  });
  Probing probing;
  std::unique_ptr<EventLoop::Timer> look = probing.loop().every(1, [&] {
    if (probing.prober()->bytes_read() < first.size()) return;
    look.reset();
    is_read.set_value();
  });
  EXPECT_EQ(probing.ask(http(server.port())), Outcome::kFailed);
  EXPECT_EQ(probing.prober()->bytes_read(), kMaxProbeAnswerBytes);
}

TEST(Prober, NothingOfAnAnswerIsTakenForTheNext) {
  const std::string filler = "\r\nX-Filler: " + std::string(kMaxProbeAnswerBytes / 2, 'x');
  const std::vector<std::string> answers = {"HTTP/1.1 200 OK" + filler,
                                            "HTTP/1.1 404 Not Found" + filler + "\r\n\r\n",
                                            "HTTP/1.1 200 OK" + filler + "\r\n\r\n"};
  size_t next = 0;
  const Server server([&](int socket) {
    read_request(socket);
    say(socket, answers[next++]);
  });
  Probing probing;
  EXPECT_EQ(probing.ask(http(server.port())), Outcome::kFailed);
  EXPECT_EQ(probing.ask(http(server.port())), Outcome::kFailed);
  EXPECT_EQ(probing.ask(http(server.port())), Outcome::kAnswered);
}

TEST(Prober, TheLongestHeadIsTakenWhole) {
  const auto head_of = [](size_t bytes) {
    std::string head = "HTTP/1.1 200 OK\r\nX-Filler: ";
    head.append(bytes - head.size() - 4, 'x');
    return head + "\r\n\r\n";
  };
  EXPECT_EQ(outcome_of_answer(head_of(kMaxProbeAnswerBytes)), Outcome::kAnswered);
  EXPECT_EQ(outcome_of_answer(head_of(kMaxProbeAnswerBytes + 1)), Outcome::kFailed);
}

TEST(Prober, DoesNotWaitForABodyWithoutEnd) {
  const Server server([](int socket) {
    read_request(socket);
    say(socket, "HTTP/1.1 200 OK\r\n\r\n");
    const std::string more(100'000, 'b');
    while (say(socket, more)) {
    }
  });
  Probing probing;
  EXPECT_EQ(probing.ask(http(server.port())), Outcome::kAnswered);
  EXPECT_LE(probing.prober()->bytes_read(), kMaxProbeAnswerBytes);
}

TEST(Prober, SaysWhatItWants) {
  std::promise<std::string> request;
  const Server server([&](int socket) {
    request.set_value(read_request(socket));
    say(socket, "HTTP/1.1 200 OK\r\n\r\n");
  });
  EXPECT_EQ(Probing().ask({"127.0.0.1", server.port(), kPatienceMs, "/health?deep=1"}),
            Outcome::kAnswered);
  EXPECT_EQ(request.get_future().get(),
            "GET /health?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                "\r\nUser-Agent: callbook-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

TEST(Prober, AnIpv6AddressStandsInBrackets) {
  std::promise<std::string> request;
  const Server server([&](int socket) {
    request.set_value(read_request(socket));
    say(socket, "HTTP/1.1 200 OK\r\n\r\n");
  });
  ASSERT_EQ(Probing().ask({"::ffff:127.0.0.1", server.port(), kPatienceMs, "/"}),
            Outcome::kAnswered);
  EXPECT_NE(request.get_future().get().find("\r\nHost: [::ffff:127.0.0.1]:"), std::string::npos);
}

TEST(Prober, AsksForNothingThatIsNoPath) {
  const Server server(answering("HTTP/1.1 200 OK\r\n\r\n"));
  Probing probing;
  const auto ask = [&](std::string path) {
    return probing.ask({"127.0.0.1", server.port(), kPatienceMs, std::move(path)});
  };
  for (const char* path : {"", "health", "/a b", "/\r\nX-Injected: 1", "/\x7F", "/\xC3\xA4"}) {
    EXPECT_EQ(ask(path), Outcome::kUntested) << path;
  }
  EXPECT_EQ(ask("/" + std::string(kMaxProbePathBytes, 'p')), Outcome::kUntested);
  EXPECT_EQ(server.connections(), 0);
  EXPECT_EQ(ask("/" + std::string(kMaxProbePathBytes - 1, 'p')), Outcome::kAnswered);
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
  const Server server([](int socket) {
    read_request(socket);
    say(socket, "HTTP/1.1 200 OK\r\n\r\n");
  });
  Probing probing;
  for (int i = 0; i < 600; ++i) probing.begin(at(1 + i % 200, http(server.port())));
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
  for (int i = 0; i < 5; ++i) probing.begin(at(1 + i, http(silent.number())));
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
  probing.begin(http(server.port()));
  probing.begin(tcp(shut.number(), 0));
  for (int i = 0; i < 5; ++i) probing.begin(tcp(shut.number()));  // wait
  probing.begin({"localhost", 80, 0, {}});
  is_connected.get_future().wait();
  probing.prober().reset();

  // Whatever was to be called would come before this one.
  Prober another(probing.loop(), {});
  another.probe(tcp(shut.number()), [&](Outcome) { probing.loop().stop(); });
  probing.loop().run();
  EXPECT_TRUE(probing.until(0).empty());
}

TEST(Prober, MayBeDestroyedByWhomItCalls) {
  const Mute port;
  EventLoop loop;
  std::optional<Prober> prober(std::in_place, loop, ProbeLimits{});
  int calls = 0;
  for (int i = 0; i < 10; ++i) {
    prober->probe(tcp(port.number()), [&](Outcome) {
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
