#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/key.h"
#include "core/service_view.h"

namespace callbook::core {

class PublishedCatalog;

/// Somebody on this thread who wants to know when services change. Destroying it unsubscribes.
class Subscriber {
 public:
  Subscriber() = default;
  virtual ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  /// The service subscribed under `token` has a new view. Only take note: others change with it.
  virtual void on_changed(uint32_t token) = 0;
  /// All changes of a publication have been noted. May destroy this or other subscribers.
  virtual void on_publication() = 0;
  /// Whether whoever is behind it has been sent the service under `token` as it is at `version`, or
  /// a later one.
  virtual bool has_seen(uint32_t token, uint64_t version) const = 0;

 private:
  friend class PublishedCatalog;
  struct Place {
    void* watched;
    uint32_t position;
  };
  PublishedCatalog* catalog_ = nullptr;
  std::vector<Place> places_;  ///< index: token
  size_t due_ = SIZE_MAX;      ///< place in the list of those to call
};

/// One thread's copy of the published catalog, and who on this thread watches it. The running node
/// feeds every copy from the one core by apply(); front-ends read their own without locks.
/// Not thread-safe.
class PublishedCatalog {
 public:
  PublishedCatalog();
  ~PublishedCatalog();
  PublishedCatalog(const PublishedCatalog&) = delete;
  PublishedCatalog& operator=(const PublishedCatalog&) = delete;

  /// Takes in new views, then calls the subscribers of what changed, each once, in the order in
  /// which they first became due.
  void apply(const Publication& publication);

  /// The present view, or nullptr if the service is not known.
  const ServiceViewPtr& find(ServiceKeyView key) const;
  /// Calls `visit(view)` for every known service, in no particular order.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const ServiceViewPtr& view : views_) {
      if (view) visit(view);
    }
  }
  uint32_t slots() const { return static_cast<uint32_t>(views_.size()); }
  const ServiceViewPtr& at(uint32_t slot) const { return views_[slot]; }
  size_t service_count() const { return index_of_.size(); }
  /// The highest version that any view has had.
  uint64_t version() const { return version_; }

  /// Subscribes to one more service, known or not; returns the token (0, 1, 2, … by subscriber).
  uint32_t subscribe(const ServiceKey& key, Subscriber& subscriber);
  size_t subscriptions() const { return subscriptions_; }
  /// How many subscribers of the service have not been sent it as it is at `version` or later. A
  /// version that changed nothing for consumers counts as seen.
  size_t unseen(ServiceKeyView key, uint64_t version) const;

 private:
  friend class Subscriber;
  struct Entry {
    Subscriber* subscriber;
    uint32_t token;
  };
  struct Watched {
    ServiceKey key;
    std::vector<Entry> entries;
  };

  void unsubscribe(Subscriber& subscriber);
  void note(Watched& watched);

  std::vector<ServiceViewPtr> views_;  ///< by ServiceView::index
  std::unordered_map<ServiceKey, uint32_t, ServiceKeyHash, ServiceKeyEqual>
      index_of_;  // lookup only
  std::unordered_map<ServiceKey, std::unique_ptr<Watched>, ServiceKeyHash, ServiceKeyEqual>
      watched_;  // lookup only
  std::vector<Subscriber*> due_;
  size_t subscriptions_ = 0;
  uint64_t version_ = 0;
};

}  // namespace callbook::core
