#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "callbook/guard.h"
#include "callbook/instance.h"
#include "callbook/service.h"
#include "callbook/status.h"

namespace callbook {

namespace sdk {
class ClientCore;
class RegistrationState;
}  // namespace sdk

struct ClientOptions {
  /// Where registry nodes are: "HOST:PORT[,HOST:PORT…]", "dns:NAME[:PORT]" (each of its
  /// addresses), or "file:/path" (one HOST:PORT a line).
  std::string registry = "127.0.0.1:7070";
  /// What this process is called in the registry, for people; empty: by its host.
  std::string name = {};
  /// The zone that it runs in: instances there are preferred. Empty: no preference.
  std::string zone = {};
  /// Where lists are kept for a start without a registry; made if it does not exist (0700). Empty:
  /// nowhere.
  std::string cache_directory = {};
  /// Told of what goes wrong, on the client's thread. Empty: nobody is.
  std::function<void(const std::string& message)> log = {};
};

/// What others have done with an instance of this process.
struct RegistrationEvent {
  enum class Kind : uint8_t {
    kWithdrawn,  ///< an operator has taken it out; it stays registered, and nothing is to be done
    kRestored,   ///< that has ended
    kSuperseded  ///< another process has taken the id; that is final
  };
  Kind kind = Kind::kWithdrawn;
  Withdrawal withdrawal = {};  ///< of kWithdrawn
};

struct RegistrationOptions {
  std::string service = {};
  std::string name_space = kDefaultNamespace;
  /// What is registered. Without an id it is SERVICE-HOST-ADDRESS-PORT (no '/' in it, the end
  /// of a long one is a hash); without an address, the one by which this host reaches the registry,
  /// or, if that can't be resolved now, anybody.
  Instance instance = {};
  /// How long the session outlives a lost connection, in ms; 0: the registry chooses.
  int64_t ttl_ms = 0;
  /// Serves only these, see Guard; none: the service, and any group of it.
  std::vector<std::string> served = {};
  /// The guard of a server that listened before it was registered: it becomes ready now. Not beside
  /// `served`, which a guard has already. None: the registration makes one.
  std::optional<Guard> guard = {};
  /// For drain() by the destructor.
  std::chrono::milliseconds drain_timeout{5'000};
  /// What it says of itself at first. The guard becomes ready with the first Status::kUp.
  Status status = Status::kUp;
  /// Takes the id even from a process that lives at another address. Otherwise it waits until that
  /// one is gone, and trouble() says so.
  bool take_over = false;
  /// Told of what others do with the instance, on the client's thread: it must be quick, and must
  /// not destroy the Registration or the Client. Empty: nobody is.
  std::function<void(const RegistrationEvent& event)> on_event = {};
};

/// Keeps an instance registered while it exists: through one connection that tells the registry at
/// once if this process dies, again after a restart of the registry, and at another node if one is
/// lost. Beside it the client's thread sends heartbeats: if this process is stopped, or that thread
/// is kept busy, the registry takes it for what it is. Movable. Thread-safe, but for its
/// destruction.
class Registration {
 public:
  Registration(Registration&&) noexcept;
  Registration& operator=(Registration&&) noexcept;
  /// Drains, unless that has been done.
  ~Registration();

  const Instance& instance() const;
  /// Whether the registry has the instance, as far as is known here.
  bool registered() const;
  /// Waits until it has; whether that came about in time.
  bool wait(std::chrono::milliseconds timeout) const;
  /// What stands in the way, for people; empty: nothing does. If another process has taken the id
  /// (superseded), or the registry refuses the instance, that is final.
  std::string trouble() const;
  /// What an operator has done to take the instance out, while that lasts. It stays registered
  /// (registered() is true), keeps its session, and comes back when the operator restores it. The
  /// process need not end for it; a new one under the same id would end it.
  std::optional<Withdrawal> withdrawn() const;

  /// Says how the instance is from now on; consumers call it only while it is Status::kUp. The
  /// registry believes that of every instance, the last one too. Returns at once: it is sent as
  /// soon as the instance is registered, and again wherever it is registered anew; of several in a
  /// row perhaps only the last. `text` is for people, to 512 bytes: more is cut off.
  void set_status(Status status, std::string_view text = {});

  /// Calls are to ask it before they are served.
  Guard& guard() const;

  struct Drained {
    bool seen = false;  ///< every consumer that watches has been told to call others
    bool idle = false;  ///< the calls that were let in are over
  };
  /// Leaves: has consumers told to call others, then lets no more calls in (Guard), waits for those
  /// under way, and takes the instance out of the registry. Late callers are turned away for half a
  /// second before it returns, so that none is cut off if the process ends then. Returns within
  /// `timeout` or little more.
  Drained drain(std::chrono::milliseconds timeout);

 private:
  friend class Client;
  explicit Registration(std::unique_ptr<sdk::RegistrationState> state);

  std::unique_ptr<sdk::RegistrationState> state_;
};

/// The way into a registry: finds services, and registers this process as an instance. It has one
/// thread of its own, and never makes a caller wait for the registry. Thread-safe.
///
///     callbook::Client client({.registry = "10.0.0.1:7070,10.0.0.2:7070"});
///     callbook::Service billing = client.service("billing");
///     auto registration =
///         client.register_instance({.service = "orders", .instance = {.port = 8080}});
///     if (auto pick = billing.pick()) use(pick->endpoint());
class Client {
 public:
  /// Throws std::invalid_argument, naming it, for an option that can't be right; not because no
  /// registry can be reached.
  explicit Client(ClientOptions options = {});
  /// What it has given out goes on working as far as it can without it: registrations altogether,
  /// services with the lists that they have.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Begins to follow a service, or goes on if it is followed already: then the options of the
  /// first call hold. Throws std::invalid_argument for an impossible name.
  Service service(const std::string& name, ServiceOptions options = {});

  /// Begins to register. Throws std::invalid_argument for an instance that can't be right.
  Registration register_instance(RegistrationOptions options);

 private:
  std::shared_ptr<sdk::ClientCore> core_;
};

}  // namespace callbook
