#include "net/http_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

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

/// Holds exchanges until the test answers them.
struct Held {
  std::vector<HttpExchange> exchanges;
  TestServer::Handle handle() {
    return [this](const HttpRequest&, HttpExchange exchange) {
      exchanges.push_back(std::move(exchange));
    };
  }
};

TEST(HttpServer, KeepsAConnectionForManyRequests) {
  TestServer server;
  RawClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    client.send(put("/a%2Fb?x=1", "body"));
    const WireResponse response = client.read();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "PUT /a%2Fb body");
    EXPECT_EQ(response.headers.count("connection"), 0U);
  }
  EXPECT_EQ(server.stats().connections_accepted, 1U);
  EXPECT_EQ(server.stats().requests, 3U);
}

TEST(HttpServer, HandsOverEveryPartOfTheRequest) {
  std::string seen;
  TestServer server({}, [&](const HttpRequest& request, HttpExchange exchange) {
    seen = fmt::format("{}|{}|{}|{}|{}|{}", request.target, request.path, request.query,
                       request.header("x-ONE"), request.header("absent"), request.headers->size());
    EXPECT_EQ(request.peer->substr(0, 10), "127.0.0.1:");
    exchange.respond(text(std::string(request.body)));
  });
  RawClient client(server.port());
  client.send(put("/p?q=1?2", "b", "X-One:   spaced out \r\n"));
  EXPECT_EQ(client.read().body, "b");
  EXPECT_EQ(seen, "/p?q=1?2|/p|q=1?2|spaced out||3");
}

TEST(HttpServer, OnePeerIsWrittenInOneWayAtEverySocket) {
  TestServer server({}, [](const HttpRequest& request, HttpExchange exchange) {
    exchange.respond(text(*request.peer));
  });
  testing::QuietLogger logger;
  std::unique_ptr<HttpServer> every;  // listens on ::, for IPv4 too
  uint16_t port = 0;
  server.thread().run([&] {
    every = std::make_unique<HttpServer>(server.thread().loop(), server, HttpLimits{}, logger);
    port = every->listen("::", 0, false).value();
  });
  for (const uint16_t each : {server.port(), port}) {
    RawClient client(each);
    client.send(get("/"));
    EXPECT_EQ(client.read().body.substr(0, 10), "127.0.0.1:");
  }
  server.thread().run([&] { every.reset(); });
}

TEST(HttpServer, BytesBehindEveryBodyAreReadable) {
  TestServer server({}, [&](const HttpRequest& request, HttpExchange exchange) {
    unsigned sum = 0;  // the address sanitizer watches this
    for (size_t i = 0; i < request.body.size() + kBodyPadding; ++i) {
      sum += static_cast<unsigned char>(request.body.data()[i]);
    }
    exchange.respond(text(std::to_string(sum)));
  });
  RawClient client(server.port());
  for (size_t size = 3990; size < 4100; ++size) {  // about the size of the first buffer
    client.send(put("/", std::string(size, 'x')));
    ASSERT_EQ(client.read().status, 200);
  }
}

TEST(HttpServer, AnswersPipelinedRequestsInOrderThoughCompletedOutOfOrder) {
  Held held;
  TestServer server({}, held.handle());
  RawClient client(server.port());
  client.send(get("/0") + put("/1", "x") + get("/2") + get("/3"));
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 4; }));
  for (const size_t i : {2U, 0U, 3U, 1U}) {
    server.thread().run([&] { held.exchanges[i].respond(text(std::to_string(i))); });
  }
  for (int i = 0; i < 4; ++i) EXPECT_EQ(client.read().body, std::to_string(i));
}

TEST(HttpServer, AnswersThousandsOfPipelinedRequests) {
  TestServer server;
  RawClient client(server.port());
  std::string requests;
  for (int i = 0; i < 3000; ++i) requests += put(fmt::format("/{}", i), std::string(50, 'x'));
  std::thread sender([&] { client.send(requests); });
  for (int i = 0; i < 3000; ++i) {
    ASSERT_EQ(client.read().body, fmt::format("PUT /{} {}", i, std::string(50, 'x')));
  }
  sender.join();
}

TEST(HttpServer, ReadsRequestsThatComeByteByByte) {
  TestServer server;
  RawClient client(server.port());
  for (const char c : put("/slow", "drip") + get("/next")) client.send({&c, 1});
  EXPECT_EQ(client.read().body, "PUT /slow drip");
  EXPECT_EQ(client.read().body, "GET /next ");
}

