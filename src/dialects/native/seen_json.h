#pragma once

#include "base/json_writer.h"
#include "core/front.h"

namespace callbook::native {

/// Whether the nodes have heard of a change (`until=heard`): "heard", and which have not.
void append_heard(base::JsonWriter& json, const core::Seen& seen);
/// Whether the watchers have been sent it (`until=seen`), and which nodes have not heard of it.
void append_seen(base::JsonWriter& json, const core::Seen& seen);

}  // namespace callbook::native
