#include "sdk/watcher.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "sdk/event_codec.h"
#include "sdk/native_client.h"

namespace callbook::sdk {

class Watcher::StreamReader final : public EventStream::Reader {
 public:
  explicit StreamReader(Watcher& watcher) : watcher_(watcher) {}
  void on_event(const ServerEvent& event) override { watcher_.on_event(event); }
  void on_closed(const base::Error& error) override { watcher_.on_closed(error); }

 private:
  Watcher& watcher_;
};

Watcher::Watcher(net::EventLoop& loop, Options options, Random random, Observer& observer)
    : loop_(loop),
      options_(std::move(options)),
      clock_(options_.clock == nullptr ? system_clock_ : *options_.clock),
      observer_(observer),
      registries_(*options_.registries),
      backoff_(random),
      refresh_backoff_(random, kFirstRefreshMs, kLargestRefreshMs),
      reader_(std::make_unique<StreamReader>(*this)) {
  for (const std::string& service : options_.services) {
    Followed& followed = followed_.emplace(service, Followed{Directory(service)}).first->second;
    const auto restored = options_.restored.find(service);
    if (restored == options_.restored.end()) continue;
    followed.directory.restore(restored->second.list, restored->second.source);
    followed.current_wall_ms = restored->second.current_wall_ms;
    followed.reported_largest = followed.directory.instances().largest();
  }
  if (registries_.current() != nullptr) {
    connect();
  } else {
    retry_ = loop_.after(0, [this] { connect(); });
  }
}

Watcher::~Watcher() = default;

const Directory* Watcher::find(const std::string& service) const {
  const auto at = followed_.find(service);
  return at == followed_.end() ? nullptr : &at->second.directory;
}

int64_t Watcher::current_wall_ms(const std::string& service) const {
  const auto at = followed_.find(service);
  return at == followed_.end() ? 0 : current_wall_ms(at->second);
}

int64_t Watcher::current_wall_ms(const Followed& followed) const {
  const bool whole = followed.directory.whole();
  return whole ? std::max(followed.current_wall_ms, complete_wall_ms_) : followed.current_wall_ms;
}

void Watcher::connect() {
  if (registries_.current() == nullptr) return await_registries();
  endpoint_ = *registries_.current();
  std::vector<WatchedService> services;
  const int64_t now_ms = now_wall_ms();
  for (auto& [service, followed] : followed_) {
    services.push_back(wanted(service, followed, now_ms));
  }
  connected_ = false;
  complete_ = false;
  good_since_ms_.reset();
  last_id_.clear();
  stream_ = std::make_unique<EventStream>(
      loop_, *endpoint_, watch_request(options_.name_space, options_.datacenter, services),
      options_.silence_ms, *reader_);
}

void Watcher::await_registries() {
  if (!registries_.is_waiting()) {
    const base::Error error = registries_.nobody();
    registries_.found_none();
    return retry(error);
  }
  listener_ = std::make_shared<std::function<void()>>([this] { connect(); });
  registries_.when_looked_up(listener_);
}

WatchedService Watcher::wanted(const std::string& service, Followed& followed,
                               int64_t now_wall_ms) {
  Directory& directory = followed.directory;
  directory.stream_lost();
  const bool dated = directory.source() == Directory::Source::kCache ||
                     directory.source() == Directory::Source::kRegistry;
  const int64_t age_ms = now_wall_ms - current_wall_ms(followed);
  if (dated && age_ms >= kRegistryMemoryMs) directory.may_be_forgotten();
  if (dated && age_ms >= kLargestMemoryMs) directory.forget_largest();
  if (!directory.can_resume()) return {service, std::nullopt};
  return {service, directory.instances().digest()};
}

void Watcher::on_event(const ServerEvent& event) {
  if (!std::exchange(connected_, true)) observer_.on_connected();
  const bool alive = event.name == "alive";
  const bool has_id = event.last_id != last_id_;
  last_id_ = event.last_id;
  if (event.name == "snapshot") {
    take(decode_snapshot(event.data));
  } else if (event.name == "delta") {
    take(decode_delta(event.data));
  } else if (event.name == "nodes" || event.name == "leaving") {
    const auto nodes = decode_leaving(event.data);
    if (nodes.ok()) registries_.learned(*nodes, *endpoint_);
  }
  if (stream_ && (alive || has_id)) on_complete();
}

/// The server says that all lists are up to date: by an id, or because it has nothing to send.
void Watcher::on_complete() {
  complete_wall_ms_ = now_wall_ms();
  if (!std::exchange(complete_, true)) {
    for (auto& [service, followed] : followed_) {
      if (!followed.directory.whole()) followed.directory.confirmed();
      if (followed.directory.whole()) report(followed, {});
    }
  }
  note_success();
}

template <typename Event>
void Watcher::take(base::Result<Event> event) {
  if (!event.ok()) return retry(event.error());
  const auto at = followed_.find(event->service);
  if (at == followed_.end()) return;  // not asked for
  Followed& followed = at->second;
  const int64_t current_before_ms = current_wall_ms(followed);
  const std::vector<Change> changes = followed.directory.take(std::move(*event));
  const Directory& directory = followed.directory;
  if (directory.dropped()) {
    followed.current_wall_ms = current_before_ms;
    return retry({base::ErrorCode::kCorrupt,
                  {},
                  fmt::format("{}: the list of {} is not taken over: {}", endpoint_->to_string(),
                              at->first, directory.complaint()),
                  {}});
  }
  if (directory.impaired()) {
    report(followed, changes);
    return note_impairment(followed);
  }
  if (!directory.whole()) return;
  followed.current_wall_ms = now_wall_ms();
  followed.impairment_told = false;
  note_success();
  report(followed, changes);
}

void Watcher::report(Followed& followed, const std::vector<Change>& changes) {
  const bool first = !std::exchange(followed.reported, true);
  const uint64_t largest = followed.directory.instances().largest();
  const bool resized = std::exchange(followed.reported_largest, largest) != largest;
  if (first || resized || !changes.empty()) observer_.on_change(followed.directory, changes);
}

void Watcher::note_impairment(Followed& followed) {
  if (!std::exchange(refresh_pending_, true)) {
    refresh_ = loop_.after(refresh_backoff_.next_ms(), [this] { refresh(); });
  }
  if (std::exchange(followed.impairment_told, true)) return;
  const Directory& directory = followed.directory;
  observer_.on_trouble(
      {base::ErrorCode::kCorrupt,
       {},
       fmt::format("{}: {} of the list of {} can't be read and {} left out: {}",
                   endpoint_->to_string(), directory.skipped(), directory.service(),
                   directory.skipped() == 1 ? "is" : "are", directory.complaint()),
       {}});
}

/// The stream was kept meanwhile: the rest of an impaired list goes on being followed.
void Watcher::refresh() {
  refresh_pending_ = false;
  const bool impaired = std::any_of(followed_.begin(), followed_.end(), [](const auto& entry) {
    return entry.second.directory.impaired();
  });
  if (!impaired) return refresh_backoff_.reset();
  if (!stream_) return;  // asked anew as soon as there is one
  stream_.reset();
  connect();
}

void Watcher::note_success() {
  if (good_since_ms_) return;
  const auto in_doubt = [](const auto& entry) {
    return !entry.second.directory.whole() && !entry.second.directory.impaired();
  };
  if (std::any_of(followed_.begin(), followed_.end(), in_doubt)) return;
  good_since_ms_ = clock_.now().mono_ms;
  registries_.succeeded(*endpoint_);
}

void Watcher::on_closed(const base::Error& error) {
  if (error.code == base::ErrorCode::kInvalid || error.code == base::ErrorCode::kLimit) {
    stream_.reset();
    return observer_.on_refused(error);
  }
  retry(error);
}

void Watcher::retry(base::Error error) {
  stream_.reset();
  if (endpoint_) {
    registries_.failed(*endpoint_, error);
    // While none of several answers, each is named with its reason.
    if (registries_.size() > 1 && error.code == base::ErrorCode::kIo) {
      error.detail = registries_.tried();
    }
  }
  const bool was_good =
      good_since_ms_ && clock_.now().mono_ms - *good_since_ms_ >= Backoff::kLargestMs;
  if (was_good) backoff_.reset();
  good_since_ms_.reset();
  const size_t servers = std::max<size_t>(registries_.size(), 1);
  retry_ = loop_.after(backoff_.next_ms(servers), [this] { connect(); });
  observer_.on_trouble(error);
}

}  // namespace callbook::sdk
