#include "node/prober.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/probing.h"

namespace callbook::node {
namespace {

using Kind = core::CheckRule::Kind;
using Outcome = core::ProbeResult::Outcome;

core::Probe probe_of(core::CheckRule rule) {
  core::Probe probe{7, "shop.example", 8080, 500};
  probe.rule = std::make_shared<const core::CheckRule>(std::move(rule));
  return probe;
}

TEST(NodeProber, WithoutARuleAConnectionIsEnough) {
  const probe::Request request = to_request({7, "10.0.0.1", 80, 500}, false);
  EXPECT_EQ(request.kind, probe::Request::Kind::kTcp);
  EXPECT_EQ(request.host, "10.0.0.1");
  EXPECT_EQ(request.port, 80);
  EXPECT_EQ(request.timeout_ms, 500);
  EXPECT_TRUE(request.loopback);
  EXPECT_FALSE(to_request({7, "10.0.0.1", 80, 500}, true).loopback);
}

TEST(NodeProber, AnHttpRuleIsAskedWhole) {
  core::CheckRule rule;
  rule.kind = Kind::kHttp;
  rule.path = "/health";
  rule.method = "HEAD";
  rule.headers = {{"X-Key", "open"}};
  rule.host = "inside.example";
  rule.expected = {{200, 204}, {401, 401}};
  rule.server_name = "of no use";
  probe::Request request = to_request(probe_of(rule), false);
  EXPECT_EQ(request.kind, probe::Request::Kind::kHttp);
  EXPECT_FALSE(request.tls);
  EXPECT_EQ(request.http.path, "/health");
  EXPECT_EQ(request.http.method, "HEAD");
  EXPECT_EQ(request.http.headers, rule.headers);
  EXPECT_EQ(request.http.host, "inside.example");
  ASSERT_EQ(request.http.expect.size(), 2U);
  EXPECT_EQ(request.http.expect[0].last, 204);
  EXPECT_EQ(request.http.expect[1].first, 401);
  rule.kind = Kind::kHttps;
  rule.server_name = "front.example";
  rule.skip_verify = true;
  request = to_request(probe_of(rule), false);
  ASSERT_TRUE(request.tls);
  EXPECT_FALSE(request.tls->verify);
  EXPECT_EQ(request.tls->server_name, "front.example");
  EXPECT_EQ(request.http.path, "/health");
}

TEST(NodeProber, AGrpcRuleMayHaveTls) {
  core::CheckRule rule;
  rule.kind = Kind::kGrpc;
  rule.grpc_service = "orders";
  probe::Request request = to_request(probe_of(rule), false);
  EXPECT_EQ(request.kind, probe::Request::Kind::kGrpc);
  EXPECT_EQ(request.grpc.service, "orders");
  EXPECT_FALSE(request.tls);
  rule.tls = true;
  request = to_request(probe_of(rule), false);
  ASSERT_TRUE(request.tls);
  EXPECT_TRUE(request.tls->verify);
}

TEST(NodeProber, AUdpRuleSaysWhatSilenceMeans) {
  core::CheckRule rule;
  rule.kind = Kind::kUdp;
  rule.payload = "ping";
  rule.silence_passes = true;
  const probe::Request request = to_request(probe_of(rule), false);
  EXPECT_EQ(request.kind, probe::Request::Kind::kUdp);
  EXPECT_EQ(request.udp.payload, "ping");
  EXPECT_TRUE(request.udp.silence_passes);
}

TEST(Probing, BringsWhatCameOfAProbeUnderItsTicket) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof own;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&own), length), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&own), &length), 0);
  const uint16_t port = ntohs(own.sin_port);
  net::EventLoop loop;
  const net::SystemClock clock;
  std::vector<core::ProbeResult> results;
  Probing probing(loop, clock, {}, [&](const std::vector<core::ProbeResult>& some) {
    results.insert(results.end(), some.begin(), some.end());
    if (results.size() == 2) loop.stop();
  });
  probing.probe({{70, "127.0.0.1", port, 20'000}, {71, "169.254.169.254", 80, 20'000}});
  loop.run();
  ::close(listener);
  ASSERT_EQ(results.size(), 2U);
  const size_t refused = results[0].ticket == 70 ? 0 : 1;
  EXPECT_EQ(results[refused].ticket, 70U);
  EXPECT_EQ(results[refused].outcome, Outcome::kRefused);
  EXPECT_EQ(results[refused].text, "connection refused");
  EXPECT_EQ(results[1 - refused].ticket, 71U);
  EXPECT_EQ(results[1 - refused].outcome, Outcome::kUntested);
  EXPECT_FALSE(results[1 - refused].text.empty());
}

}  // namespace
}  // namespace callbook::node
