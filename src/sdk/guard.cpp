#include "callbook/guard.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

namespace callbook {
namespace {

constexpr std::array<std::string_view, 3> kNames = {"not_ready", "draining", "not_served"};

}  // namespace

std::string_view name_of(Refusal refusal) {
  return kNames[static_cast<size_t>(refusal)];
}

std::optional<Refusal> refusal_from(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Refusal>(found - kNames.begin());
}

struct Guard::Admission::State {
  std::vector<std::string> services;
  std::atomic<bool> ready{false};
  std::atomic<bool> draining{false};
  std::atomic<uint32_t> in_flight{0};
  std::mutex mutex;
  std::condition_variable idle;

  void leave() {
    if (in_flight.fetch_sub(1) != 1 || !draining.load()) return;
    const std::lock_guard<std::mutex> lock(mutex);  // so that who is about to wait is waiting
    idle.notify_all();
  }

  bool serves(std::string_view service, std::string_view group) const {
    if (services.empty() || service.empty()) return true;
    return std::any_of(services.begin(), services.end(), [&](std::string_view one) {
      const size_t slash = one.find('/');
      if (one.substr(0, slash) != service) return false;
      return slash == std::string_view::npos || group.empty() || one.substr(slash + 1) == group;
    });
  }
};

Guard::Guard(std::vector<std::string> services) : state_(std::make_shared<Admission::State>()) {
  state_->services = std::move(services);
}

Guard::Admission::~Admission() {
  if (counted_) counted_->leave();
}

Guard::Admission Guard::admit(std::string_view service, std::string_view group) const {
  if (!state_->serves(service, group)) return Admission(Refusal::kNotServed);
  if (!state_->ready.load()) return Admission(Refusal::kNotReady);
  // Counted before the door is looked at: whoever shuts it and then sees no call has seen them all.
  state_->in_flight.fetch_add(1);
  Admission counted(state_);
  if (state_->draining.load()) return Admission(Refusal::kDraining);
  return counted;
}

void Guard::set_ready() {
  state_->ready.store(true);
}

void Guard::drain() {
  state_->draining.store(true);
}

bool Guard::draining() const {
  return state_->draining.load();
}

uint32_t Guard::in_flight() const {
  return state_->in_flight.load();
}

bool Guard::wait_idle(std::chrono::milliseconds timeout) const {
  std::unique_lock<std::mutex> lock(state_->mutex);
  return state_->idle.wait_for(lock, timeout, [&] { return state_->in_flight.load() == 0; });
}

}  // namespace callbook
