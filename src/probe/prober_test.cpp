#include "probe/prober.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "probe/test_dns_server.h"
#include "probe/test_tls_server.h"

namespace callbook::probe {
namespace {

using Outcome = net::ProbeOutcome;
using Kind = Request::Kind;

/// Only a failing test ever waits so long.
constexpr int64_t kPatienceMs = 20'000;
/// How long a probe waits that is to end in silence.
constexpr int64_t kSilenceMs = 200;

sockaddr_in at(const std::string& address, uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  EXPECT_EQ(::inet_pton(AF_INET, address.c_str(), &made.sin_addr), 1);
  return made;
}

/// A bound socket of 127.0.0.1 or another address; nothing listens yet.
class Port {
 public:
  explicit Port(const std::string& address = "127.0.0.1", uint16_t port = 0,
                int type = SOCK_STREAM)
      : socket_(::socket(AF_INET, type | SOCK_CLOEXEC, 0)) {
    sockaddr_in own = at(address, port);
    socklen_t length = sizeof own;
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&own), length), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&own), &length), 0);
    number_ = ntohs(own.sin_port);
  }
  ~Port() { ::close(socket_); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  /// From now on the kernel makes connections, in which nothing is said.
  Port& listen() {
    EXPECT_EQ(::listen(socket_, 64), 0);
    return *this;
  }
  int socket() const { return socket_; }
  uint16_t number() const { return number_; }

 private:
  int socket_;
  uint16_t number_ = 0;
};

/// Takes one connection after another, and answers with what `script` makes of the request's head.
class HttpServer {
 public:
  using Script = std::function<std::string(const std::string& request)>;
  explicit HttpServer(Script script) : script_(std::move(script)) {
    port_.listen();
    thread_ = std::thread([this] { run(); });
  }
  ~HttpServer() {
    ::shutdown(port_.socket(), SHUT_RDWR);
    thread_.join();
  }
  uint16_t port() const { return port_.number(); }

 private:
  void run() {
    for (;;) {
      const int socket = ::accept4(port_.socket(), nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) return;
      std::string request;
      char c = 0;
      while (!request.ends_with("\r\n\r\n") && ::recv(socket, &c, 1, 0) == 1) request += c;
      const std::string answer = script_(request);
      ::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL);
      pollfd one{.fd = socket, .events = POLLIN, .revents = 0};
      EXPECT_EQ(::poll(&one, 1, kPatienceMs), 1) << "the prober leaves first";
      ::close(socket);
    }
  }

  Port port_;
  Script script_;
  std::thread thread_;
};

HttpServer::Script saying(std::string answer) {
  return [answer = std::move(answer)](const std::string&) { return answer; };
}

/// A prober and its loop, on the test's thread.
class Probing {
 public:
  explicit Probing(const std::string& resolver = "127.0.0.1:9")
      : prober_(loop_, clock_, {.limits = {}, .resolver = {.servers = resolver}}) {}

  Result ask(const Request& request) { return ask_all({request}).front(); }
  std::vector<Result> ask_all(const std::vector<Request>& requests) {
    std::vector<Result> results(requests.size());
    size_t left = requests.size();
    bool waits = false;
    for (size_t i = 0; i < requests.size(); ++i) {
      prober_.probe(requests[i], [&, i](const Result& result) {
        results[i] = result;
        if (--left == 0 && waits) loop_.stop();
      });
    }
    waits = left > 0;
    if (waits) loop_.run();
    for (const Result& result : results) {
      EXPECT_FALSE(result.text.empty());
      EXPECT_LE(result.text.size(), kMaxTextBytes);
      for (const char c : result.text) EXPECT_TRUE(c >= ' ' && c < 127) << result.text;
    }
    return results;
  }
  /// The same for one that ends with its time-out, which counts only if this thread was not late.
  Result ask_in_time(const Request& request) {
    Result result = ask(request);
    for (int i = 0; i < 20 && result.text.find("stood still") != std::string::npos; ++i) {
      result = ask(request);
    }
    return result;
  }

 private:
  net::EventLoop loop_;
  net::SystemClock clock_;
  Prober prober_;
};

