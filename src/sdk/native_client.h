#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/event_loop.h"
#include "net/http_client.h"
#include "sdk/answer_codec.h"
#include "sdk/endpoint.h"
#include "sdk/list_event.h"

namespace callbook::sdk {

/// Names a service.
struct ServiceName {
  std::string name_space = kDefaultNamespace;
  std::string service;
};

/// Which instances of a service are asked for; everything by default.
struct InstanceFilter {
  std::string zone;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::string datacenter;  ///< empty: the registry's own
  bool failover = false;   ///< of the first data center that has somebody to call
};

/// Under what an instance is registered.
struct RegistrationTerms {
  std::string session;
  Status status = Status::kUp;  ///< at first, or anew
  bool take_over = false;       ///< also if another process that lives holds the id
  bool shares_port = false;     ///< others may have its address and port too
};

/// An operator, for what outlives the provider; none if `by` is empty.
struct Operator {
  std::string by;
  std::string reason;
};

/// What a change is answered for.
enum class Until : uint8_t {
  kAccepted,
  kHeard,  ///< the other nodes know of it, or a short wait is over; release 0.1 refuses it (until)
  kSeen    ///< every watcher was sent it, or the wait is over; of removals
};

/// How an instance is taken out.
struct Removal {
  static constexpr int64_t kSeenWaitMs = 30'000;  ///< the server's, of one that is not drained

  int64_t drain_ms = 0;  ///< it stays listed as draining for so long; 0: it leaves at once
  Until until = Until::kAccepted;
};

/// The snapshot of a service, and the document it was read from.
struct ServiceDocument {
  SnapshotPart snapshot;
  std::string json;
  Origin origin;
};

/// The native API's calls that are a request and an answer. Each calls back exactly once, unless
/// the client is destroyed before; errors are those of the server's problem document, or kIo with
/// the endpoint when there was no answer. Loop's thread only.
class NativeClient {
 public:
  template <typename T>
  using Callback = std::function<void(base::Result<T>)>;

  static constexpr int64_t kTimeoutMs = 10'000;

  /// Borrows `loop`.
  NativeClient(net::EventLoop& loop, const Endpoint& endpoint, int64_t timeout_ms = kTimeoutMs);

  /// Sends `*stamp`, the latest that registries have told, with what changes something, and keeps
  /// it up to date: what is said at one node is then later than what was said at another before.
  void carry_stamp(std::shared_ptr<std::string> stamp) { stamp_ = std::move(stamp); }

  void open_session(const SessionWish& wish, Callback<SessionGrant> done);
  /// Takes over a session that was opened here or at another node.
  void resume_session(const std::string& session, uint32_t epoch, bool speaks,
                      Callback<SessionGrant> done);
  /// Yields the heartbeat interval in milliseconds. Given up after `timeout_ms`, for the next one
  /// waits behind it.
  void heartbeat(const std::string& session, uint32_t epoch, int64_t timeout_ms,
                 Callback<uint64_t> done);
  /// Yields how many instances left with it.
  void close_session(const std::string& session, Callback<uint64_t> done);

  void register_instance(const ServiceName& service, const Instance& instance,
                         const RegistrationTerms& terms, Callback<RegistrationAnswer> done);
  /// The same with a body of the caller's own, as of an instance that no session holds.
  void put_instance(const ServiceName& service, const std::string& id, std::string body,
                    bool take_over, Callback<RegistrationAnswer> done);
  /// What the provider says of an instance that `session` holds. Yields the version of the change.
  void set_status(const ServiceName& service, const std::string& id, const std::string& session,
                  const ProviderStatus& status, Callback<uint64_t> done);
  /// A heartbeat of an instance with a TTL of its own, which it yields in milliseconds.
  void refresh_instance(const ServiceName& service, const std::string& id, Callback<uint64_t> done);
  /// kNotFound if it is not listed.
  void get_instance(const ServiceName& service, const std::string& id, Callback<Instance> done);
  /// Takes the instance out. The provider itself does so without `who`; an operator's act lasts.
  void remove(const ServiceName& service, const std::string& id, const Operator& who,
              const Removal& how, Callback<RemovalAnswer> done);
  void set_override(const ServiceName& service, const std::string& id, const Override& wanted,
                    const Operator& who, Until until, Callback<ChangeAnswer> done);
  void remove_override(const ServiceName& service, const std::string& id, const Operator& who,
                       Until until, Callback<ChangeAnswer> done);

  /// Says that calls to the instance fail here. Yields how many consumers have said so lately.
  void report(const ServiceName& service, const std::string& id, const std::string& by,
              Callback<uint64_t> done);

  /// Yields how many groups were held by the breaker. `who` is for the nodes' log, and may be none.
  void release(const ServiceName& service, const Operator& who, Callback<uint64_t> done);

  /// A page of the services of a data center (empty: the registry's own), behind `after`.
  void list_services(const std::string& name_space, const std::string& datacenter,
                     const std::string& after, Callback<ServicePage> done);
  void get_service(const ServiceName& service, const InstanceFilter& filter,
                   Callback<ServiceDocument> done);
  /// Yields the document of the checks of a service's instances: a page of those behind `after`.
  void list_checks(const ServiceName& service, const std::string& after,
                   Callback<std::string> done);
  /// Yields the document.
  void status(Callback<std::string> done);
  void nodes(Callback<std::string> done);

 private:
  template <typename T, typename Decode>
  void call(net::Method method, std::string target, std::string body, Callback<T> done,
            Decode decode, int64_t wait_ms = 0);
  template <typename T, typename Decode>
  void call_within(int64_t timeout_ms, net::Method method, std::string target, std::string body,
                   Callback<T> done, Decode decode);

  const int64_t timeout_ms_;
  std::shared_ptr<std::string> stamp_;  ///< none: stamps are passed over
  net::HttpClient http_;
};

// The streams of the native API, for EventStream.

net::ClientRequest attach_request(const std::string& session, uint32_t epoch, bool speaks);
net::ClientRequest watch_request(const std::string& name_space, const std::string& datacenter,
                                 const std::vector<WatchedService>& services);

}  // namespace callbook::sdk
