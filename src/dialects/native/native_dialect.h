#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/front.h"
#include "dialects/native/event_encoder.h"
#include "dialects/native/json_input.h"
#include "dialects/native/live_streams.h"
#include "dialects/native/query.h"
#include "dialects/native/scope.h"
#include "net/event_loop.h"
#include "net/http_server.h"

namespace callbook::native {

/// What the native API will bear beside core's and the transport's limits.
struct NativeLimits {
  uint32_t max_watched_services = 1'000;          ///< of one stream
  uint32_t max_batch_lines = 20'000;              ///< of one batch
  uint64_t max_request_body_bytes = 1024 * 1024;  ///< but for batches
  int64_t max_wait_ms = 600'000;                  ///< of a long poll
};

/// The native API (docs/native-api.md) on one I/O thread. Borrows all it is given; one per thread;
/// not thread-safe.
class NativeDialect final : public net::HttpHandler {
 public:
  NativeDialect(core::Front& front, net::EventLoop& loop, NativeLimits limits);
  ~NativeDialect() override;
  NativeDialect(const NativeDialect&) = delete;
  NativeDialect& operator=(const NativeDialect&) = delete;

  void handle(const net::HttpRequest& request, net::HttpExchange exchange) override;
  net::HttpResponse refuse(int status, const base::Error& error) override;

  /// Answers the requests that wait for a change, for a stop of the server.
  void answer_waiting() { polls_.tick(INT64_MAX); }

  /// "GET /v1/services/{service}", one of each route.
  static std::vector<std::string> routes();

  /// The answer that `error` gets here; those worth trying again say when, spread at random.
  net::HttpResponse failure(const base::Error& error);

  struct Stats {
    size_t watch_streams = 0;
    size_t attach_streams = 0;
    size_t mute_streams = 0;  ///< of them, those that stand for their session's heartbeats
    size_t long_polls = 0;
    uint64_t events_encoded = 0;
    uint64_t events_shared = 0;
  };
  Stats stats() const;

  /// By which the log names this dialect.
  static constexpr std::string_view kDialect = "native";

  /// One request on its way through a route.
  struct Call {
    const net::HttpRequest& request;
    std::vector<std::string> names;  ///< what stood for {…} in the path, decoded
    Query query;
    net::HttpExchange exchange;

    NativeDialect& dialect;
    std::optional<core::OperatorAct> act = {};  ///< none: it is not an operator's

    void fail(const base::Error& error) {
      note_refusal(error);
      exchange.respond(dialect.failure(error));
    }
    /// For the log, if it is an operator's.
    void note_refusal(const base::Error& error) const;
    /// Who asks.
    core::Caller caller() const { return {kDialect, request.peer}; }
    void answer(int status, std::string body);
  };

  /// Lets the client carry `stamp` to other nodes; nothing if there are none.
  void show_stamp(net::HttpResponse& response, const core::Stamp& stamp) const;

  /// This node is about to stop: sends the clients of streams to the other nodes, spread over at
  /// most `most_ms`, and calls `done` when they have gone, or were given their time.
  void leave(int64_t most_ms, std::function<void()> done);

 private:
  struct Route {
    net::Method method;
    std::string_view path;
    void (NativeDialect::*serve)(Call& call);
    bool needs_ready;
    bool any_dc = false;        ///< other data centers may be asked for; else naming one is refused
    std::string_view act = {};  ///< what an operator does by it, for the log
    bool act_has_author = false;  ///< only a request that says `by` is an operator's
  };
  static const std::vector<Route>& table();
  const Route* match(net::Method method, const std::vector<std::string>& segments,
                     std::vector<std::string>& names, std::string& allowed) const;

