#include "net/http_client.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/test_server.h"

namespace callbook::net {
namespace {

using testing::eventually;
using testing::LoopThread;
using testing::TestServer;
using Outcome = base::Result<ClientResponse>;

/// A client on a loop of its own, called as if it were blocking.
class BlockingClient {
 public:
  explicit BlockingClient(uint16_t port, const std::string& host = "127.0.0.1") {
    thread_.run([&] { client_ = std::make_unique<HttpClient>(thread_.loop(), host, port); });
  }
  ~BlockingClient() {
    thread_.run([&] { client_.reset(); });
  }
  Outcome send(ClientRequest request) {
    auto outcome = std::make_shared<std::promise<Outcome>>();
    auto future = outcome->get_future();
    thread_.run([&] {
      client_->send(std::move(request), [outcome](Outcome result) { outcome->set_value(result); });
    });
    if (future.wait_for(testing::kPatience) == std::future_status::ready) return future.get();
    ADD_FAILURE() << "no outcome";
    return base::Error{};
  }
  LoopThread& thread() { return thread_; }
  std::unique_ptr<HttpClient>& client() { return client_; }

 private:
  LoopThread thread_;
  std::unique_ptr<HttpClient> client_;
};

/// A server that plays back bytes, one connection after the other.
class Playback {
 public:
  /// Each script answers one connection: it waits for the end of a request header before each part
  /// and closes after the last.
  explicit Playback(std::vector<std::vector<std::string>> scripts) : scripts_(std::move(scripts)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { play(); });
  }
  ~Playback() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  uint16_t port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void play() {
    for (const auto& script : scripts_) {
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) return;
      ++connections_;
      for (const std::string& part : script) {
        std::string request;
        char byte = 0;
        while (request.find("\r\n\r\n") == std::string::npos && ::recv(socket, &byte, 1, 0) == 1) {
          request.push_back(byte);
        }
        ::send(socket, part.data(), part.size(), MSG_NOSIGNAL);
      }
      ::close(socket);
    }
  }

  std::vector<std::vector<std::string>> scripts_;
  std::atomic<int> connections_ = 0;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::thread thread_;
};

struct Case {
  Method method;
  std::string target;
  std::string body;
  int status;
  std::string answer;
};

TEST(HttpClient, SpeaksWithTheServer) {
  TestServer server({}, [](const HttpRequest& request, HttpExchange exchange) {
    HttpResponse response;
    response.status = request.path == "/none" ? 204 : request.path == "/absent" ? 404 : 200;
    response.headers.emplace_back("X-Token", std::string(request.header("x-token")));
    response.body = fmt::format("{} {} {}", name_of(request.method), request.target, request.body);
    exchange.respond(std::move(response));
  });
  const std::string big(3'000'000, 'x');
  const std::vector<Case> cases = {
      {Method::kGet, "/a?b=%20", "", 200, "GET /a?b=%20 "},
      {Method::kPut, "/p", "body", 200, "PUT /p body"},
      {Method::kPost, "/empty", "", 200, "POST /empty "},
      {Method::kDelete, "/d", "", 200, "DELETE /d "},
      {Method::kPatch, "/d", "x", 200, "PATCH /d x"},
      {Method::kOptions, "/o", "", 200, "OPTIONS /o "},
      {Method::kHead, "/h", "", 200, ""},
      {Method::kGet, "/none", "", 204, ""},
      {Method::kGet, "/absent", "", 404, "GET /absent "},
      {Method::kPut, "/big", big, 200, "PUT /big " + big},
      {Method::kGet, "/after", "", 200, "GET /after "},
  };
  BlockingClient client(server.port());
  for (const Case& c : cases) {
    ClientRequest request;
    request.method = c.method;
    request.target = c.target;
    request.headers = {{"X-Token", c.target}};
    request.body = c.body;
    const Outcome outcome = client.send(request);
    ASSERT_TRUE(outcome.ok()) << c.target << ": " << outcome.error().to_string();
    EXPECT_EQ(outcome->status, c.status) << c.target;
    EXPECT_TRUE(outcome->body == c.answer) << c.target;
    EXPECT_NE(std::find(outcome->headers.begin(), outcome->headers.end(),
                        std::pair<std::string, std::string>("X-Token", c.target)),
              outcome->headers.end());
  }
  EXPECT_EQ(server.stats().connections_accepted, 1U) << "the connection was not kept";
}

