#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/cause.h"

namespace callbook::core {

/// What happened to one instance at one version.
struct Change {
  enum class Kind : uint8_t {
    kPut,    ///< it came, or its content changed
    kState,  ///< only its state changed
    kGone
  };
  uint64_t version = 0;
  std::string id;
  Cause cause = Cause::kNone;
  Kind kind = Kind::kPut;
};

/// The latest changes of a service, as a reader holds them: immutable, shared with core, which goes
/// on appending behind the part that is visible here. It covers every change above `floor()`.
class DeltaWindow {
 public:
  uint64_t floor() const { return floor_; }

  /// Calls `visit(change)` for each change above `version`, oldest first. REQUIRES version >=
  /// floor().
  template <typename Visit>
  void for_each_after(uint64_t version, Visit&& visit) const {
    for (const Part* part : {&older_, &newer_}) {
      const Change* const end = part->changes.get() + part->count;
      const Change* at = std::upper_bound(
          static_cast<const Change*>(part->changes.get()), end, version,
          [](uint64_t wanted, const Change& change) { return wanted < change.version; });
      for (; at != end; ++at) visit(*at);
    }
  }

 private:
  friend class DeltaRecorder;
  struct Part {
    std::shared_ptr<Change[]> changes;
    uint32_t count = 0;
  };
  Part older_;
  Part newer_;
  uint64_t floor_ = 0;
};

/// What is to be told of one id.
struct LastChange {
  const Change* change = nullptr;  ///< the last one; valid as long as the window
  /// kPut also where only the last change is of the state alone.
  Change::Kind kind = Change::Kind::kPut;
  /// Who was told this, and all that stands before it, has all changes through this version: of a
  /// put whose state changed since, that of the put. (Told at the later version, it would be left
  /// out for whoever is cut off between the two, and then be told of the state alone.)
  uint64_t version = 0;
};
/// What is to be told of the changes above `from`, once of each id, in the order of versions.
std::vector<LastChange> last_changes(const DeltaWindow& window, uint64_t from);

/// Core's end of the window: two generations of fixed size. When the newer one is full it becomes
/// the older one and the older one is forgotten, so memory is bounded, and readers that hold a
/// generation keep it alive by themselves. Generations grow with use, from 4 changes to twice the
/// length of the list (who is further behind is told no more by a snapshot), but at least
/// kLeastGeneration and at most kMaxGeneration: quiet services stay small, and so do busy short
/// ones.
class DeltaRecorder {
 public:
  static constexpr uint32_t kMaxGeneration = 2048;
  static constexpr uint32_t kLeastGeneration = 64;

  /// Forgets everything at or below `version`: cursors below it need a snapshot.
  void reset(uint64_t version) {
    window_ = DeltaWindow();
    window_.floor_ = version;
    capacity_ = 0;
  }

  /// `listed`: the length of the list.
  void append(Change change, size_t listed) {
    if (window_.newer_.count == capacity_) rotate(listed);
    auto& newer = window_.newer_;
    newer.changes[newer.count++] = std::move(change);
  }

  const DeltaWindow& window() const { return window_; }

 private:
  void rotate(size_t listed) {
    if (window_.older_.count > 0) {
      window_.floor_ = window_.older_.changes[window_.older_.count - 1].version;
    }
    window_.older_ = std::move(window_.newer_);
    const auto most =
        static_cast<uint32_t>(std::clamp<size_t>(2 * listed, kLeastGeneration, kMaxGeneration));
    capacity_ = std::clamp<uint32_t>(capacity_ * 2, 4, most);
    window_.newer_ = {std::make_shared<Change[]>(capacity_), 0};
  }

  DeltaWindow window_;
  uint32_t capacity_ = 0;
};

}  // namespace callbook::core
