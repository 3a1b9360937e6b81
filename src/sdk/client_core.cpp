#include "sdk/client_core.h"

#include <stdexcept>

#include <fmt/format.h>

#include "sdk/native_client.h"
#include "sdk/registry_lookup.h"
#include "sdk/system_random.h"

namespace callbook::sdk {
namespace {

/// A client probes few: those that fail.
constexpr net::ProbeLimits kProbeLimits{256, 8, 10'000};
/// It reports to a few registries in its life; more are forgotten.
constexpr size_t kMaxReporters = 16;

RegistryPlace place_of(const std::string& registry) {
  auto place = parse_registry_place(registry);
  if (!place.ok()) throw std::invalid_argument(place.error().to_string());
  return std::move(*place);
}

Source source_of(const Watcher::Restored& known) {
  return known.source == Directory::Source::kCache ? Source::kCache : Source::kFallback;
}

}  // namespace

ClientCore::ClientCore(ClientOptions options)
    : options_(std::move(options)),
      place_(place_of(options_.registry)),
      door_(std::make_shared<LoopDoor>(loop_)),
      registries_(make_registry_pool(loop_, place_, system_random())),
      prober_(loop_, kProbeLimits),
      cache_(options_.cache_directory, loop_, [this](const std::string& what) { log(what); }) {
  thread_ = std::thread([this] { loop_.run(); });
}

ClientCore::~ClientCore() {
  door_->shut();
  loop_.stop();
  thread_.join();
  cache_.write_all();
  for (const auto& [key, state] : states_) {
    state->set_confirmed(0, 0);
    state->set_trouble("the client that followed it is gone");
  }
}

void ClientCore::log(const std::string& message) const {
  if (options_.log) options_.log(message);
}

std::shared_ptr<ServiceState> ClientCore::follow(const ServiceName& name, ServiceOptions options) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Key key(name.name_space, name.service);
  auto& state = states_[key];
  if (state != nullptr) return state;
  const auto tell = [this, key, door = door_](Feedback feedback) {
    door->post([this, key, feedback = std::move(feedback)] {
      const auto follower = followers_.find(key);
      if (follower != followers_.end()) follower->second->take(feedback);
    });
  };
  state = std::make_shared<ServiceState>(name, std::move(options), tell);
  auto follower = std::make_shared<ServiceFollower>(
      state, options_.zone, loop_, prober_,
      [this](const ServiceName& service, const std::string& id) { report(service, id); });
  Watcher::Restored known = cache_.read(name);
  if (known.source != Directory::Source::kCache) {
    for (const Instance& one : state->options().fallback) {
      known.list.put(std::make_shared<const Instance>(one));
    }
    known.source = Directory::Source::kStatic;
  }
  // Before the client's thread has it, it is this one's.
  if (!known.list.empty()) follower->take(known.list, source_of(known));
  state->set_confirmed(known.current_wall_ms, 0);
  state->set_trouble("no registry has answered yet");
  door_->post([this, key, follower = std::move(follower), known = std::move(known)]() mutable {
    add(key, std::move(follower), std::move(known));
  });
  return state;
}

void ClientCore::add(const Key& key, std::shared_ptr<ServiceFollower> follower,
                     Watcher::Restored restored) {
  auto& watch = watches_[key.first];
  if (watch == nullptr) {
    const NamespaceWatch::Links links{loop_, registries_, cache_,
                                      [this](const std::string& what) { log(what); }};
    watch = std::make_unique<NamespaceWatch>(links, key.first);
  }
  watch->add(*follower, std::move(restored));
  followers_.emplace(key, std::move(follower));
}

/// At whatever registry it is connected to, and once: the others learn of it if it proves right.
void ClientCore::report(const ServiceName& service, const std::string& id) {
  const Endpoint* registry = registries_->current();
  if (registry == nullptr) return;
  if (reporters_.size() >= kMaxReporters) reporters_.clear();
  auto& reporter = reporters_[registry->to_string()];
  if (reporter == nullptr) reporter = std::make_unique<NativeClient>(loop_, *registry);
  reporter->report(service, id, options_.name, [](const auto&) {});
}

}  // namespace callbook::sdk
