#include <gtest/gtest.h>

#include "net/test_server.h"

namespace callbook::net {
namespace {

using testing::eventually;
using testing::get;
using testing::RawClient;
using testing::TestServer;
using testing::WireResponse;

constexpr int64_t kLongMs = 600'000;  ///< a grace that no test waits for

bool is_ready(std::future<void>& done) {
  return done.wait_for(testing::kPatience) == std::future_status::ready;
}

TEST(HttpStop, ClosesIdleConnectionsAndAcceptsNoMore) {
  TestServer server;
  RawClient fresh(server.port());
  RawClient kept(server.port());
  kept.send(get("/"));
  EXPECT_EQ(kept.read().status, 200);
  ASSERT_TRUE(eventually([&] { return server.stats().connections_open == 2; }));
  auto done = server.stop(kLongMs);
  EXPECT_TRUE(is_ready(done));
  EXPECT_TRUE(fresh.at_eof());
  EXPECT_TRUE(kept.at_eof());
}

TEST(HttpStop, FinishesWhatIsUnderWay) {
  std::vector<HttpExchange> held;
  TestServer server(
      {}, [&](const HttpRequest&, HttpExchange exchange) { held.push_back(std::move(exchange)); });
  RawClient client(server.port());
  client.send(get("/a") + get("/b"));
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 2; }));
  auto done = server.stop(kLongMs);
  server.thread().run([&] {
    held[0].respond({});
    held[1].respond({});
  });
  EXPECT_EQ(client.read().headers.count("connection"), 0U);
  EXPECT_EQ(client.read().headers.at("connection"), "close");
  EXPECT_TRUE(client.at_eof());
  client.finish_sending();
  EXPECT_TRUE(is_ready(done));
}

TEST(HttpStop, ReadsARequestThatHasBegun) {
  TestServer server;
  RawClient client(server.port());
  const std::string request = testing::put("/a", "body");
  client.send(get("/first") + request.substr(0, request.size() - 2));
  EXPECT_EQ(client.read().status, 200);
  auto done = server.stop(kLongMs);
  client.send("dy");
  const WireResponse response = client.read();
  EXPECT_EQ(response.body, "PUT /a body");
  EXPECT_EQ(response.headers.at("connection"), "close");
  client.finish_sending();
  EXPECT_TRUE(is_ready(done));
}

class Endless final : public StreamSource {
 public:
  Endless(std::vector<StreamEnd>& ends, size_t bytes) : ends_(ends), bytes_(bytes) {}
  StreamPiece pull() override {
    if (bytes_ == 0) return {};
    return {StreamPiece::State::kMore, make_piece(std::string(bytes_, 'x'))};
  }
  void on_end(StreamEnd reason) override { ends_.push_back(reason); }

 private:
  std::vector<StreamEnd>& ends_;
  size_t bytes_;
};

TEST(HttpStop, EndsStreamsCleanly) {
  std::vector<StreamEnd> ends;
  TestServer server({}, [&](const HttpRequest&, HttpExchange exchange) {
    exchange.stream("text/plain", std::make_unique<Endless>(ends, 0));
  });
  RawClient client(server.port());
  client.send(get("/"));
  client.read();
  auto done = server.stop(kLongMs);
  EXPECT_EQ(client.read_all(), "0\r\n\r\n");
  client.finish_sending();
  EXPECT_TRUE(is_ready(done));
  server.thread().run([&] { EXPECT_EQ(ends, std::vector{StreamEnd::kServerStopped}); });
  EXPECT_EQ(server.stats().streams_open, 0U);
}

TEST(HttpStop, GraceEndsWhatDoesNotEnd) {
  std::vector<StreamEnd> ends;
  std::vector<HttpExchange> held;
  TestServer server({}, [&](const HttpRequest& request, HttpExchange exchange) {
    if (request.path == "/held") return held.push_back(std::move(exchange));
    exchange.stream("text/plain", std::make_unique<Endless>(ends, 60'000));
  });
  RawClient waiting(server.port());
  waiting.send(get("/held"));
  RawClient stalled(server.port(), 4096);
  stalled.send(get("/stream"));
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 2; }));
  auto done = server.stop(30);
  EXPECT_TRUE(is_ready(done));
  EXPECT_TRUE(waiting.at_eof());
  EXPECT_EQ(server.stats().connections_open, 0U);
  server.thread().run([&] {
    EXPECT_EQ(ends, std::vector{StreamEnd::kServerStopped});
    held.clear();
  });
}

TEST(HttpStop, TheServerMayBeDestroyedWhenDone) {
  testing::LoopThread thread;
  testing::QuietLogger logger;
  struct Handler final : HttpHandler {
    void handle(const HttpRequest&, HttpExchange exchange) override { exchange.respond({}); }
    HttpResponse refuse(int, const base::Error&) override { return {}; }
  } handler;
  std::unique_ptr<HttpServer> server;
  std::promise<void> gone;
  thread.run([&] {
    server = std::make_unique<HttpServer>(thread.loop(), handler, HttpLimits{}, logger);
    ASSERT_TRUE(server->listen("127.0.0.1", 0, false).ok());
    server->stop(kLongMs, [&] {
      server.reset();
      gone.set_value();
    });
    EXPECT_NE(server, nullptr) << "done was called within stop()";
  });
  auto done = gone.get_future();
  EXPECT_TRUE(is_ready(done));
}

}  // namespace
}  // namespace callbook::net