TEST(HttpClient, ReadsEveryFramingOfAResponse) {
  Playback server(
      {{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nuntil close"},
       {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"},
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal"}});
  BlockingClient client(server.port());
  EXPECT_EQ(client.send({.target = "/"})->body, "abcde");
  EXPECT_EQ(client.send({.target = "/"})->body, "until close");
  EXPECT_EQ(client.send({.target = "/"})->body, "ok");
  EXPECT_EQ(client.send({.target = "/"}).error().code, base::ErrorCode::kIo);
  EXPECT_EQ(server.connections(), 3);
}

TEST(HttpClient, ResolvesNames) {
  TestServer server;
  BlockingClient client(server.port(), "localhost");
  EXPECT_EQ(client.send({.target = "/x"})->body, "GET /x ");
}

TEST(HttpClient, SaysWhichEndpointRefused) {
  uint16_t port = 0;
  { port = TestServer().port(); }
  BlockingClient client(port);
  const Outcome outcome = client.send({.target = "/"});
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, base::ErrorCode::kIo);
  EXPECT_NE(outcome.error().detail.find(fmt::format("127.0.0.1:{}: ", port)), std::string::npos);
}

TEST(HttpClient, TimesOutAndRecovers) {
  std::vector<HttpExchange> held;
  TestServer server({}, [&](const HttpRequest& request, HttpExchange exchange) {
    if (request.path == "/held") return held.push_back(std::move(exchange));
    exchange.respond({});
  });
  BlockingClient client(server.port());
  const Outcome outcome = client.send({.target = "/held", .timeout_ms = 30});
  ASSERT_FALSE(outcome.ok());
  EXPECT_NE(outcome.error().detail.find("timed out after 30 ms"), std::string::npos);
  EXPECT_TRUE(client.send({.target = "/"}).ok());
  EXPECT_EQ(server.stats().connections_accepted, 2U);
}

TEST(HttpClient, OpensAgainWhatTheServerClosedMeanwhile) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  Playback server({{answer}, {answer}, {answer}});
  BlockingClient client(server.port());
  for (int i = 0; i < 3; ++i) {
    const Outcome outcome = client.send({.method = Method::kPut, .target = "/"});
    ASSERT_TRUE(outcome.ok()) << i << ": " << outcome.error().to_string();
  }
  EXPECT_EQ(server.connections(), 3);
}

TEST(HttpClient, RepeatsOnAKeptConnectionOnlyWhatIsIdempotent) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  // The connection breaks after the second request has been read, before its answer.
  for (const Method method : {Method::kDelete, Method::kPost}) {
    Playback server({{answer, ""}, {answer}});
    BlockingClient client(server.port());
    ASSERT_TRUE(client.send({.target = "/"}).ok());
    EXPECT_EQ(client.send({.method = method, .target = "/"}).ok(), method == Method::kDelete);
    EXPECT_EQ(server.connections(), method == Method::kDelete ? 2 : 1);
  }
}

TEST(HttpClient, ReadsTheAnswerOfAServerThatStopsReading) {
  TestServer server({.max_body_bytes = 1000});
  BlockingClient client(server.port());
  const Outcome outcome =
      client.send({.method = Method::kPut, .target = "/", .body = std::string(8'000'000, 'x')});
  ASSERT_TRUE(outcome.ok()) << outcome.error().to_string();
  EXPECT_EQ(outcome->status, 413);
}

TEST(HttpClient, SendsNothingThatWouldBreakTheFraming) {
  TestServer server;
  BlockingClient client(server.port());
  EXPECT_FALSE(client.send({.target = "/a b"}).ok());
  EXPECT_FALSE(client.send({.target = "/a\r\nX: y"}).ok());
  EXPECT_FALSE(client.send({.target = ""}).ok());
  EXPECT_FALSE(client.send({.target = "/", .headers = {{"X", "a\r\nY: b"}}}).ok());
  EXPECT_FALSE(client.send({.target = "/", .headers = {{"X: y", "a"}}}).ok());
  EXPECT_FALSE(client.send({.method = Method::kOther, .target = "/"}).ok());
  EXPECT_EQ(server.stats().requests, 0U);
}

TEST(HttpClient, MayBeDestroyedInItsOwnCallback) {
  TestServer server;
  BlockingClient client(server.port());
  std::promise<void> called;
  client.thread().run([&] {
    client.client()->send({.target = "/"}, [&](Outcome) {
      client.client().reset();
      called.set_value();
    });
    client.client()->send({.target = "/never"}, [](Outcome) { ADD_FAILURE(); });
  });
  EXPECT_EQ(called.get_future().wait_for(testing::kPatience), std::future_status::ready);
  client.thread().run([&] { EXPECT_EQ(client.client(), nullptr); });
}

/// Notes what a stream tells, on the loop's thread.
struct Reader final : ClientStreamReader {
  void on_header(int status) override {
    told += fmt::format("[{}]", status);
    if (at_header) at_header();
  }
  void on_data(std::string_view data) override {
    told += data;
    if (at_data) at_data();
  }
  void on_end(base::Status status) override {
    told += status.ok() ? "[end]" : "[" + status.error().detail + "]";
    if (at_end) at_end();
  }
  std::string told;
  std::function<void()> at_header, at_data, at_end;
};

/// One stream on a loop of its own.
struct StreamTest {
  explicit StreamTest(uint16_t port, ClientRequest request = {.target = "/"}) {
    thread.run([&] {
      stream = std::make_unique<HttpClientStream>(thread.loop(), "127.0.0.1", port,
                                                  std::move(request), reader);
    });
  }
  ~StreamTest() {
    thread.run([&] { stream.reset(); });
  }
  std::string told() {
    std::string copy;
    thread.run([&] { copy = reader.told; });
    return copy;
  }
  bool ends_with(const std::string& tail) {
    return eventually([&] {
      const std::string now = told();
      return now.size() >= tail.size() && now.substr(now.size() - tail.size()) == tail;
    });
  }
  LoopThread thread;
  Reader reader;
  std::unique_ptr<HttpClientStream> stream;
};

TEST(HttpClientStream, PassesDataOnAsItComes) {
  struct Source final : StreamSource {
    StreamPiece pull() override { return std::exchange(next, {}); }
    StreamPiece next;
  };
  Source* source = nullptr;
  StreamWaker waker;
  TestServer server({}, [&](const HttpRequest&, HttpExchange exchange) {
    auto owned = std::make_unique<Source>();
    source = owned.get();
    waker = exchange.stream("text/plain", std::move(owned));
  });
  StreamTest test(server.port());
  EXPECT_TRUE(test.ends_with("[200]"));
  const auto push = [&](std::string_view payload, StreamPiece::State state) {
    server.thread().run([&] {
      source->next = {state, make_piece(payload)};
      waker.wake();
    });
  };
  push("one", StreamPiece::State::kMore);
  EXPECT_TRUE(test.ends_with("[200]one"));
  const std::string big(50'000, 'x');
  push(big, StreamPiece::State::kMore);
  EXPECT_TRUE(test.ends_with("[200]one" + big));
  push("!", StreamPiece::State::kEnd);
  EXPECT_TRUE(test.ends_with("x![end]"));
}

TEST(HttpClientStream, ReadsEveryFraming) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"HTTP/1.1 200 OK\r\n\r\nuntil close", "[200]until close[end]"},
      {"HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\nwhy", "[503]why[end]"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "[200][end]"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", "[200]a[end]"},
  };
  for (const auto& [bytes, told] : cases) {
    Playback server({{bytes}});
    StreamTest test(server.port());
    EXPECT_TRUE(test.ends_with("[end]")) << test.told();
    EXPECT_EQ(test.told(), told);
  }
}

