#include <gtest/gtest.h>

#include "net/test_server.h"

namespace callbook::net {
namespace {

using testing::eventually;
using testing::get;
using testing::put;
using testing::RawClient;
using testing::TestServer;

TEST(HttpTimeout, ASlowHeaderIsAnswered408) {
  TestServer server({.header_timeout_ms = 40});
  RawClient client(server.port());
  client.send(get("/first") + "GET / HTTP/1.1\r\nHost");
  EXPECT_EQ(client.read().status, 200);
  EXPECT_EQ(client.read().status, 408);
  EXPECT_TRUE(client.at_eof());
}

TEST(HttpTimeout, ASlowHeaderGainsNothingByDripping) {
  TestServer server({.header_timeout_ms = 40});
  RawClient client(server.port());
  client.send("GET / HTTP/1.1\r\nX: ");
  ASSERT_TRUE(
      eventually([&] { return !client.send("x") || server.stats().refused_requests == 1; }));
  EXPECT_EQ(client.read().status, 408);
}

TEST(HttpTimeout, ASlowBodyIsAnswered408) {
  TestServer server({.body_timeout_ms = 40});
  for (const char* framing : {"Content-Length: 10", "Transfer-Encoding: chunked"}) {
    RawClient client(server.port());
    client.send(fmt::format("PUT / HTTP/1.1\r\nHost: t\r\n{}\r\n\r\n1", framing));
    EXPECT_EQ(client.read().status, 408);
    EXPECT_TRUE(client.at_eof());
  }
}

TEST(HttpTimeout, AnIdleConnectionIsClosed) {
  TestServer server({.idle_timeout_ms = 40});
  RawClient silent(server.port());
  RawClient client(server.port());
  client.send(get("/"));
  EXPECT_EQ(client.read().status, 200);
  EXPECT_TRUE(client.at_eof());
  EXPECT_TRUE(silent.at_eof());
  EXPECT_EQ(server.stats().refused_requests, 0U);
}

TEST(HttpTimeout, ARequestUnderWayIsNotIdle) {
  std::vector<HttpExchange> held;
  TestServer server({.header_timeout_ms = 20, .idle_timeout_ms = 20},
                    [&](const HttpRequest& request, HttpExchange exchange) {
                      if (request.path == "/now") return exchange.respond({});
                      held.push_back(std::move(exchange));
                    });
  RawClient client(server.port());
  client.send(get("/later"));
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 1; }));
  RawClient idle(server.port());
  EXPECT_TRUE(idle.at_eof());  // so the time has passed
  server.thread().run([&] { held[0].respond({}); });
  EXPECT_EQ(client.read().status, 200);
}

TEST(HttpTimeout, APeerThatReadsNothingIsGivenUp) {
  TestServer server({.write_timeout_ms = 40}, [](const HttpRequest&, HttpExchange exchange) {
    HttpResponse response;
    response.body.assign(20'000'000, 'x');
    exchange.respond(std::move(response));
  });
  RawClient client(server.port(), 4096);
  client.send(get("/"));
  EXPECT_TRUE(eventually([&] {
    const HttpServerStats stats = server.stats();
    return stats.requests == 1 && stats.connections_open == 0;
  }));
}

TEST(HttpTimeout, AConnectionAtRestStillHearsTheNextRequest) {
  TestServer server({.header_timeout_ms = 20});  // a beat of 5 ms, so that it soon rests
  RawClient client(server.port());
  for (int round = 0; round < 3; ++round) {
    client.send(put("/a", std::string(5000, 'x')));
    EXPECT_EQ(client.read().body.size(), 5007U);
    RawClient slow(server.port());
    slow.send("GET");
    EXPECT_EQ(slow.read().status, 408);  // so four beats have passed
  }
  client.finish_sending();
  EXPECT_TRUE(client.at_eof());
}

}  // namespace
}  // namespace callbook::net
