#include "sdk/registration_state.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "sdk/native_client.h"
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
  Keeper(ClientCore& core, std::shared_ptr<Shared> shared)
      : core_(core), shared_(std::move(shared)) {}

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
  void on_finished(const base::Status& status) override {
    if (!status.ok()) core_.log(fmt::format("registration: {}", status.error().to_string()));
    shared_->set([&] {
      shared_->registered = false;
      shared_->finished = true;
      if (!status.ok()) shared_->trouble = status.error().to_string();
    });
  }

  ClientCore& core_;
  const std::shared_ptr<Shared> shared_;
  std::unique_ptr<RegistrationKeeper> keeper_;
  std::unique_ptr<NativeClient> client_;
};

RegistrationState::RegistrationState(std::shared_ptr<ClientCore> core, ServiceName service,
                                     Instance instance, int64_t ttl_ms, Guard guard,
                                     milliseconds drain_timeout)
    : core_(std::move(core)),
      service_(std::move(service)),
      instance_(std::move(instance)),
      drain_timeout_(drain_timeout),
      guard_(std::move(guard)),
      shared_(std::make_shared<Shared>()),
      keeper_(std::make_shared<Keeper>(*core_, shared_)) {
  guard_.set_ready();
  RegistrationKeeper::Options options;
  options.registries = core_->registries();
  options.client = core_->options().name;
  options.entries = {{service_, instance_}};
  options.ttl_ms = ttl_ms;
  core_->door()->post([keeper = keeper_, options = std::move(options)]() mutable {
    keeper->begin(std::move(options));
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
  return shared_->trouble;
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
