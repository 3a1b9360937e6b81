#pragma once

#include <string_view>

#include "base/result.h"
#include "core/session_id.h"

namespace callbook::native {

/// Reads a session id wherever the native API takes one: in a path, a query or a body. The nil id
/// is refused: a client that never got its session must not pass for one that names none. Errors
/// name `field`.
base::Result<core::SessionId> read_session_id(std::string_view field, std::string_view text);

}  // namespace callbook::native
