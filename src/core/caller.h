#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace callbook::core {

/// Where a client's input comes from, for the log. A value that is cheap to copy: nothing is
/// formatted or allocated for it on the way of a request.
struct Caller {
  std::string_view dialect;                 ///< a literal: "native"
  std::shared_ptr<const std::string> peer;  ///< "10.0.0.7:40312"; null: not a client's connection
};

}  // namespace callbook::core
