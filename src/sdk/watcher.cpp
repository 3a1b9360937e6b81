#include "sdk/watcher.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

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
      observer_(observer),
      backoff_(std::move(random)),
      reader_(std::make_unique<StreamReader>(*this)) {
  for (const std::string& service : options_.services) {
    followed_.emplace(service, Followed{Directory(service), {}, false});
  }
  connect();
}

Watcher::~Watcher() = default;

void Watcher::connect() {
  std::vector<WatchedService> wanted;
  for (auto& [service, followed] : followed_) {
    followed.directory.stream_lost();
    const bool holds = followed.directory.known() && !followed.directory.mismatch();
    wanted.push_back({service, std::nullopt});
    if (holds) wanted.back().digest = followed.directory.instances().digest();
  }
  connected_ = false;
  stream_ = std::make_unique<EventStream>(loop_, options_.endpoint,
                                          watch_request(options_.name_space, wanted),
                                          options_.silence_ms, *reader_);
}

void Watcher::on_event(const ServerEvent& event) {
  if (!std::exchange(connected_, true)) observer_.on_connected();
  if (event.name == "snapshot") {
    take(decode_snapshot(event.data));
  } else if (event.name == "delta") {
    take(decode_delta(event.data));
  } else if (event.name == "alive") {
    note_success();
  }
}

template <typename Event>
void Watcher::take(base::Result<Event> event) {
  if (!event.ok()) return retry(event.error());
  const auto at = followed_.find(event->service);
  if (at == followed_.end()) return;  // not asked for
  Followed& followed = at->second;
  std::vector<Change> changes = followed.directory.take(std::move(*event));
  followed.unreported.insert(followed.unreported.end(), std::make_move_iterator(changes.begin()),
                             std::make_move_iterator(changes.end()));
  if (followed.directory.mismatch()) {
    return retry({base::ErrorCode::kCorrupt,
                  {},
                  fmt::format("the list of {} does not agree with its digest", at->first),
                  {}});
  }
  if (!followed.directory.whole()) return;
  note_success();
  const bool first = !std::exchange(followed.reported, true);
  changes = std::exchange(followed.unreported, {});
  if (first || !changes.empty()) observer_.on_change(followed.directory, changes);
}

void Watcher::note_success() {
  if (backoff_.is_fresh()) return;
  const auto in_doubt = [](const auto& entry) {
    return !entry.second.directory.whole() || entry.second.directory.mismatch();
  };
  if (std::none_of(followed_.begin(), followed_.end(), in_doubt)) backoff_.reset();
}

void Watcher::on_closed(const base::Error& error) {
  if (error.code == base::ErrorCode::kInvalid || error.code == base::ErrorCode::kLimit) {
    stream_.reset();
    return observer_.on_refused(error);
  }
  retry(error);
}

void Watcher::retry(const base::Error& error) {
  stream_.reset();
  retry_ = loop_.after(backoff_.next_ms(), [this] { connect(); });
  observer_.on_trouble(error);
}

}  // namespace callbook::sdk
