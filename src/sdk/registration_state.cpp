#include "sdk/registration_state.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sdk/native_client.h"
#include "sdk/status_text.h"
#include "sdk/system_random.h"

namespace callbook::sdk {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// The registry's own limit of a drain.
constexpr milliseconds kLongestDrain{3'600'000};

/// From the moment the door is shut until this process may go. A caller that has not been told is
/// turned away in that time, and then leaves it alone for longer (LocalHealthRule::rest_ms): none
/// is cut off when the connections end.
constexpr milliseconds kFarewell{500};

/// "an operator has taken it out (drain by alice: bad disk)".
std::string text_of(const Withdrawal& withdrawal) {
  const std::string why = withdrawal.reason.empty() ? "" : ": " + withdrawal.reason;
  return fmt::format("an operator has taken it out ({} by {}{}); `callbook restore` ends that",
                     withdrawal.action, withdrawal.by, why);
}

milliseconds left_until(Clock::time_point end) {
  return std::max(std::chrono::duration_cast<milliseconds>(end - Clock::now()), milliseconds(0));
}

}  // namespace

/// What both threads see.
struct RegistrationState::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  bool registered = false;
  bool finished = false;
  std::string trouble = "no registry has answered yet";
  std::string status_trouble;
  std::optional<Withdrawal> withdrawn;

  template <typename Change>
  void set(Change&& change) {
    const std::lock_guard<std::mutex> lock(mutex);
    change();
    changed.notify_all();
  }
};

/// The side on the client's thread.
class RegistrationState::Keeper final : public RegistrationKeeper::Owner {
 public:
  using OnEvent = std::function<void(const RegistrationEvent&)>;

  Keeper(ClientCore& core, std::shared_ptr<Shared> shared, OnEvent on_event)
      : core_(core), shared_(std::move(shared)), on_event_(std::move(on_event)) {}

  void begin(RegistrationKeeper::Options options) {
    keeper_ = std::make_unique<RegistrationKeeper>(core_.loop(), std::move(options),
                                                   system_random(), *this);
  }
  /// Ends with on_finished().
  void stop() {
    if (keeper_ != nullptr) keeper_->stop();
  }
  void end() {
    keeper_.reset();
    client_.reset();
  }
  void set_status(ProviderStatus status) {
    if (keeper_ != nullptr) keeper_->set_status(0, std::move(status));
  }

  /// Asks for the drain at the registry that is in use.
  void drain(const ServiceName& service, const std::string& id, milliseconds time,
             std::function<void(bool seen)> done) {
    const Endpoint* registry = core_.registries()->current();
    if (registry == nullptr) return done(false);
    client_ = std::make_unique<NativeClient>(core_.loop(), *registry);
    client_->remove(service, id, {}, {time.count(), Until::kSeen},
                    [done](const base::Result<RemovalAnswer>& answer) {
                      done(answer.ok() && answer->unseen + answer->unreached == 0);
                    });
  }

 private:
  void on_registered() override {
    shared_->set([&] {
      shared_->registered = true;
      shared_->trouble.clear();
    });
  }
  void on_trouble(const base::Error& error) override {
    core_.log(fmt::format("registration: {}", error.to_string()));
    shared_->set([&] {
      shared_->registered = false;
      shared_->trouble = error.to_string();
    });
  }
  void on_withdrawn(size_t, const Withdrawal& withdrawal) override {
    core_.log(fmt::format("registration: {}", text_of(withdrawal)));
    shared_->set([&] { shared_->withdrawn = withdrawal; });
    tell({RegistrationEvent::Kind::kWithdrawn, withdrawal});
  }
  void on_restored(size_t) override {
    core_.log("registration: it is no longer kept out by an operator");
    shared_->set([&] { shared_->withdrawn.reset(); });
    tell({RegistrationEvent::Kind::kRestored, {}});
  }
  void on_status_refused(size_t, const base::Error& error) override {
    const std::string what = "its status is not taken: " + error.to_string();
    core_.log(fmt::format("registration: {}", what));
    shared_->set([&] { shared_->status_trouble = what; });
  }
  void on_finished(const base::Status& status) override {
    if (!status.ok()) core_.log(fmt::format("registration: {}", status.error().to_string()));
    shared_->set([&] {
      shared_->registered = false;
      shared_->finished = true;
      if (!status.ok()) shared_->trouble = status.error().to_string();
    });
    const bool superseded = !status.ok() && status.error().code == base::ErrorCode::kSuperseded;
    if (superseded) tell({RegistrationEvent::Kind::kSuperseded, {}});
  }
  void tell(const RegistrationEvent& event) const {
    if (on_event_) on_event_(event);
  }