Request tcp(std::string host, uint16_t port, int64_t timeout_ms = kPatienceMs) {
  return {std::move(host), port, timeout_ms};
}

Request http(uint16_t port, HttpRule rule = {}) {
  Request request = tcp("127.0.0.1", port);
  request.kind = Kind::kHttp;
  request.http = std::move(rule);
  return request;
}

Request udp(uint16_t port, UdpRule rule, int64_t timeout_ms = kPatienceMs) {
  Request request = tcp("127.0.0.1", port, timeout_ms);
  request.kind = Kind::kUdp;
  request.udp = std::move(rule);
  return request;
}

// --- TCP and HTTP ---

TEST(ProbeProber, AConnectionIsEnoughForTcp) {
  Port open;
  open.listen();
  const Port shut;
  Probing probing;
  EXPECT_EQ(probing.ask(tcp("127.0.0.1", open.number())).outcome, Outcome::kAnswered);
  const Result refused = probing.ask(tcp("127.0.0.1", shut.number()));
  EXPECT_EQ(refused.outcome, Outcome::kRefused);
  EXPECT_EQ(refused.text, "connection refused");
  EXPECT_EQ(probing.ask(tcp("127.0.0.1", 0)).outcome, Outcome::kUntested);
  EXPECT_EQ(probing.ask(tcp("a name", 80)).outcome, Outcome::kUntested);
  EXPECT_EQ(probing.ask(tcp("", 80)).outcome, Outcome::kUntested);
  EXPECT_EQ(probing.ask(tcp("2130706433", 80)).outcome, Outcome::kUntested);
}

TEST(ProbeProber, HttpIsAskedAsTheRuleSays) {
  std::promise<std::string> request;
  const HttpServer server([&](const std::string& head) {
    request.set_value(head);
    return std::string("HTTP/1.1 401 Unauthorized\r\n\r\n");
  });
  HttpRule rule;
  rule.method = "OPTIONS";
  rule.path = "/health";
  rule.host = "shop.example";
  rule.expect = {{401, 401}};
  const Result result = Probing().ask(http(server.port(), rule));
  EXPECT_EQ(result.outcome, Outcome::kAnswered);
  EXPECT_EQ(result.status, 401);
  EXPECT_EQ(result.text, "HTTP 401 Unauthorized");
  EXPECT_EQ(request.get_future().get().rfind("OPTIONS /health HTTP/1.1\r\nHost: shop.example\r\n", 0),
            0U);
}

TEST(ProbeProber, FollowsNoRedirection) {
  const HttpServer server(saying("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n"));
  const Result result = Probing().ask(http(server.port()));
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.text, "HTTP 302 Found");
}

TEST(ProbeProber, DoesNotWaitForABody) {
  const HttpServer server(saying("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"));
  EXPECT_EQ(Probing().ask(http(server.port())).outcome, Outcome::kAnswered);
}

TEST(ProbeProber, SilenceAfterTheConnectionIsSilence) {
  Port mute;
  mute.listen();
  Request request = http(mute.number());
  request.timeout_ms = kSilenceMs;
  const Result result = Probing().ask_in_time(request);
  EXPECT_EQ(result.outcome, Outcome::kSilent);
  EXPECT_EQ(result.text, "connected, but no answer within 200 ms");
  EXPECT_GE(result.elapsed_ms, kSilenceMs);
}

TEST(ProbeProber, SendsNothingThatIsNoRequest) {
  HttpRule rule;
  rule.path = "/a b";
  EXPECT_EQ(Probing().ask(http(9, rule)).outcome, Outcome::kUntested);
}

// --- UDP ---

TEST(ProbeProber, ADatagramThatIsAnsweredPasses) {
  const Port port("127.0.0.1", 0, SOCK_DGRAM);
  std::string payload;
  std::thread server([&] {
    std::array<char, 64> buffer;
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t count = ::recvfrom(port.socket(), buffer.data(), buffer.size(), 0,
                                     reinterpret_cast<sockaddr*>(&from), &length);
    payload.assign(buffer.data(), static_cast<size_t>(std::max<ssize_t>(count, 0)));
    ::sendto(port.socket(), "", 0, 0, reinterpret_cast<sockaddr*>(&from), length);
  });
  const Result result = Probing().ask(udp(port.number(), {"ping"}));
  server.join();
  EXPECT_EQ(result.outcome, Outcome::kAnswered);
  EXPECT_EQ(payload, "ping");
}