TEST(HttpServer, CarriesLargeBodiesBothWays) {
  TestServer server({}, [](const HttpRequest& request, HttpExchange exchange) {
    HttpResponse response;
    if (request.query == "shared") {
      response.shared_body = std::make_shared<const std::string>(request.body);
    } else {
      response.body = request.body;
    }
    exchange.respond(std::move(response));
  });
  std::string body(5'000'000, '\0');
  for (size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>(i * 31 + i / 4096);
  RawClient client(server.port());
  for (const char* target : {"/", "/?shared", "/"}) {
    std::thread sender([&] { client.send(put(target, body)); });
    EXPECT_TRUE(client.read().body == body) << target;
    sender.join();
  }
  client.send(get("/small"));
  EXPECT_EQ(client.read().status, 200);
}

TEST(HttpServer, DecodesChunkedBodies) {
  TestServer server;
  RawClient client(server.port());
  const std::string head = "POST /c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: Chunked\r\n\r\n";
  const std::string request =
      head + "5;ext=\"v\"\r\nhello\r\n1\r\n \r\n00A\r\nworldworld\r\n0\r\nTrailer: x\r\n\r\n";
  client.send(request + get("/behind"));
  EXPECT_EQ(client.read().body, "POST /c hello worldworld");
  EXPECT_EQ(client.read().body, "GET /behind ");
  for (const char c : request) client.send({&c, 1});
  EXPECT_EQ(client.read().body, "POST /c hello worldworld");
  client.send(head + "0\r\n\r\n");
  EXPECT_EQ(client.read().body, "POST /c ");
}

TEST(HttpServer, AnswersHeadWithTheLengthAlone) {
  TestServer server;
  RawClient client(server.port());
  client.send("HEAD /h HTTP/1.1\r\nHost: t\r\n\r\n" + get("/g"));
  const WireResponse head = client.read(true);
  EXPECT_EQ(head.headers.at("content-length"), "8");
  EXPECT_EQ(client.read().body, "GET /g ");
}

TEST(HttpServer, SendsNoBodyWith204) {
  TestServer server({}, [](const HttpRequest&, HttpExchange exchange) {
    HttpResponse response = text("never seen");
    response.status = 204;
    exchange.respond(std::move(response));
  });
  RawClient client(server.port());
  client.send(get("/") + get("/"));
  EXPECT_EQ(client.read_through("\r\n\r\n"), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(client.read().status, 204);
}

TEST(HttpServer, SendsContinueOnlyToWhoWaitsForIt) {
  TestServer server;
  RawClient client(server.port());
  const std::string request = put("/e", "body", "Expect: 100-continue\r\n");
  client.send(request.substr(0, request.size() - 4));
  EXPECT_EQ(client.read_through("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("body");
  EXPECT_EQ(client.read().body, "PUT /e body");
  client.send(request);
  EXPECT_EQ(client.read().status, 200);
}

TEST(HttpServer, ContinueWaitsForTheAnswersBeforeIt) {
  Held held;
  TestServer server({}, held.handle());
  RawClient client(server.port());
  const std::string request = put("/e", "body", "Expect: 100-continue\r\n");
  client.send(get("/first") + request.substr(0, request.size() - 4));
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 1; }));
  server.thread().run([&] { held.exchanges[0].respond(text("first")); });
  EXPECT_EQ(client.read().body, "first");
  EXPECT_EQ(client.read_through("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST(HttpServer, ClosesWhenTheClientAsksForIt) {
  TestServer server;
  RawClient client(server.port());
  client.send(get("/", "Connection: close\r\n") + get("/not-read"));
  const WireResponse response = client.read();
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_TRUE(client.at_eof());
  EXPECT_EQ(server.stats().requests, 1U);
}

TEST(HttpServer, SpeaksHttp10) {
  TestServer server;
  RawClient client(server.port());
  client.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.read().headers.at("connection"), "keep-alive");
  client.send("GET /b HTTP/1.0\r\n\r\n");
  const WireResponse response = client.read();
  EXPECT_EQ(response.body, "GET /b ");
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_TRUE(client.at_eof());
}

TEST(HttpServer, AnswersAPeerThatHasFinishedSending) {
  Held held;
  TestServer server({}, held.handle());
  RawClient client(server.port());
  client.send(get("/a") + get("/b"));
  client.finish_sending();
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 2; }));
  server.thread().run([&] {
    held.exchanges[1].respond(text("b"));
    held.exchanges[0].respond(text("a"));
  });
  EXPECT_EQ(client.read().body, "a");
  EXPECT_EQ(client.read().body, "b");
  EXPECT_TRUE(client.at_eof());
}

