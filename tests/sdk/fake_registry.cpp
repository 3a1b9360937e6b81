#include "tests/sdk/fake_registry.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "net/percent.h"

namespace callbook::sdk::testing {
namespace {

using net::HttpResponse;
using net::Method;

HttpResponse problem(int status, const std::string& title) {
  HttpResponse response;
  response.status = status;
  response.content_type = "application/problem+json";
  response.body =
      fmt::format(R"({{"title":"{}","status":{},"detail":"as the test wants"}})", title, status);
  return response;
}

HttpResponse ok(std::string body, int status = 200) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

}  // namespace

class FakeRegistry::Stream final : public net::StreamSource {
 public:
  explicit Stream(FakeRegistry& registry) : registry_(registry) {}
  ~Stream() override { registry_.streams_.erase(this); }

  net::StreamPiece pull() override {
    if (queue_->empty()) return {};
    net::StreamPiece piece{net::StreamPiece::State::kMore, net::make_piece(queue_->front())};
    queue_->pop_front();
    return piece;
  }
  const std::shared_ptr<std::deque<std::string>>& queue() const { return queue_; }

 private:
  FakeRegistry& registry_;
  std::shared_ptr<std::deque<std::string>> queue_ = std::make_shared<std::deque<std::string>>();
};

FakeRegistry::FakeRegistry(net::EventLoop& loop) : loop_(loop) {
  start();
}

void FakeRegistry::kill() {
  server_.reset();
}

void FakeRegistry::start() {
  server_ = std::make_unique<net::HttpServer>(loop_, *this, net::HttpLimits{}, log_);
  const auto port = server_->listen("127.0.0.1", port_, false);
  ASSERT_TRUE(port.ok()) << port.error().to_string();
  port_ = port.value();
}

void FakeRegistry::push(const std::string& bytes) {
  std::vector<net::StreamWaker> wakers;
  for (auto& [stream, open] : streams_) {
    if (const auto queue = open.queue.lock()) queue->push_back(bytes);
    wakers.push_back(open.waker);
  }
  for (const net::StreamWaker& waker : wakers) waker.wake();
}

size_t FakeRegistry::count(const std::string& start) const {
  return static_cast<size_t>(
      std::count_if(requests_.begin(), requests_.end(),
                    [&start](const std::string& request) { return request.starts_with(start); }));
}

void FakeRegistry::handle(const net::HttpRequest& request, net::HttpExchange exchange) {
  const std::string line = fmt::format("{} {}", net::name_of(request.method), request.target);
  requests_.push_back(line);
  for (const auto& [part, wanted] : problems) {
    if (line.find(part) != std::string::npos) {
      return exchange.respond(problem(wanted.status, wanted.title));
    }
  }
  if (auto refused = refuse_as_unknown(request)) return exchange.respond(std::move(*refused));
  const auto path = net::split_path(request.path);
  if (!path.ok()) return exchange.respond(problem(400, "invalid"));
  if (auto response = answer(request, path.value())) return exchange.respond(std::move(*response));
  if (path.value()[1] == "watch") {
    watch_bodies.emplace_back(request.body);
    return open_stream(std::move(exchange), on_watch(watch_bodies.back()));
  }
  const std::string& session = path.value()[2];
  if (request.target.find("speaks=true") != std::string::npos) speaking_.insert(session);
  open_stream(std::move(exchange),
              fmt::format("event:attached\ndata:{}\n\n", session_json(session)));
}

/// Nothing: the answer is a stream.
std::optional<HttpResponse> FakeRegistry::answer(const net::HttpRequest& request,
                                                 const std::vector<std::string>& path) {
  if (path.size() == 2 && path[1] == "watch") return std::nullopt;
  if (path.size() == 2 && path[1] == "sessions") return open_session(std::string(request.body));
  if (path.size() == 6 && path[1] == "services" && path[5] == "status") {
    statuses.emplace_back(request.body);
    return ok(R"({"version":2})");
  }
  if (path.size() == 5 && path[1] == "services") {
    return register_instance(path[2] + "/" + path[4], std::string(request.body));
  }
  if (path.size() < 3 || path[1] != "sessions") return problem(404, "not_found");
  if (!sessions.contains(path[2])) return problem(404, "not_found");
  if (request.method == Method::kDelete) return close_session(path[2]);
  if (path.size() == 4 && path[3] == "heartbeat") {
    return ok(fmt::format(R"({{"ttl_ms":6000,"heartbeat_ms":{}}})", heartbeat_ms));
  }
  return std::nullopt;
}

HttpResponse FakeRegistry::refuse(int status, const base::Error& error) {
  return problem(status, std::string(base::name_of(error.code)));
}

/// As release 0.1 does it: the first field or parameter that it does not know.
std::optional<HttpResponse> FakeRegistry::refuse_as_unknown(const net::HttpRequest& request) const {
  if (!is_of_release_0_1) return std::nullopt;
  for (const char* name : {"speaks", "process", "status", "take_over"}) {
    const bool in_body = request.body.find(fmt::format("\"{}\":", name)) != std::string::npos;
    const bool in_query = request.target.find(fmt::format("{}=", name)) != std::string::npos;
    if (!in_body && !in_query) continue;
    HttpResponse response = problem(400, "invalid");
    response.body = fmt::format(
        R"({{"title":"invalid","status":400,"field":"{0}","detail":"unknown field '{0}'"}})", name);
    return response;
  }
  return std::nullopt;
}

HttpResponse FakeRegistry::open_session(const std::string& body) {
  session_bodies.push_back(body);
  const std::string session = fmt::format("s{}", ++opened_);
  sessions.insert(session);
  if (body.find(R"("speaks":true)") != std::string::npos) speaking_.insert(session);
  return ok(session_json(session), 201);
}

HttpResponse FakeRegistry::close_session(const std::string& session) {
  sessions.erase(session);
  const std::string mark = fmt::format(R"("session":"{}")", session);
  const size_t left = std::erase_if(instances, [&mark](const auto& entry) {
    return entry.second.find(mark) != std::string::npos;
  });
  return ok(fmt::format(R"({{"instances":{}}})", left));
}

HttpResponse FakeRegistry::register_instance(const std::string& name, const std::string& body) {
  const bool known = std::any_of(sessions.begin(), sessions.end(), [&body](const auto& session) {
    return body.find(fmt::format(R"("session":"{}")", session)) != std::string::npos;
  });
  if (!known) return problem(404, "not_found");
  const bool created = instances.insert_or_assign(name, body).second;
  return ok(fmt::format(R"({{"result":"{}","version":1}})", created ? "created" : "unchanged"),
            created ? 201 : 200);
}

void FakeRegistry::open_stream(net::HttpExchange exchange, std::string first) {
  auto source = std::make_unique<Stream>(*this);
  Stream* const stream = source.get();
  if (!first.empty()) stream->queue()->push_back(std::move(first));
  streams_[stream].queue = stream->queue();
  const net::StreamWaker waker = exchange.stream("text/event-stream", std::move(source));
  if (const auto at = streams_.find(stream); at != streams_.end()) at->second.waker = waker;
}

std::string FakeRegistry::session_json(const std::string& session) const {
  const std::string named = nodes.empty() ? "" : fmt::format("\"{}\"", fmt::join(nodes, "\",\""));
  const std::string speaks =
      is_of_release_0_1
          ? ""
          : fmt::format(R"("speaks":{},)", speaking_.contains(session) ? "true" : "false");
  return fmt::format(R"({{"session":"{}","ttl_ms":6000,"heartbeat_ms":{},{}"nodes":[{}]}})",
                     session, heartbeat_ms, speaks, named);
}

}  // namespace callbook::sdk::testing