TEST(ProbeProber, OneThatIsRefusedFailsWhateverTheRule) {
  uint16_t number = 0;
  {
    const Port port("127.0.0.1", 0, SOCK_DGRAM);
    number = port.number();
  }
  Probing probing;
  EXPECT_EQ(probing.ask(udp(number, {})).outcome, Outcome::kRefused);
  EXPECT_EQ(probing.ask(udp(number, {.silence_passes = true})).outcome, Outcome::kRefused);
}

TEST(ProbeProber, SilencePassesWhereTheRuleSaysSo) {
  const Port mute("127.0.0.1", 0, SOCK_DGRAM);
  Probing probing;
  const Result silent = probing.ask_in_time(udp(mute.number(), {}, kSilenceMs));
  EXPECT_EQ(silent.outcome, Outcome::kSilent);
  const Result passes =
      probing.ask_in_time(udp(mute.number(), {.silence_passes = true}, kSilenceMs));
  EXPECT_EQ(passes.outcome, Outcome::kAnswered);
  EXPECT_EQ(passes.text, "nothing came back, and no refusal, within 200 ms");
  EXPECT_EQ(probing.ask(udp(mute.number(), {std::string(kMaxPayloadBytes + 1, 'x')})).outcome,
            Outcome::kUntested);
}

// --- TLS ---

std::string ok_after_head(const std::string& request) {
  return request.ends_with("\r\n\r\n") ? "HTTP/1.1 204 No Content\r\n\r\n" : "";
}

/// OpenSSL's usual place of authorities, for as long as this lives.
class SystemStore {
 public:
  explicit SystemStore(const std::string& file) { ::setenv("SSL_CERT_FILE", file.c_str(), 1); }
  ~SystemStore() { ::unsetenv("SSL_CERT_FILE"); }
};

class ProbeTls : public testing::Test {
 protected:
  Result ask(const TestTlsServer& server, TlsRule rule, std::string host = "127.0.0.1") {
    Request request = http(server.port());
    request.host = std::move(host);
    request.tls = std::move(rule);
    return Probing(dns_.endpoint()).ask(request);
  }
  TestTlsServer::Options options(const std::string& names, int days = 30) {
    return {.certificate = authority_.sign(names, days), .answer = ok_after_head};
  }

  TestDnsServer dns_;
  TestAuthority authority_;
  SystemStore store_{authority_.file()};
};

TEST_F(ProbeTls, ACertificateOfTheAddressPasses) {
  const TestTlsServer server(options("IP:127.0.0.1"));
  const Result result = ask(server, {});
  EXPECT_EQ(result.outcome, Outcome::kAnswered) << result.text;
  EXPECT_EQ(result.status, 204);
  EXPECT_EQ(server.asked_name(), "") << "an address is no name";
}

TEST_F(ProbeTls, ACertificateOfTheHostsNamePasses) {
  dns_.set("web.shop.example", {.addresses = {"127.0.0.1"}});
  const TestTlsServer server(options("DNS:*.shop.example"));
  EXPECT_EQ(ask(server, {}, "web.shop.example").outcome, Outcome::kAnswered);
  EXPECT_EQ(server.asked_name(), "web.shop.example");
}

TEST_F(ProbeTls, TheServersNameGoesBeforeTheHosts) {
  const TestTlsServer server(options("DNS:inside.example"));
  EXPECT_EQ(ask(server, {.server_name = "inside.example"}).outcome, Outcome::kAnswered);
  EXPECT_EQ(server.asked_name(), "inside.example");
  const Result wrong = ask(server, {.server_name = "outside.example"});
  EXPECT_EQ(wrong.outcome, Outcome::kFailed);
  EXPECT_EQ(wrong.text, "TLS: hostname mismatch");
  EXPECT_EQ(ask(server, {}).text, "TLS: IP address mismatch");
  EXPECT_EQ(ask(server, {.server_name = std::string(300, 'n')}).outcome, Outcome::kUntested);
}