TEST(HttpServer, AnswersToAPeerThatHasGoneAreDropped) {
  Held held;
  TestServer server({}, held.handle());
  RawClient client(server.port());
  client.send(get("/a"));
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 1; }));
  client.reset();
  ASSERT_TRUE(eventually([&] { return server.stats().connections_open == 0; }));
  server.thread().run([&] { held.exchanges[0].respond(text("late")); });
}

TEST(HttpServer, AnExchangeDroppedUnansweredSays500) {
  Held held;
  TestServer server({}, held.handle());
  RawClient client(server.port());
  client.send(get("/a") + get("/b"));
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 2; }));
  server.thread().run([&] {
    held.exchanges[0] = std::move(held.exchanges[1]);
    held.exchanges.clear();
  });
  EXPECT_EQ(client.read().status, 500);
  EXPECT_EQ(client.read().status, 500);
}

TEST(HttpServer, AFieldsValueCannotBeginAnother) {
  TestServer server({}, [](const HttpRequest&, HttpExchange exchange) {
    HttpResponse response;
    response.headers.emplace_back("X-Echo", "a\r\nSet-Cookie: b");
    exchange.respond(std::move(response));
  });
  RawClient client(server.port());
  client.send(get("/"));
  const WireResponse response = client.read();
  EXPECT_EQ(response.headers.at("x-echo"), "a  Set-Cookie: b");
  EXPECT_EQ(response.headers.count("set-cookie"), 0U);
}

TEST(HttpServer, MayBeDestroyedByItsHandler) {
  testing::LoopThread thread;
  testing::QuietLogger logger;
  struct Destroyer final : HttpHandler {
    void handle(const HttpRequest& request, HttpExchange exchange) override {
      server.reset();
      exchange.respond(text(std::string(request.path)));
    }
    HttpResponse refuse(int, const base::Error&) override { return {}; }
    std::unique_ptr<HttpServer> server;
  } handler;
  uint16_t port = 0;
  thread.run([&] {
    handler.server = std::make_unique<HttpServer>(thread.loop(), handler, HttpLimits{}, logger);
    port = handler.server->listen("127.0.0.1", 0, false).value();
  });
  RawClient client(port);
  client.send(get("/a") + get("/b"));
  client.read_all();
  thread.run([&] { EXPECT_EQ(handler.server, nullptr); });
}

TEST(HttpServer, SharesAPortAmongServers) {
  struct Counting final : HttpHandler {
    void handle(const HttpRequest&, HttpExchange exchange) override {
      ++requests;
      exchange.respond(text("ok"));
    }
    HttpResponse refuse(int, const base::Error&) override { return {}; }
    int requests = 0;
  };
  testing::QuietLogger logger;
  struct Node {
    testing::LoopThread thread;
    Counting handler;
    std::unique_ptr<HttpServer> server;
  };
  Node nodes[2];
  uint16_t port = 0;
  for (Node& node : nodes) {
    node.thread.run([&] {
      node.server =
          std::make_unique<HttpServer>(node.thread.loop(), node.handler, HttpLimits{}, logger);
      port = node.server->listen("127.0.0.1", port, true).value();
    });
  }
  const auto both_served = [&] {
    RawClient client(port);
    client.send(get("/"));
    EXPECT_EQ(client.read().status, 200);
    int counts[2] = {};
    for (int i = 0; i < 2; ++i) nodes[i].thread.run([&] { counts[i] = nodes[i].handler.requests; });
    return counts[0] > 0 && counts[1] > 0;
  };
  EXPECT_TRUE(eventually(both_served));
  for (Node& node : nodes) node.thread.run([&] { node.server.reset(); });
}

TEST(HttpServer, SaysWhyItCannotListen) {
  TestServer server;
  testing::QuietLogger logger;
  server.thread().run([&] {
    HttpServer second(server.thread().loop(), server, {}, logger);
    const auto taken = second.listen("127.0.0.1", server.port(), false);
    ASSERT_FALSE(taken.ok());
    EXPECT_EQ(taken.error().code, base::ErrorCode::kIo);
    EXPECT_NE(taken.error().detail.find("in use"), std::string::npos);
  });
}

}  // namespace
}  // namespace callbook::net
