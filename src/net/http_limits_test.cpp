#include <gtest/gtest.h>

#include "net/test_server.h"

namespace callbook::net {
namespace {

using testing::eventually;
using testing::get;
using testing::put;
using testing::RawClient;
using testing::TestServer;
using testing::WireResponse;

HttpResponse text(std::string body) {
  HttpResponse response;
  response.body = std::move(body);
  return response;
}

std::string with_header_of(size_t bytes) {
  const std::string begin = "GET / HTTP/1.1\r\nHost: t\r\nX: ";
  return begin + std::string(bytes - begin.size() - 4, 'x') + "\r\n\r\n";
}

TEST(HttpLimits, HeaderBytes) {
  TestServer server({.max_header_bytes = 500});
  for (const bool split : {false, true}) {
    RawClient client(server.port());
    client.send(with_header_of(500));
    EXPECT_EQ(client.read().status, 200);
    const std::string over = with_header_of(501);
    client.send(split ? over.substr(0, 501) : over);
    const WireResponse response = client.read();
    EXPECT_EQ(response.status, 431);
    EXPECT_NE(response.body.find("500"), std::string::npos);
    EXPECT_TRUE(client.at_eof());
  }
}

TEST(HttpLimits, ARequestLineThatIsTooLongIs414) {
  TestServer server({.max_header_bytes = 500});
  RawClient client(server.port());
  client.send(get("/" + std::string(600, 'a')));
  EXPECT_EQ(client.read().status, 414);
}

TEST(HttpLimits, BodyBytesByContentLength) {
  TestServer server({.max_body_bytes = 1000});
  RawClient client(server.port());
  client.send(put("/", std::string(1000, 'x')));
  EXPECT_EQ(client.read().status, 200);
  // Told by the header alone: none of the body has been sent.
  client.send("PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  const WireResponse response = client.read();
  EXPECT_EQ(response.status, 413);
  EXPECT_NE(response.body.find("1000"), std::string::npos);
  EXPECT_TRUE(client.at_eof());
}

TEST(HttpLimits, BodyBytesInChunks) {
  TestServer server({.max_body_bytes = 1000});
  const std::string head = "PUT / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string half = "1f4\r\n" + std::string(500, 'x') + "\r\n";
  RawClient client(server.port());
  client.send(head + half + half + "0\r\n\r\n");
  EXPECT_EQ(client.read().status, 200);
  client.send(head + half + half + "1\r\n");
  EXPECT_EQ(client.read().status, 413);
  EXPECT_TRUE(client.at_eof());
}

TEST(HttpLimits, AChunksHeaderAndTheTrailer) {
  TestServer server({.max_header_bytes = 500});
  const std::string head = "PUT / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& begin : {std::string("1;"), std::string("0\r\nX: ")}) {
    RawClient client(server.port());
    client.send(head + begin + std::string(600, 'x'));
    EXPECT_EQ(client.read().status, 431) << begin;
  }
}

TEST(HttpLimits, A413IsReadWhileAHugeBodyIsStillBeingSent) {
  TestServer server({.max_body_bytes = 1000});
  RawClient client(server.port());
  client.send("PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 20000000\r\n\r\n");
  const std::string piece(1'000'000, 'x');
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.send(piece)) << "reset after " << i << " MB";
  EXPECT_EQ(client.read().status, 413);
  EXPECT_TRUE(client.at_eof());
}

TEST(HttpLimits, Connections) {
  TestServer server({.max_connections = 2});
  RawClient first(server.port());
  auto second = std::make_unique<RawClient>(server.port());
  second->send(get("/"));
  EXPECT_EQ(second->read().status, 200);
  RawClient third(server.port());
  third.send(get("/"));
  const WireResponse refused = third.read();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.count("retry-after"), 1U);
  EXPECT_TRUE(third.at_eof());
  EXPECT_EQ(server.stats().connections_refused, 1U);

  second.reset();
  ASSERT_TRUE(eventually([&] { return server.stats().connections_open == 1; }));
  RawClient fourth(server.port());
  fourth.send(get("/"));
  EXPECT_EQ(fourth.read().status, 200);
}

TEST(HttpLimits, PipelinedRequestsPauseReadingAndGoOn) {
  std::vector<HttpExchange> held;
  TestServer server({.max_pipelined = 3}, [&](const HttpRequest& request, HttpExchange exchange) {
    if (request.path == "/now") return exchange.respond(text("now"));
    held.push_back(std::move(exchange));
  });
  RawClient client(server.port());
  std::string requests;
  for (int i = 0; i < 7; ++i) requests += get("/later");
  client.send(requests + get("/now"));
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 3; }));
  RawClient other(server.port());  // its answer shows that the loop has had its turns
  other.send(get("/now"));
  EXPECT_EQ(other.read().status, 200);
  EXPECT_EQ(server.stats().requests, 4U) << "a fourth request was taken from the first connection";
  for (size_t i = 0; i < 7; ++i) {
    ASSERT_TRUE(eventually([&] {
      size_t count = 0;
      server.thread().run([&] { count = held.size(); });
      return count > i;
    }));
    server.thread().run([&] { held[i].respond(text(std::to_string(i))); });
    EXPECT_EQ(client.read().body, std::to_string(i));
  }
  EXPECT_EQ(client.read().body, "now");
}

TEST(HttpLimits, BytesOfAnswersThatAreNotReadPauseReading) {
  const std::string body(100'000, 'x');
  TestServer server(
      {.max_pipelined_bytes = 300'000, .write_timeout_ms = 60'000},
      [&](const HttpRequest&, HttpExchange exchange) { exchange.respond(text(body)); });
  RawClient client(server.port(), 4096);
  std::string requests;
  for (int i = 0; i < 400; ++i) requests += get("/");
  client.send(requests);
  uint64_t taken = 0;
  int rounds =
      0;  // of the loop in which no request was taken: its and the kernel's buffers are full
  ASSERT_TRUE(eventually([&] {
    const uint64_t now = server.stats().requests;
    rounds = std::exchange(taken, now) == now && now > 3 ? rounds + 1 : 0;
    return rounds == 30;
  }));
  EXPECT_LT(server.stats().requests, 400U);
  for (int i = 0; i < 400; ++i) ASSERT_EQ(client.read().body.size(), body.size()) << i;
}

}  // namespace
}  // namespace callbook::net