TEST_F(ProbeTls, WhatIsWrongWithACertificateIsSaid) {
  const TestTlsServer expired(options("IP:127.0.0.1", -1));
  const Result result = ask(expired, {});
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.text, "TLS: certificate has expired");
  const TestTlsServer unknown({.certificate = TestAuthority().sign("IP:127.0.0.1"),
                               .answer = ok_after_head});
  EXPECT_EQ(ask(unknown, {}).text, "TLS: unable to get local issuer certificate");
}

TEST_F(ProbeTls, AnyCertificateWillDoIfTheRuleSaysSo) {
  const TestTlsServer expired(options("DNS:other.example", -1));
  EXPECT_EQ(ask(expired, {.verify = false}).outcome, Outcome::kAnswered);
}

TEST_F(ProbeTls, OnlyTheAnswerCounts) {
  auto with = options("IP:127.0.0.1");
  with.answer = [](const std::string&) { return std::string("HTTP/1.1 503 Busy\r\n\r\n"); };
  const TestTlsServer server(std::move(with));
  EXPECT_EQ(ask(server, {}).text, "HTTP 503 Service Unavailable");
}

TEST_F(ProbeTls, AServerWithoutTlsHasFailed) {
  const HttpServer server(saying("HTTP/1.1 400 Bad Request\r\n\r\n"));
  Request request = http(server.port());
  request.tls = TlsRule{};
  // Its script waits for the end of a head, which no ClientHello has: it is left without an answer.
  request.timeout_ms = kSilenceMs;
  const Result mute = Probing().ask_in_time(request);
  EXPECT_EQ(mute.outcome, Outcome::kSilent);
  EXPECT_EQ(mute.text, "TLS: no handshake within 200 ms");
}

TEST_F(ProbeTls, WhatIsNoTlsIsSaid) {
  Port port;
  port.listen();
  std::thread server([&] {
    const int socket = ::accept4(port.socket(), nullptr, nullptr, SOCK_CLOEXEC);
    ::send(socket, "SSH-2.0-OpenSSH_9.2\r\n", 21, MSG_NOSIGNAL);
    char c = 0;
    while (::recv(socket, &c, 1, 0) == 1) {
    }
    ::close(socket);
  });
  Request request = http(port.number());
  request.tls = TlsRule{};
  const Result result = Probing().ask(request);
  server.join();
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.text, "TLS: wrong version number");
}

TEST_F(ProbeTls, OldVersionsAreRefused) {
  auto old = options("IP:127.0.0.1");
  old.most_version = TLS1_1_VERSION;
  const TestTlsServer server(std::move(old));
  const Result result = ask(server, {});
  EXPECT_EQ(result.outcome, Outcome::kFailed);
  EXPECT_EQ(result.text.rfind("TLS: ", 0), 0U) << result.text;
}

TEST_F(ProbeTls, GrpcNeedsAServerThatChoosesHttp2) {
  const TestTlsServer server(options("IP:127.0.0.1"));
  Request request = tcp("127.0.0.1", server.port());
  request.kind = Kind::kGrpc;
  request.tls = TlsRule{};
  EXPECT_EQ(Probing().ask(request).text, "TLS: the server does not choose h2 (ALPN)");
}

// --- Names ---

TEST(ProbeNames, ANameIsAskedAtItsAddresses) {
  TestDnsServer dns;
  dns.set("two.example", {.addresses = {"127.0.0.2", "127.0.0.3"}});
  Port second("127.0.0.3");
  Probing probing(dns.endpoint());
  EXPECT_EQ(probing.ask(tcp("two.example", second.number())).outcome, Outcome::kRefused);
  second.listen();
  EXPECT_EQ(probing.ask(tcp("two.example", second.number())).outcome, Outcome::kAnswered);
  EXPECT_EQ(dns.asked("two.example"), 1);
}

