#pragma once

#include "base/json_writer.h"
#include "core/output.h"

namespace callbook::native {

/// Appends one check of an instance as an object. What only its home knows is left out of one that
/// another node makes, and of one that has not been made yet.
void append_check(base::JsonWriter& json, const core::CheckReport& report);

}  // namespace callbook::native
