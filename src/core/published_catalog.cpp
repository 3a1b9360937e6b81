#include "core/published_catalog.h"

#include <algorithm>

#include "base/check.h"

namespace callbook::core {
namespace {

const ServiceViewPtr kNoView;

}  // namespace

Subscriber::~Subscriber() {
  if (catalog_ != nullptr) catalog_->unsubscribe(*this);
}

PublishedCatalog::PublishedCatalog() = default;

PublishedCatalog::~PublishedCatalog() {
  CALLBOOK_CHECK(subscriptions_ == 0);
}

const ServiceViewPtr& PublishedCatalog::find(ServiceKeyView key) const {
  const auto found = index_of_.find(key);
  return found == index_of_.end() ? kNoView : views_[found->second];
}

void PublishedCatalog::apply(const Publication& publication) {
  CALLBOOK_CHECK(due_.empty());
  for (const ServicePublished& published : publication) {
    if (published.index >= views_.size()) views_.resize(published.index + 1);
    ServiceViewPtr& place = views_[published.index];
    if (!published.view) {
      // Another service of that name may stand elsewhere by now.
      const auto named = place ? index_of_.find(place->key) : index_of_.end();
      if (named != index_of_.end() && named->second == published.index) index_of_.erase(named);
      place.reset();
      continue;
    }
    if (!place) index_of_.insert_or_assign(published.view->key, published.index);
    place = published.view;
    version_ = std::max(version_, place->version);
    const auto watched = watched_.find(published.view->key);
    if (watched != watched_.end()) note(*watched->second);
  }
  // By index: calling one subscriber may destroy others, which then clear their place.
  for (size_t i = 0; i < due_.size(); ++i) {
    Subscriber* subscriber = due_[i];
    if (subscriber == nullptr) continue;
    subscriber->due_ = SIZE_MAX;
    subscriber->on_publication();
  }
  due_.clear();
}

void PublishedCatalog::note(Watched& watched) {
  for (const Entry& entry : watched.entries) {
    entry.subscriber->on_changed(entry.token);
    if (entry.subscriber->due_ != SIZE_MAX) continue;
    entry.subscriber->due_ = due_.size();
    due_.push_back(entry.subscriber);
  }
}

uint32_t PublishedCatalog::subscribe(const ServiceKey& key, Subscriber& subscriber) {
  CALLBOOK_CHECK(subscriber.catalog_ == nullptr || subscriber.catalog_ == this);
  subscriber.catalog_ = this;
  auto& watched = watched_[key];
  if (!watched) {
    watched = std::make_unique<Watched>();
    watched->key = key;
  }
  const auto token = static_cast<uint32_t>(subscriber.places_.size());
  subscriber.places_.push_back({watched.get(), static_cast<uint32_t>(watched->entries.size())});
  watched->entries.push_back({&subscriber, token});
  ++subscriptions_;
  return token;
}

size_t PublishedCatalog::unseen(ServiceKeyView key, uint64_t version) const {
  const auto watched = watched_.find(key);
  const ServiceViewPtr& view = find(key);
  if (watched == watched_.end() || !view) return 0;
  const uint64_t wanted = std::min(version, view->version);
  const auto& entries = watched->second->entries;
  return static_cast<size_t>(std::count_if(
      entries.begin(), entries.end(),
      [wanted](const Entry& entry) { return !entry.subscriber->has_seen(entry.token, wanted); }));
}

void PublishedCatalog::unsubscribe(Subscriber& subscriber) {
  for (const Subscriber::Place& place : subscriber.places_) {
    auto& watched = *static_cast<Watched*>(place.watched);
    const Entry last = watched.entries.back();
    watched.entries[place.position] = last;
    last.subscriber->places_[last.token].position = place.position;
    watched.entries.pop_back();
    --subscriptions_;
    if (watched.entries.empty()) watched_.erase(ServiceKey(watched.key));
  }
  if (subscriber.due_ != SIZE_MAX) due_[subscriber.due_] = nullptr;
}

}  // namespace callbook::core