  ClientCore& core_;
  const std::shared_ptr<Shared> shared_;
  const OnEvent on_event_;
  std::unique_ptr<RegistrationKeeper> keeper_;
  std::unique_ptr<NativeClient> client_;
};

RegistrationState::RegistrationState(std::shared_ptr<ClientCore> core, RegistrationOptions options,
                                     Guard guard)
    : core_(std::move(core)),
      service_{options.name_space, options.service},
      instance_(std::move(options.instance)),
      drain_timeout_(options.drain_timeout),
      guard_(std::move(guard)),
      shared_(std::make_shared<Shared>()),
      keeper_(std::make_shared<Keeper>(*core_, shared_, std::move(options.on_event))) {
  if (options.status == Status::kUp) guard_.set_ready();
  RegistrationKeeper::Options wanted;
  wanted.registries = core_->registries();
  wanted.client = core_->options().name;
  wanted.entries = {{service_, instance_, options.status}};
  wanted.ttl_ms = options.ttl_ms;
  wanted.take_over = options.take_over;
  core_->door()->post([keeper = keeper_, wanted = std::move(wanted)]() mutable {
    keeper->begin(std::move(wanted));
  });
}

RegistrationState::~RegistrationState() {
  // What is on the client's thread ends there, before the thread can.
  const auto shared = shared_;
  shared->set([&] { shared->finished = false; });
  const bool posted = core_->door()->post([keeper = keeper_, shared] {
    keeper->end();
    shared->set([&] { shared->finished = true; });
  });
  if (!posted) return;
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->changed.wait(lock, [&] { return shared->finished; });
}

bool RegistrationState::registered() const {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  return shared_->registered;
}

bool RegistrationState::wait(milliseconds timeout) const {
  std::unique_lock<std::mutex> lock(shared_->mutex);
  shared_->changed.wait_for(lock, timeout,
                            [&] { return shared_->registered || shared_->finished; });
  return shared_->registered;
}

std::string RegistrationState::trouble() const {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  std::string all = shared_->trouble;
  const auto add = [&all](const std::string& what) {
    if (!what.empty()) all += (all.empty() ? "" : "; ") + what;
  };
  if (shared_->withdrawn) add(text_of(*shared_->withdrawn));
  add(shared_->status_trouble);
  return all;
}

std::optional<Withdrawal> RegistrationState::withdrawn() const {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  return shared_->withdrawn;
}

void RegistrationState::set_status(Status status, std::string_view text) {
  if (status == Status::kUp) guard_.set_ready();
  shared_->set([this] { shared_->status_trouble.clear(); });
  ProviderStatus wanted{status, status_text(text)};
  core_->door()->post([keeper = keeper_, wanted = std::move(wanted)]() mutable {
    keeper->set_status(std::move(wanted));
  });
}

Registration::Drained RegistrationState::drain(milliseconds timeout) {
  drained_ = true;
  const auto end = Clock::now() + timeout;
  Registration::Drained drained;
  // Those who have not been told yet are still let in, so that nobody is turned away before there
  // is somebody else to turn to.
  // Some time is kept for the farewell, which matters most if the registry does not answer.
  drained.seen = registered() && tell_consumers(timeout - std::min(kFarewell, timeout / 2));
  guard_.drain();
  const auto farewell = std::min(Clock::now() + kFarewell, end);
  drained.idle = guard_.wait_idle(left_until(end));
  stop(std::max(left_until(end), milliseconds(1'000)));
  turn_away_until(farewell);
  return drained;
}

void RegistrationState::turn_away_until(Clock::time_point end) const {
  std::unique_lock<std::mutex> lock(shared_->mutex);
  shared_->changed.wait_until(lock, end, [] { return false; });  // the guard does the work
}

bool RegistrationState::tell_consumers(milliseconds timeout) {
  struct Answer {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<bool> seen;
  };
  const auto answer = std::make_shared<Answer>();
  // It stays listed as draining for longer than it needs: it is taken out by stop().
  const milliseconds time = std::clamp(timeout, milliseconds(1'000), kLongestDrain);
  core_->door()->post([keeper = keeper_, service = service_, id = instance_.id, time, answer] {
    keeper->drain(service, id, time, [answer](bool seen) {
      const std::lock_guard<std::mutex> lock(answer->mutex);
      answer->seen = seen;
      answer->came.notify_all();
    });
  });
  std::unique_lock<std::mutex> lock(answer->mutex);
  answer->came.wait_for(lock, timeout, [&] { return answer->seen.has_value(); });
  return answer->seen.value_or(false);
}

void RegistrationState::stop(milliseconds timeout) {
  core_->door()->post([keeper = keeper_] { keeper->stop(); });
  std::unique_lock<std::mutex> lock(shared_->mutex);
  shared_->changed.wait_for(lock, timeout, [&] { return shared_->finished; });
}

}  // namespace callbook::sdk
