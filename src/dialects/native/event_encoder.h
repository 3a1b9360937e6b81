#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/json_writer.h"
#include "core/service_view.h"
#include "core/watch_cursor.h"
#include "net/http_message.h"

namespace callbook::native {

/// One encoded event, shared by every stream that is owed the same.
struct EncodedEvent {
  net::SharedBytes piece;  ///< framed for the wire
  std::string last;        ///< of a snapshot part: the last id in it
  uint64_t to = 0;         ///< of a delta: the version reached
  bool end = false;        ///< of a snapshot part: it was the last
  bool complete = false;   ///< carries the digest (and the id, if one was asked for)
};

/// Encodes watch events once and keeps the latest for the other streams of this thread. A piece is
/// at most about kMaxPieceBytes plus one instance, however large the service is. Not thread-safe.
class EventEncoder {
 public:
  static constexpr size_t kMaxPieceBytes = 32 * 1024;

  explicit EventEncoder(std::string boot_id) : boot_id_(std::move(boot_id)) {}

  /// The event that `owed` (not kNothing) asks for. `view` is null for an unknown service named
  /// `key`. `with_id`: the stream would be complete through this event; `published` is the version
  /// of the whole catalog. Valid until the next call.
  const EncodedEvent& encode(const core::ServiceKey& service, const core::ServiceView* view,
                             const core::Owed& owed, bool with_id, uint64_t published);

  net::SharedBytes alive(uint64_t version, bool with_id) const;
  /// The version of an event id of this boot, or nothing.
  std::optional<uint64_t> version_of(std::string_view event_id) const;

  uint64_t hits() const { return hits_; }
  uint64_t misses() const { return misses_; }

 private:
  struct Key {
    uint32_t service;
    uint64_t version;
    uint64_t from;  ///< of a delta; UINT64_MAX for a snapshot
    bool with_id;
    bool first;
    bool may_complete;
    std::string after;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& key) const;
  };

  EncodedEvent make_snapshot(const core::ServiceKey& service, const core::ServiceView* view,
                             const core::Owed& owed, bool with_id, uint64_t id_version) const;
  EncodedEvent make_delta(const core::ServiceView& view, const core::Owed& owed,
                          bool with_id) const;
  void append_head(std::string& out, std::string_view event, uint64_t version, bool with_id) const;
  void evict();

  static constexpr size_t kMaxCachedBytes = 8 * 1024 * 1024;

  std::string boot_id_;
  std::unordered_map<Key, EncodedEvent, KeyHash> cache_;  // lookup only
  std::deque<Key> order_;
  size_t cached_bytes_ = 0;
  EncodedEvent uncached_;
  uint64_t hits_ = 0;
  uint64_t misses_ = 0;
};

}  // namespace callbook::native
