#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/instance_list.h"
#include "sdk/list_event.h"

namespace callbook::sdk {

/// One difference between what a consumer held of a service and what it holds now.
struct Change {
  enum class Kind : uint8_t { kCame, kChanged, kLeft };
  Kind kind = Kind::kCame;
  InstancePtr instance;  ///< as it is now; of one that left, as it was
  std::string cause;     ///< as the server gave it; empty where it was not seen (after an absence)
};

/// The list of one service as a consumer holds it: a state machine over decoded events, without
/// clock, socket or thread. Not thread-safe.
///
/// Until a new snapshot is complete and proven by its digest the former list stays in force, so
/// that a consumer never acts on half a list.
class Directory {
 public:
  explicit Directory(std::string service) : service_(std::move(service)) {}

  /// Both take events of this service in the order of the stream, and return what has changed.
  std::vector<Change> take(SnapshotPart part);
  std::vector<Change> take(Delta delta);

  /// The stream broke: what was received of an unfinished snapshot is worth nothing.
  void stream_lost() { incoming_.reset(); }

  const std::string& service() const { return service_; }
  const InstanceList& instances() const { return list_; }
  /// Whether the list has been proven by a digest at least once.
  bool known() const { return known_; }
  /// Whether the list is, as far as it was received, proven by the server's digest.
  bool whole() const { return whole_; }
  /// Whether the server's digest contradicts what was received: ask again, without a digest. Lasts
  /// until a digest agrees.
  bool mismatch() const { return mismatch_; }
  /// Why the list is empty, if it is and the server said so.
  const std::optional<Emptiness>& emptiness() const { return emptiness_; }

 private:
  struct Incoming {
    InstanceList list;
    std::optional<Emptiness> emptiness;
  };

  void apply(Delta& delta, InstanceList& list, std::vector<Change>& changes) const;
  void settle(uint64_t digest, std::vector<Change>& changes);
  void contradict();

  std::string service_;
  InstanceList list_;
  std::optional<Incoming> incoming_;
  std::optional<Emptiness> emptiness_;
  bool known_ = false;
  bool whole_ = false;
  bool mismatch_ = false;
};

}  // namespace callbook::sdk
