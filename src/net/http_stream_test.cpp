#include <atomic>
#include <deque>

#include <gtest/gtest.h>

#include "net/test_server.h"

namespace callbook::net {
namespace {

using testing::eventually;
using testing::get;
using testing::RawClient;
using testing::TestServer;
using testing::WireResponse;

/// What the test and a source share; touched on the loop's thread only, but for the counters.
struct Script {
  std::deque<StreamPiece> pieces;
  std::atomic<int> pulls = 0;
  std::atomic<int> ends = 0;
  std::atomic<int> destroyed = 0;
  std::atomic<StreamEnd> reason = StreamEnd::kFinished;
  std::function<void()> in_pull;
  std::function<void()> in_end;
  StreamWaker waker;

  void push(std::string_view payload, StreamPiece::State state = StreamPiece::State::kMore) {
    pieces.push_back({state, make_piece(payload)});
  }
};

class ScriptedSource final : public StreamSource {
 public:
  explicit ScriptedSource(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  ~ScriptedSource() override { ++script_->destroyed; }

  StreamPiece pull() override {
    EXPECT_FALSE(std::exchange(pulling_, true)) << "pull() within pull()";
    ++script_->pulls;
    if (script_->in_pull) script_->in_pull();
    pulling_ = false;
    if (script_->pieces.empty()) return {};
    StreamPiece piece = std::move(script_->pieces.front());
    script_->pieces.pop_front();
    return piece;
  }

  void on_end(StreamEnd reason) override {
    EXPECT_FALSE(pulling_) << "on_end() within pull()";
    script_->reason = reason;
    ++script_->ends;
    if (script_->in_end) script_->in_end();
  }

 private:
  std::shared_ptr<Script> script_;
  bool pulling_ = false;
};

/// Streams for "/stream", in the order of the requests; an echo for the rest.
class StreamServer {
 public:
  explicit StreamServer(HttpLimits limits = {})
      : server_(limits, [this](const HttpRequest& request, HttpExchange exchange) {
          if (request.path != "/stream") return answer(request, std::move(exchange));
          auto script = std::make_shared<Script>();
          if (prepare) prepare(*script);
          scripts_.push_back(script);
          script->waker =
              exchange.stream("text/event-stream", std::make_unique<ScriptedSource>(script));
        }) {}

  std::shared_ptr<Script> script(size_t index) {
    std::shared_ptr<Script> found;
    EXPECT_TRUE(eventually([&] {
      run([&] { found = index < scripts_.size() ? scripts_[index] : nullptr; });
      return found != nullptr;
    }));
    return found;
  }
  void run(const std::function<void()>& task) { server_.thread().run(task); }
  void push(Script& script, std::string_view payload,
            StreamPiece::State state = StreamPiece::State::kMore) {
    run([&] {
      script.push(payload, state);
      script.waker.wake();
    });
  }
  TestServer& server() { return server_; }
  uint16_t port() { return server_.port(); }

  std::function<void(Script&)> prepare;

 private:
  static void answer(const HttpRequest& request, HttpExchange exchange) {
    HttpResponse response;
    response.body = request.path;
    exchange.respond(std::move(response));
  }

