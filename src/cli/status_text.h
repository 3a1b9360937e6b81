#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace callbook::cli {

/// A JSON object as aligned lines "name.inner  value", for people. kInvalid if it is none.
base::Result<std::string> status_text(std::string_view json);

/// The document of GET /v1/nodes as a table, and a line about the bus. kInvalid if it is none.
base::Result<std::string> nodes_text(std::string_view json);

}  // namespace callbook::cli
