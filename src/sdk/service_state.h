#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "callbook/service.h"

#include "sdk/native_client.h"
#include "sdk/read_mostly.h"
#include "sdk/retry_budget.h"
#include "sdk/selection.h"

namespace callbook::sdk {

/// What a pick says of its instance.
struct Feedback {
  enum class Kind : uint8_t { kSucceeded, kFailed, kRefused, kEnded };
  Kind kind = Kind::kFailed;
  InstancePtr instance;
  uint64_t period = 0;  ///< Candidate::period, as it was when the instance was chosen
  std::string reason;
};

/// What the users of a service see of it: the side of it that any thread may touch. The client's
/// thread publishes (ServiceFollower); everything else is for everybody.
class ServiceState : public std::enable_shared_from_this<ServiceState> {
 public:
  /// All that belongs to one moment.
  struct View {
    Selection selection;
    std::vector<InstancePtr> instances;  ///< the whole list, by id
    Source source = Source::kNone;
    std::string none_is_callable;  ///< why; empty: some are
  };
  /// Takes what picks say to the client's thread, as long as there is one. Thread-safe.
  using TellClient = std::function<void(Feedback)>;

  ServiceState(ServiceName name, ServiceOptions options, TellClient tell);

  const ServiceName& name() const { return name_; }
  const ServiceOptions& options() const { return options_; }
  RetryBudget& retry_budget() { return budget_; }

  std::optional<Pick> pick(const PickOptions& options);
  std::vector<InstancePtr> instances() const;
  Source source() const;
  std::optional<std::chrono::milliseconds> age() const;
  bool wait(std::chrono::milliseconds timeout) const;
  std::string trouble() const;
  std::shared_ptr<void> on_change(std::function<void()> changed);
  /// Until the next change of whom can be called, or for `most_ms`.
  void await_change(int64_t most_ms) const;
  void tell(Feedback feedback) const { tell_(std::move(feedback)); }

  // The client's thread.
  void publish(std::unique_ptr<const View> view);
  uint32_t next_turn() const;
  void call_subscribers();
  void set_trouble(std::string trouble);
  /// When the registry last confirmed the list; `watching`: it still does.
  void set_confirmed(int64_t wall_ms, bool watching);

 private:
  struct Subscriber {
    std::recursive_mutex calling;  ///< held while it is called
    std::function<void()> changed;
    bool over = false;
  };

  const Member* choose(const View& view, const Wanted& wanted) const;

  const ServiceName name_;
  const ServiceOptions options_;
  const TellClient tell_;
  RetryBudget budget_;
  ReadMostly<View> view_;
  std::atomic<int64_t> confirmed_wall_ms_{0};  ///< 0: never
  std::atomic<bool> watching_{false};
  mutable std::mutex mutex_;
  mutable std::condition_variable known_;
  std::string trouble_;                                   // under mutex_
  std::vector<std::shared_ptr<Subscriber>> subscribers_;  // under mutex_
};

}  // namespace callbook::sdk