  std::vector<std::shared_ptr<Script>> scripts_;
  TestServer server_;
};

const std::string kRequest = get("/stream");

TEST(HttpStream, SendsPiecesAsChunksAndGoesOnAfterTheEnd) {
  StreamServer server;
  RawClient client(server.port());
  client.send(kRequest);
  const WireResponse head = client.read();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("transfer-encoding"), "chunked");
  EXPECT_EQ(head.headers.at("content-type"), "text/event-stream");
  const auto script = server.script(0);
  server.push(*script, "data: 1\n\n");
  EXPECT_EQ(client.read_bytes(14), "9\r\ndata: 1\n\n\r\n");
  client.send(get("/behind"));
  server.push(*script, std::string(300, 'x'), StreamPiece::State::kEnd);
  EXPECT_EQ(client.read_through("0\r\n\r\n"), "12c\r\n" + std::string(300, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(client.read().body, "/behind");
  EXPECT_EQ(script->destroyed, 1);
  EXPECT_EQ(script->ends, 0) << "a source that ended itself is not told";
  EXPECT_EQ(server.server().stats().streams_open, 0U);
  server.run([&] { script->waker.wake(); });
}

TEST(HttpStream, EmptyPiecesDoNotEndTheBody) {
  StreamServer server;
  RawClient client(server.port());
  client.send(kRequest);
  client.read();
  server.push(*server.script(0), "");
  server.push(*server.script(0), "x");
  EXPECT_EQ(client.read_bytes(6), "1\r\nx\r\n");
}

TEST(HttpStream, WaitsForTheAnswersBeforeIt) {
  std::vector<HttpExchange> held;
  auto script = std::make_shared<Script>();
  TestServer server({}, [&](const HttpRequest& request, HttpExchange exchange) {
    if (request.path != "/stream") return held.push_back(std::move(exchange));
    script->waker = exchange.stream("text/plain", std::make_unique<ScriptedSource>(script));
  });
  RawClient client(server.port());
  client.send(get("/first") + kRequest);
  ASSERT_TRUE(eventually([&] { return server.stats().requests == 2; }));
  server.thread().run([&] {
    script->push("piece");
    script->waker.wake();
  });
  EXPECT_EQ(script->pulls, 0);
  server.thread().run([&] { held[0].respond({}); });
  EXPECT_EQ(client.read().headers.at("content-length"), "0");
  EXPECT_EQ(client.read().headers.at("transfer-encoding"), "chunked");
  EXPECT_EQ(client.read_bytes(10), "5\r\npiece\r\n");
}

TEST(HttpStream, Http10GetsTheBareBodyUntilClose) {
  StreamServer server;
  RawClient client(server.port());
  client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const WireResponse head = client.read();
  EXPECT_EQ(head.headers.count("transfer-encoding"), 0U);
  EXPECT_EQ(head.headers.at("connection"), "close");
  server.push(*server.script(0), "one");
  server.push(*server.script(0), "two", StreamPiece::State::kEnd);
  EXPECT_EQ(client.read_all(), "onetwo");
}

TEST(HttpStream, HeadEndsAtOnce) {
  StreamServer server;
  RawClient client(server.port());
  client.send("HEAD /stream HTTP/1.1\r\nHost: t\r\n\r\n" + get("/behind"));
  EXPECT_EQ(client.read(true).headers.at("transfer-encoding"), "chunked");
  EXPECT_EQ(client.read().body, "/behind");
  EXPECT_EQ(server.script(0)->ends, 1);
  EXPECT_EQ(server.script(0)->reason, StreamEnd::kFinished);
  EXPECT_EQ(server.server().stats().streams_open, 0U);
}

TEST(HttpStream, TellsAFinFromAReset) {
  StreamServer server;
  RawClient closes(server.port());
  closes.send(kRequest);
  closes.read();
  RawClient resets(server.port());
  resets.send(kRequest);
  resets.read();
  closes.finish_sending();
  resets.reset();
  const auto closed = server.script(0);
  const auto reset = server.script(1);
  ASSERT_TRUE(eventually([&] { return closed->destroyed == 1 && reset->destroyed == 1; }));
  EXPECT_EQ(closed->reason, StreamEnd::kPeerClosed);
  EXPECT_EQ(reset->reason, StreamEnd::kPeerReset);
  EXPECT_EQ(closed->ends, 1);
  EXPECT_EQ(reset->ends, 1);
  EXPECT_EQ(server.server().stats().connections_open, 0U);
  server.run([&] { closed->waker.wake(); });
}

TEST(HttpStream, AStalledPeerHoldsOnePieceWhileOthersGoOn) {
  StreamServer server({.user_timeout_ms = 600'000});
  const auto big = make_piece(std::string(60'000, 'x'));
  RawClient stalled(server.port(), 4096);
  stalled.send(kRequest);
  RawClient live(server.port());
  live.send(kRequest);
  live.read();
  const auto first = server.script(0);
  const auto second = server.script(1);
  // Fills the kernel's buffers: until a wake pulls nothing any more.
  int before = -1;
  ASSERT_TRUE(eventually([&] {
    server.run([&] {
      while (first->pieces.size() < 40) first->pieces.push_back({StreamPiece::State::kMore, big});
      first->waker.wake();
    });
    return std::exchange(before, first->pulls) == first->pulls;
  }));
  std::weak_ptr<const std::string> held;
  server.run([&] {
    for (StreamPiece& piece : first->pieces) piece.bytes = make_piece("y");
    for (int i = 0; i < 1000; ++i) first->waker.wake();
  });
  EXPECT_EQ(first->pulls, before) << "pulled although the socket takes nothing";
  EXPECT_LE(big.use_count(), 2) << "more than one piece is held";
  for (int i = 0; i < 100; ++i) {
    server.push(*second, "alive");
    ASSERT_EQ(live.read_bytes(10), "5\r\nalive\r\n");
  }
  server.run([&] { first->push("end", StreamPiece::State::kEnd); });
  const std::string all = stalled.read_through("0\r\n\r\n");  // reads again: all of it comes
  EXPECT_NE(all.find("1\r\ny\r\n"), std::string::npos);
  EXPECT_EQ(all.substr(all.size() - 13), "3\r\nend\r\n0\r\n\r\n");
}

TEST(HttpStream, AWakeWithinPullIsNotLost) {
  StreamServer server;
  RawClient client(server.port());
  client.send(kRequest);
  client.read();
  const auto script = server.script(0);
  server.run([&] {
    script->in_pull = [&] {
      script->in_pull = nullptr;
      script->waker.wake();
      script->pieces.push_back({});  // this pull says that there is nothing, the next finds a piece
      script->push("found");
    };
    script->waker.wake();
  });
  EXPECT_EQ(client.read_bytes(10), "5\r\nfound\r\n");
}

TEST(HttpStream, AFloodOfPiecesIsSentWholeInTurns) {
  StreamServer server;
  RawClient client(server.port());
  client.send(kRequest);
  client.read();
  const auto script = server.script(0);
  int pulled_at_once = 0;
  server.run([&] {
    for (int i = 0; i < 500; ++i) script->push("12345");
    script->waker.wake();
    pulled_at_once = script->pulls;
  });
  EXPECT_LE(pulled_at_once, 20);
  EXPECT_EQ(client.read_bytes(5000).size(), 5000U);
}

TEST(HttpStream, AServerDestroyedWithinPullTellsTheSourceAfterwards) {
  testing::LoopThread thread;
  testing::QuietLogger logger;
  struct Handler final : HttpHandler {
    void handle(const HttpRequest&, HttpExchange exchange) override {
      exchange.stream("text/plain", std::make_unique<ScriptedSource>(script));
    }
    HttpResponse refuse(int, const base::Error&) override { return {}; }
    std::shared_ptr<Script> script = std::make_shared<Script>();
    std::unique_ptr<HttpServer> server;
  } handler;
  uint16_t port = 0;
  thread.run([&] {
    handler.server = std::make_unique<HttpServer>(thread.loop(), handler, HttpLimits{}, logger);
    port = handler.server->listen("127.0.0.1", 0, false).value();
    handler.script->in_pull = [&] { handler.server.reset(); };
  });
  RawClient client(port);
  client.send(kRequest);
  client.read_all();
  thread.run([&] {
    EXPECT_EQ(handler.server, nullptr);
    EXPECT_EQ(handler.script->ends, 1);
    EXPECT_EQ(handler.script->destroyed, 1);
    EXPECT_EQ(handler.script->reason, StreamEnd::kServerStopped);
  });
}

TEST(HttpStream, APeerThatTalksTooMuchDuringAStreamIsCutOff) {
  StreamServer server;
  RawClient client(server.port());
  client.send(kRequest);
  client.read();
  const auto script = server.script(0);
  client.send(std::string(4096, 'x'));
  server.push(*script, "still");
  EXPECT_EQ(client.read_bytes(10), "5\r\nstill\r\n");
  client.send(std::string(4096, 'x'));
  EXPECT_TRUE(eventually([&] { return script->ends == 1; }));
  EXPECT_EQ(script->reason, StreamEnd::kPeerReset);
}

TEST(HttpStream, AnEndNoticedByWakeIsToldLater) {
  StreamServer server;
  RawClient client(server.port());
  client.send(kRequest);
  client.read();
  const auto script = server.script(0);
  bool in_wake = false;
  bool told_in_wake = false;
  server.run([&] {
    script->in_end = [&] { told_in_wake = in_wake; };
    client.reset();
    in_wake = true;
    for (int i = 0; i < 3; ++i) {
      script->push("into the void");
      script->waker.wake();
    }
    in_wake = false;
  });
  ASSERT_TRUE(eventually([&] { return script->ends == 1; }));
  EXPECT_EQ(script->reason, StreamEnd::kPeerReset);
  server.run([&] { EXPECT_FALSE(told_in_wake); });
}

}  // namespace
}  // namespace callbook::net
