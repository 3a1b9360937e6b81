#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/service_view.h"
#include "sim/scheduler.h"
#include "sim/truth.h"

namespace callbook::sim {

/// One instance as a node lists it.
struct Listing {
  uint32_t rev = 0;
  ProcessNumber owner = kNobody;
  core::Stamp stamp;  ///< of its registration; grows in place when it is registered again unchanged
  int64_t since_ms = 0;                                  ///< listed without a break
  int64_t rev_since_ms = 0;                              ///< with this rev
  uint32_t weight = core::kDefaultWeight;                ///< effective
  core::InstanceState state = core::InstanceState::kUp;  ///< effective
};

/// Whether the state is what its provider says: then what a node believes of it does not show.
inline bool is_own_word(core::InstanceState state) {
  return state == core::InstanceState::kStarting || state == core::InstanceState::kNotReady ||
         state == core::InstanceState::kFailing;
}

/// What one publication changed about one instance.
struct ListChange {
  size_t node = 0;
  KeyIndex key = 0;
  std::optional<Listing> before;
  std::optional<Listing> after;
  core::Cause cause = core::Cause::kNone;  ///< of one that left, where the view tells
};

/// A list as it was published.
struct ShownList {
  uint64_t version = 0;
  uint64_t digest = 0;
  int64_t at_ms = 0;
};

/// What every node has published of every service, told apart by its processes.
class Listings {
 public:
  Listings(const Scheduler& scheduler, const Truth& truth, size_t nodes);

  /// A new process of the node has published nothing yet.
  void node_started(size_t index, uint64_t boot);
  void node_died(size_t index);

  /// Takes in a publication. Valid until the next call. `error()` says so if it can't be read.
  const std::vector<ListChange>& take(size_t index, const core::ServicePublished& change);
  const std::string& error() const { return error_; }

  std::optional<Listing> find(size_t index, KeyIndex key) const;
  uint64_t digest(size_t index, uint32_t service) const;
  size_t size(size_t index, uint32_t service) const;
  /// The service of the last publication.
  std::optional<uint32_t> last_service() const { return last_service_; }

  struct History {
    uint64_t boot = 0;
    std::vector<std::vector<ShownList>> services;  ///< by service, as they were published
  };
  /// Of this process of the node, or of one of the last before it; null of any other.
  const History* history(size_t index, uint64_t boot) const;
  /// Of the process that runs, or ran last.
  const History& history(size_t node) const { return nodes_[node].history; }
  const std::vector<History>& former(size_t node) const { return nodes_[node].former; }

 private:
  struct Entry {
    const core::Instance* instance;
    core::InstanceState state;
    KeyIndex key;
    Listing listing;
  };
  struct Shelf {
    core::ServiceViewPtr view;  ///< keeps the entries' instances alive
    std::vector<Entry> entries;
  };
  struct Node {
    std::vector<Shelf> shelves;        ///< by service
    std::vector<uint32_t> service_at;  ///< by the view's index
    std::vector<std::pair<bool, Listing>> by_key;
    History history;
    std::vector<History> former;  ///< the oldest first
  };

  /// What a node has sent may be on its way while it is started several times.
  static constexpr size_t kFormerKept = 8;

  void read_entries(const core::ServiceView& view, uint32_t service, const Shelf& before);
  bool read_listing(const core::ServiceView& view, const core::ListEntry& from, uint32_t service,
                    Entry& entry);
  void compare(size_t index, const Shelf& before, const core::ServiceView* view);
  void leave(size_t index, const Entry& entry);
  void find_causes(const core::ServiceView& before, const core::ServiceView& after);

  const Scheduler& scheduler_;
  const Truth& truth_;
  std::vector<Node> nodes_;
  std::vector<Entry> fresh_;
  std::vector<ListChange> changes_;
  std::optional<uint32_t> last_service_;
  std::string error_;
};

}  // namespace callbook::sim
