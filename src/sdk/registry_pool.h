#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sdk/backoff.h"
#include "sdk/endpoint.h"

namespace callbook::sdk {

/// Where registries are to be found, as a person wrote it.
struct RegistryPlace {
  enum class Kind : uint8_t {
    kListed,  ///< "HOST:PORT[,HOST:PORT...]"
    kDns,     ///< "dns:NAME[:PORT]": each address of the name is a registry
    kFile     ///< "file:/path": one HOST:PORT a line
  };
  Kind kind = Kind::kListed;
  std::vector<Endpoint> listed;  ///< of kListed
  Endpoint name;                 ///< of kDns: the name, and the port at its addresses
  std::string path;              ///< of kFile

  /// What was read, in the same words.
  std::string to_string() const;
};

/// kInvalid on field "registry", naming the part that is wrong.
base::Result<RegistryPlace> parse_registry_place(std::string_view text);

/// Reads the lines of such a file: one HOST:PORT each; blank lines and what follows a '#' are
/// passed over. kInvalid names the line; a file that names none is an error too.
base::Result<std::vector<Endpoint>> parse_registry_lines(std::string_view text);

/// The registries that a client may turn to, and whose turn it is. Shared by whatever in a process
/// talks to registries, so that all of it leaves one that fails. Knows no socket, file or clock;
/// not thread-safe.
///
/// The order is shuffled once, so that the clients of a cluster spread over it, and goes round.
/// Where the place must be looked up, that is done at the beginning and again each time that all of
/// the pool have failed in a row; what was known stays in use until an answer comes.
class RegistryPool {
 public:
  using Endpoints = std::vector<Endpoint>;
  using LookedUp = std::function<void(base::Result<Endpoints>)>;
  /// Asks where the registries are and calls back once, at once or later; what it calls may be
  /// gone by then only together with the lookup itself.
  using Lookup = std::function<void(LookedUp)>;
  using Listener = std::shared_ptr<std::function<void()>>;

  /// More than these are not learned: a registry must not fill the memory of its clients.
  static constexpr size_t kMaxLearned = 64;

  /// REQUIRES at least one endpoint.
  RegistryPool(Endpoints endpoints, Random random);
  /// `place` is for messages: "dns:registry.example".
  RegistryPool(std::string place, Lookup lookup, Random random);
  RegistryPool(const RegistryPool&) = delete;
  RegistryPool& operator=(const RegistryPool&) = delete;

  /// Whose turn it is; null while none is known.
  const Endpoint* current() const { return order_.empty() ? nullptr : &order_[turn_]; }
  /// How many take turns; 0 while none is known.
  size_t size() const { return order_.size(); }

  /// Nothing is known yet, and a lookup is under way: `listener` is called once when it has ended,
  /// if it still lives then.
  bool is_waiting() const { return order_.empty() && looking_; }
  void when_looked_up(const Listener& listener) { listeners_.push_back(listener); }

  /// A call to `used` failed: it is another's turn, unless somebody else has already moved on.
  void failed(const Endpoint& used, const base::Error& error);
  /// There was none to call: looks again.
  void found_none();
  /// A call to `used` succeeded for good.
  void succeeded(const Endpoint& used);

  /// The registry at `used` is of release 0.1: it refuses what it does not know of today's requests
  /// (docs/native-api.md, "Sessions"). Remembered until it fails, since it may come back as
  /// another.
  void found_old(const Endpoint& used);
  bool is_old(const Endpoint& endpoint) const;
  /// What failed since one last succeeded: "a:7070: Connection refused; b:7070: ..." .
  std::string tried() const;
  /// Why there is nobody to call; REQUIRES that current() is null.
  base::Error nobody() const;

  /// Adds what the registry at `from` named ("HOST:PORT" each). What can't be meant for us is
  /// passed over: no address, a wildcard, and this machine's own unless `from` is.
  void learned(const std::vector<std::string>& nodes, const Endpoint& from);

 private:
  struct Failure {
    Endpoint endpoint;
    std::string what;
  };

  void look_up();
  void looked_up(const base::Result<Endpoints>& found);
  void append(Endpoints endpoints);
  bool contains(const Endpoint& endpoint) const;
  void shuffle(Endpoints& endpoints);

  Random random_;
  std::string place_;
  Lookup lookup_;  ///< none: the place is a list
  Endpoints order_;
  Endpoints learned_;
  size_t turn_ = 0;
  size_t failures_in_row_ = 0;
  std::vector<Failure> failures_;  ///< the last of each, in the order of time
  Endpoints old_;
  bool looking_ = false;
  std::string lookup_error_;
  std::vector<std::weak_ptr<std::function<void()>>> listeners_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

using RegistryPoolPtr = std::shared_ptr<RegistryPool>;

/// A pool of one.
RegistryPoolPtr single_registry(const Endpoint& endpoint);

}  // namespace callbook::sdk