TEST(ProbeNames, RefusedIsOnlyWhatAllRefuse) {
  EXPECT_EQ(joined(Outcome::kRefused, Outcome::kRefused), Outcome::kRefused);
  EXPECT_EQ(joined(Outcome::kRefused, Outcome::kUntested), Outcome::kRefused);
  EXPECT_EQ(joined(Outcome::kRefused, Outcome::kSilent), Outcome::kSilent);
  EXPECT_EQ(joined(Outcome::kSilent, Outcome::kFailed), Outcome::kFailed);
  EXPECT_EQ(joined(Outcome::kFailed, Outcome::kAnswered), Outcome::kAnswered);
  EXPECT_EQ(joined(Outcome::kUntested, Outcome::kUntested), Outcome::kUntested);
}

TEST(ProbeNames, AnAddressThatIsNeverProbedIsLeftOut) {
  TestDnsServer dns;
  dns.set("mixed.example", {.addresses = {"169.254.169.254", "127.0.0.2"}});
  dns.set("bad.example", {.addresses = {"169.254.169.254", "168.63.129.16", "fe80::1"}});
  Port open("127.0.0.2");
  open.listen();
  Probing probing(dns.endpoint());
  EXPECT_EQ(probing.ask(tcp("mixed.example", open.number())).outcome, Outcome::kAnswered);
  const Result bad = probing.ask(tcp("bad.example", 80));
  EXPECT_EQ(bad.outcome, Outcome::kUntested);
  EXPECT_EQ(bad.text, "not asked: bad.example has no address that may be probed");
}

TEST(ProbeNames, LoopbackIsNotAskedOnBehalfOfAnotherHost) {
  TestDnsServer dns;
  dns.set("here.example", {.addresses = {"127.0.1.1"}});
  Port open("127.0.1.1");
  open.listen();
  Probing probing(dns.endpoint());
  for (const char* host : {"here.example", "127.0.1.1"}) {
    Request request = tcp(host, open.number());
    EXPECT_EQ(probing.ask(request).outcome, Outcome::kAnswered) << host;
    request.loopback = false;
    EXPECT_EQ(probing.ask(request).outcome, Outcome::kUntested) << host;
  }
}

TEST(ProbeNames, ANameThatIsNotThereIsSilent) {
  TestDnsServer dns;
  const Result result = Probing(dns.endpoint()).ask(tcp("gone.example", 80));
  EXPECT_EQ(result.outcome, Outcome::kSilent);
  EXPECT_EQ(result.text, "name not resolved: Domain name not found");
}

TEST(ProbeNames, NoAnswerOfTheResolverIsSilenceUnlessMostNamesFindNone) {
  TestDnsServer dns;
  dns.set_mute(true);
  Probing probing(dns.endpoint());
  EXPECT_EQ(probing.ask(tcp("a.example", 80, kSilenceMs)).outcome, Outcome::kSilent);
  EXPECT_EQ(probing.ask(tcp("b.example", 80, kSilenceMs)).outcome, Outcome::kSilent);
  EXPECT_EQ(probing.ask(tcp("c.example", 80, kSilenceMs)).outcome, Outcome::kUntested);
}

TEST(ProbeNames, LocalhostNeedsNoServer) {
  Port open;
  open.listen();
  Probing probing;
  EXPECT_EQ(probing.ask(tcp("localhost", open.number())).outcome, Outcome::kAnswered);
  const Port shut;
  EXPECT_EQ(probing.ask(tcp("localhost", shut.number())).outcome, Outcome::kRefused);
}

TEST(ProbeNames, TheHostFieldIsTheName) {
  TestDnsServer dns;
  dns.set("shop.example", {.addresses = {"127.0.0.1"}});
  std::promise<std::string> request;
  const HttpServer server([&](const std::string& head) {
    request.set_value(head);
    return std::string("HTTP/1.1 200 OK\r\n\r\n");
  });
  Request wanted = http(server.port());
  wanted.host = "shop.example";
  EXPECT_EQ(Probing(dns.endpoint()).ask(wanted).outcome, Outcome::kAnswered);
  EXPECT_NE(request.get_future().get().find("\r\nHost: shop.example:" +
                                            std::to_string(server.port()) + "\r\n"),
            std::string::npos);
}

}  // namespace
}  // namespace callbook::probe
