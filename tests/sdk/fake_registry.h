#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log.h"
#include "net/http_server.h"
#include "sdk/endpoint.h"

namespace callbook::sdk::testing {

/// A registry as a test wants it: sessions, registrations and streams of the native API, without
/// rules of its own. What it holds outlives kill() and start(), as a registry's store does.
class FakeRegistry final : public net::HttpHandler {
 public:
  struct Problem {
    int status = 503;
    std::string title = "overloaded";
  };

  /// Listens at once. Borrows `loop`.
  explicit FakeRegistry(net::EventLoop& loop);

  /// Breaks every connection and listens no more.
  void kill();
  /// Listens again, on the same port.
  void start();
  Endpoint endpoint() const { return {"127.0.0.1", port_}; }

  /// Sends `bytes` on every open stream.
  void push(const std::string& bytes);
  size_t streams() const { return streams_.size(); }
  /// How many requests began with `start` ("PUT /v1/services/").
  size_t count(const std::string& start) const;

  std::set<std::string> sessions;
  std::map<std::string, std::string> instances;  ///< bodies by "service/id"
  std::vector<std::string> session_bodies;       ///< of what was opened or resumed
  std::vector<std::string> statuses;             ///< bodies, in the order in which they came
  bool is_of_release_0_1 = false;                ///< refuses what it does not know
  std::map<std::string, Problem> problems;       ///< by a part of the request line
  std::vector<std::string> watch_bodies;
  /// What a new watch is sent first, by the body that asked for it.
  std::function<std::string(const std::string& body)> on_watch;
  int64_t heartbeat_ms = 2'000;
  std::vector<std::string> nodes;  ///< named with each session

 private:
  class Stream;
  struct Log final : base::Logger {
    void write(base::LogLevel, std::string_view) override {}
  };

  void handle(const net::HttpRequest& request, net::HttpExchange exchange) override;
  net::HttpResponse refuse(int status, const base::Error& error) override;
  std::optional<net::HttpResponse> answer(const net::HttpRequest& request,
                                          const std::vector<std::string>& path);
  net::HttpResponse open_session(const std::string& body);
  net::HttpResponse close_session(const std::string& session);
  net::HttpResponse register_instance(const std::string& name, const std::string& body);
  void open_stream(net::HttpExchange exchange, std::string first);
  std::optional<net::HttpResponse> refuse_as_unknown(const net::HttpRequest& request) const;
  std::string session_json(const std::string& session) const;

  net::EventLoop& loop_;
  Log log_;
  uint16_t port_ = 0;
  int opened_ = 0;
  std::set<std::string> speaking_;  ///< of the sessions
  std::vector<std::string> requests_;
  struct Open {
    std::weak_ptr<std::deque<std::string>> queue;
    net::StreamWaker waker;
  };
  std::map<Stream*, Open> streams_;
  std::unique_ptr<net::HttpServer> server_;  // last: it ends the streams, which leave the map
};

}  // namespace callbook::sdk::testing
