#pragma once

#include <string_view>

#include "base/result.h"
#include "sdk/list_event.h"

namespace callbook::sdk {

// Reads what the server says of lists. Fields that are not known are passed over, since a newer
// server may send them; what is known but malformed is kInvalid and names the field. Where only a
// record of one instance is malformed or absurd, that record is left out and counted (`skipped`).

/// A snapshot: an event's data, or the document of GET /v1/services/{service}.
base::Result<SnapshotPart> decode_snapshot(std::string_view json);

/// The document of GET /v1/services/{service}/instances/{id}.
base::Result<Instance> decode_instance(std::string_view json);

/// The data of a `delta` event.
base::Result<Delta> decode_delta(std::string_view json);

}  // namespace callbook::sdk