TEST(HttpClientStream, ABrokenStreamEndsWithAnError) {
  Playback server({{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal"}});
  StreamTest test(server.port());
  EXPECT_TRUE(test.ends_with("]"));
  ASSERT_TRUE(eventually([&] { return test.told().size() > 10; }));
  EXPECT_EQ(test.told().find("[200]hal[127.0.0.1:"), 0U) << test.told();
}

TEST(HttpClientStream, TimesOutOnTheHeaderAlone) {
  std::vector<HttpExchange> held;
  TestServer server(
      {}, [&](const HttpRequest&, HttpExchange exchange) { held.push_back(std::move(exchange)); });
  StreamTest test(server.port(), {.target = "/", .timeout_ms = 30});
  EXPECT_TRUE(test.ends_with("timed out after 30 ms]"));
}

TEST(HttpClientStream, MayBeDestroyedInEachOfItsCallbacks) {
  for (int at = 0; at < 3; ++at) {
    Playback server({{"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}});
    LoopThread thread;
    auto reader = std::make_unique<Reader>();
    std::unique_ptr<HttpClientStream> stream;
    std::promise<void> gone;
    thread.run([&] {
      const auto destroy = [&] {
        stream.reset();
        thread.loop().post([&] { gone.set_value(); });
      };
      (at == 0 ? reader->at_header : at == 1 ? reader->at_data : reader->at_end) = destroy;
      stream = std::make_unique<HttpClientStream>(thread.loop(), "127.0.0.1", server.port(),
                                                  ClientRequest{.target = "/"}, *reader);
    });
    ASSERT_EQ(gone.get_future().wait_for(testing::kPatience), std::future_status::ready);
    thread.run([&] {
      const std::string expected[] = {"[200]", "[200]x", "[200]x[end]"};
      EXPECT_EQ(reader->told, expected[at]);
    });
  }
}

}  // namespace
}  // namespace callbook::net
