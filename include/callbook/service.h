#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "callbook/choice.h"
#include "callbook/instance.h"

namespace callbook {

namespace sdk {
class ServiceState;
struct Candidate;
}  // namespace sdk

/// What is wanted of one choice. Borrows everything for the call.
struct PickOptions {
  /// For Choice::kConsistentHash; empty: as if it were any key.
  std::string_view key = {};
  /// Only instances of which it says true. Called on the caller's thread; must not throw.
  const std::function<bool(const Instance&)>* filter = nullptr;
  /// Ids that were tried for this call already: taken only if there is no other.
  const std::vector<std::string>* avoid = nullptr;
};

/// An instance that was chosen for one call, and the place to say what came of the call. While it
/// exists the call counts as being under way. Movable, not copyable; used by one thread at a time.
/// It may outlive its Service and Client.
///
/// One that is destroyed without a word says nothing of the instance, or little: of one that has
/// failed before, four such calls count as one that succeeded.
class Pick {
 public:
  Pick(Pick&&) noexcept = default;
  Pick& operator=(Pick&& other) noexcept;
  ~Pick();

  const Instance& instance() const { return *instance_; }
  const std::string& id() const { return instance_->id; }
  /// "10.0.0.7:8080", "[::1]:8080"; with the named port, if one is named and registered.
  std::string endpoint(std::string_view port_name = {}) const;

  /// The instance has answered, whatever it said.
  void succeeded();
  /// It could not be reached, or did not answer in time: it is not chosen any more until it
  /// listens, then for one call at a time, and again like the others as calls to it succeed.
  /// `reason` is for people.
  void failed(const std::string& reason);
  /// It said that it does not take this call (Refusal): it is left alone for a moment.
  void refused();

 private:
  friend class sdk::ServiceState;
  Pick(std::shared_ptr<sdk::ServiceState> service, InstancePtr instance,
       std::shared_ptr<sdk::Candidate> candidate);
  void settle();
  void end_without_a_word();

  std::shared_ptr<sdk::ServiceState> service_;
  InstancePtr instance_;
  std::shared_ptr<sdk::Candidate> candidate_;  ///< null once it is over
  uint64_t period_ = 0;                        ///< of the candidate, as it was chosen
};

/// Where the list in force came from, the best last.
enum class Source : uint8_t {
  kNone,      ///< nothing is known
  kFallback,  ///< ServiceOptions::fallback
  kCache,     ///< the disk, from an earlier run
  kRegistry
};

struct ServiceOptions {
  std::string name_space = kDefaultNamespace;
  Choice choice = Choice::kLeastLoaded;
  /// In force while neither the registry nor the cache has said anything.
  std::vector<Instance> fallback = {};
  /// Of the calls within the last seconds: at most so many retries (callbook::call).
  double retry_share = 0.2;
};

/// A live view of one service: the list that the registry holds of it, and who of them can be
/// called as far as this process knows. A handle: copies are the same view. Everything is
/// thread-safe and answers from memory; pick() takes no lock and never waits for the registry. Goes
/// on working, from what it has, when there is no registry, and after its Client is gone.
class Service {
 public:
  const std::string& name() const;

  /// Chooses an instance for a call; nothing: there is none to call (trouble() says why).
  std::optional<Pick> pick(const PickOptions& options = {}) const;

  /// All of the list in force, also those that can't be called, by id.
  std::vector<InstancePtr> instances() const;
  Source source() const;
  /// How long ago the registry last confirmed the list; 0 while it is being watched; nothing if it
  /// never has.
  std::optional<std::chrono::milliseconds> age() const;
  /// Waits until a list from the cache or the registry is in force; whether there is one.
  bool wait(std::chrono::milliseconds timeout) const;
  /// What stands in the way, for people; empty: nothing does. Also why none of the instances that
  /// are listed may be called.
  std::string trouble() const;

  /// Calls `changed` after each change of the list, on the client's own thread: it must be quick,
  /// and must not destroy the Client. Until the result is destroyed, which waits for a call under
  /// way unless it is made in it.
  using Subscription = std::shared_ptr<void>;
  [[nodiscard]] Subscription on_change(std::function<void(const Service& service)> changed) const;

 private:
  friend class Client;
  friend struct CallAccess;
  explicit Service(std::shared_ptr<sdk::ServiceState> state);

  std::shared_ptr<sdk::ServiceState> state_;
};

}  // namespace callbook