  // session_routes.cpp
  void open_session(Call& call);
  void refresh_session(Call& call);
  void attach_session(Call& call);
  void close_session(Call& call);
  // instance_routes.cpp
  void register_instance(Call& call);
  void set_status(Call& call);
  void refresh_instance(Call& call);
  void get_instance(Call& call);
  void deregister_instance(Call& call);
  void batch(Call& call);
  // override_routes.cpp
  void set_override(Call& call);
  void remove_override(Call& call);
  void release_breaker(Call& call);
  void report_instance(Call& call);
  // check_routes.cpp
  void get_checks(Call& call);
  // discovery_routes.cpp
  void list_services(Call& call);
  void get_service(Call& call);
  void watch_by_query(Call& call);
  void watch_by_body(Call& call);
  void start_watch(Call& call, const Scope& scope, WatchBody body,
                   std::optional<uint64_t> resume_from);
  // operation_routes.cpp
  void export_all(Call& call);
  void status(Call& call);
  void healthz(Call& call);
  void readyz(Call& call);
  void nodes(Call& call);
  void metrics(Call& call);

  static void note_act(Call& call, const Route& route);

  /// What a change is answered for.
  enum class Until : uint8_t {
    kAccepted,
    kHeard,  ///< the other nodes know of it, or a short time is over
    kSeen    ///< all watchers have been sent it, or its time is over
  };
  /// `until` of a query; kSeen only if `may_wait`.
  static base::Result<Until> take_until(Call& call, bool may_wait);
  /// Answers an operator's change with its version, at once or when the other nodes know of it.
  void answer_change(core::SeenQuestion change, Until until, net::HttpExchange exchange);
  core::Completion answering_override(core::InstanceKey key, Until until,
                                      net::HttpExchange exchange);
  struct Removal {
    int64_t drain_ms = 0;
    Until until = Until::kAccepted;
    std::string by;  ///< an operator; empty: its provider
    std::string reason;
  };
  base::Result<Removal> take_removal(Call& call);
  void removed(const core::InstanceKey& instance, const core::InstanceDeregistered& gone,
               const Removal& removal, net::HttpExchange exchange);
  /// Which data center is asked for: the own, or one that is followed and has been heard of.
  base::Result<Scope> take_scope(Call& call);
  /// Refuses all but the own: others are read-only here.
  base::Status take_own_scope(Call& call);
  Scope scope_of(core::FollowedDatacenter& followed);
  /// The first, by the order of failover, with somebody of the service who is as asked for and can
  /// be called; those that are stale after all others. The own if there is none.
  Scope scope_with_somebody(const core::ServiceKey& key, const InstanceFilter& filter);
  base::Result<core::ServiceKey> take_service_key(Call& call);
  base::Result<core::InstanceKey> take_instance_key(Call& call);
  base::Result<core::Ack> take_ack(Call& call);
  /// All zero if none is given.
  base::Result<core::SessionId> take_session(Call& call);
  /// Answers 413 and says false when the body is too long for anything but a batch.
  bool accept_body(Call& call) const;
  /// What the client was told by another node; zero if it says nothing of it.
  base::Result<core::Stamp> take_stamp(const Call& call) const;
  /// A query parameter that may only be `true`.
  static base::Result<bool> take_flag(Call& call, std::string_view name);
  uint64_t host_of(std::string_view peer) const;
  /// The epoch that the client was told; 0 if it says nothing of it.
  static base::Result<uint32_t> take_epoch(Call& call);
  int64_t spread_retry_ms();

  struct Leaving {
    int64_t since_ms = 0;
    int64_t spread_ms = 0;
    size_t streams = 0;  ///< when it began
    size_t asked = 0;
    std::function<void()> done;
  };
  void leave_some();

  core::Front& front_;
  const NativeLimits limits_;
  JsonInput json_;
  EventEncoder encoder_;
  std::map<std::string, EventEncoder, std::less<>> followed_encoders_;  ///< by data center
  Ticking::List watches_;
  Ticking::List attachments_;
  size_t mute_streams_ = 0;
  Ticking::List polls_;
  uint64_t retry_seed_;
  net::EventLoop& loop_;
  std::unique_ptr<net::EventLoop::Timer> ticker_;
  Leaving leaving_;
  std::unique_ptr<net::EventLoop::Timer> leaver_;
};

/// Answers `call` with a problem unless `result` is ok; says whether it is.
template <typename T>
bool accept(NativeDialect::Call& call, const base::Result<T>& result) {
  if (!result.ok()) call.fail(result.error());
  return result.ok();
}

}  // namespace callbook::native
