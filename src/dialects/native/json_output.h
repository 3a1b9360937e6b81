#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_writer.h"
#include "core/service_view.h"

namespace callbook::native {

/// 11 characters of base64url: docs/formats/digest.md.
std::string digest_text(uint64_t digest);
std::optional<uint64_t> digest_from(std::string_view text);

/// Appends the members of an instance but for its id; fields at their default are left out.
void append_instance_members(base::JsonWriter& json, const core::ListEntry& entry,
                             const core::Interner& interner);

/// Appends "override" with what an operator says of the instance, if one does.
void append_override(base::JsonWriter& json, const core::ServiceView& view, std::string_view id);

/// Appends "service" and, unless it is the default one, "namespace".
/// What its provider says of an instance, unless that is just `up`.
void append_status(base::JsonWriter& json, const core::ServiceView& view, std::string_view id);
/// The largest size of the service lately, if more than are listed: for may_be_called().
void append_largest(base::JsonWriter& json, const core::ServiceView& view);
void append_service_key(base::JsonWriter& json, const core::ServiceKey& key);

/// Appends "empty" with the reason; `view` is null for a service that was never registered.
void append_empty(base::JsonWriter& json, const core::ServiceView* view);

/// Which instances of a snapshot are wanted.
struct InstanceFilter {
  std::optional<std::string> zone;
  std::optional<std::string> state;
  std::vector<std::pair<std::string, std::string>> metadata;

  bool empty() const { return !zone && !state && metadata.empty(); }
  bool matches(const core::ListEntry& entry, const core::Interner& interner) const;
};

/// Of which data center an answer is, if not of the node's own.
struct Origin {
  std::string_view datacenter;  ///< empty: the own
  int64_t silent_ms = 0;        ///< since it was heard
  bool stale = false;           ///< for so long that what is shown may be old
};
/// Appends "dc", "silent_ms" and "stale".
void append_origin(base::JsonWriter& json, const Origin& origin);

/// The event by which a stream says the same; sent first, and whenever "stale" changes.
std::string origin_event(const Origin& origin);

/// The document of GET /v1/services/{service}.
std::string snapshot_json(const core::ServiceKey& key, const core::ServiceView* view,
                          const InstanceFilter& filter, const Origin& origin = {});

/// The event that names other nodes: "nodes" when a stream begins; "leaving" is the last one of a
/// node that stops, by which it sends the client elsewhere.
std::string nodes_event(std::string_view event, const std::vector<std::string>& other_nodes);

}  // namespace callbook::native
