#include "sdk/namespace_watch.h"

#include <utility>

#include <fmt/format.h>

#include "sdk/system_random.h"

namespace callbook::sdk {
namespace {

/// Services that are asked for one after another are added together.
constexpr int64_t kGatherMs = 5;
/// How often the age of the lists is looked at.
constexpr int64_t kConfirmMs = 1'000;

}  // namespace

NamespaceWatch::NamespaceWatch(Links links, std::string name_space)
    : links_(std::move(links)), name_space_(std::move(name_space)) {
  confirming_ = links_.loop.every(kConfirmMs, [this] { confirm(); });
}

NamespaceWatch::~NamespaceWatch() = default;

void NamespaceWatch::add(ServiceFollower& follower, Watcher::Restored restored) {
  const std::string& service = follower.state().name().service;
  followers_.emplace(service, &follower);
  new_.emplace(service, std::move(restored));
  if (begin_ == nullptr) begin_ = links_.loop.after(kGatherMs, [this] { begin(); });
}

void NamespaceWatch::begin() {
  begin_.reset();
  Watcher::Options options;
  options.registries = links_.registries;
  options.name_space = name_space_;
  options.restored = known();
  for (const auto& [service, follower] : followers_) options.services.push_back(service);
  new_.clear();
  connected_ = false;
  watcher_.reset();
  watcher_ = std::make_unique<Watcher>(links_.loop, std::move(options), system_random(), *this);
}

std::map<std::string, Watcher::Restored> NamespaceWatch::known() const {
  std::map<std::string, Watcher::Restored> all = new_;
  for (const auto& [service, follower] : followers_) {
    const Directory* directory = watcher_ == nullptr ? nullptr : watcher_->find(service);
    if (directory == nullptr || !directory->can_resume()) continue;
    all[service] = {directory->instances(), Directory::Source::kCache,
                    watcher_->current_wall_ms(service)};
  }
  return all;
}

void NamespaceWatch::on_change(const Directory& directory, const std::vector<Change>&) {
  ServiceFollower& follower = *followers_.at(directory.service());
  const int64_t current_wall_ms =
      watcher_ == nullptr ? 0 : watcher_->current_wall_ms(directory.service());
  // Before the list: who is told of that may ask how old it is.
  follower.state().set_confirmed(current_wall_ms, watcher_ ? watcher_->heard_mono_ms() : 0);
  follower.take(directory.instances(), Source::kRegistry);
  // One that lacks records which could not be read is for this process alone.
  if (directory.can_resume()) {
    links_.cache.put(follower.state().name(), directory.instances(), current_wall_ms);
  }
}

void NamespaceWatch::on_connected() {
  connected_ = true;
  set_trouble({});
}

void NamespaceWatch::on_trouble(const base::Error& error) {
  connected_ = error.code == base::ErrorCode::kCorrupt && connected_;
  const std::string tried = links_.registries->tried();
  const std::string what = tried.empty() ? error.to_string() : "tried " + tried;
  set_trouble(what);
  links_.log(fmt::format("registry: {}", what));
}

void NamespaceWatch::on_refused(const base::Error& error) {
  connected_ = false;
  set_trouble("the registry refuses to be watched: " + error.to_string());
  links_.log(fmt::format("registry: the watch is refused: {}", error.to_string()));
}

void NamespaceWatch::set_trouble(const std::string& what) {
  for (const auto& [service, follower] : followers_) follower->state().set_trouble(what);
  confirm();
}

void NamespaceWatch::confirm() {
  if (watcher_ == nullptr) return;
  for (const auto& [service, follower] : followers_) {
    const Directory* directory = watcher_->find(service);
    if (directory == nullptr) continue;
    const int64_t current_wall_ms = watcher_->current_wall_ms(service);
    const bool watching = connected_ && directory->whole();
    follower->state().set_confirmed(current_wall_ms, watching ? watcher_->heard_mono_ms() : 0);
    links_.cache.confirm(follower->state().name(), current_wall_ms);
  }
}

}  // namespace callbook::sdk
