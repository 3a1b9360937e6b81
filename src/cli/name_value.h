#pragma once

#include <string>
#include <utility>

namespace callbook::cli {

/// Splits "NAME=VALUE" at the first '='; the value may be empty, the name not.
inline std::pair<std::string, std::string> name_value(const std::string& text) {
  const size_t equals = text.find('=');
  return {text.substr(0, equals), text.substr(equals + 1)};
}

/// For command lines: empty if `text` is NAME=VALUE, otherwise what is wrong.
inline std::string is_name_value(const std::string& text) {
  const size_t equals = text.find('=');
  return equals == std::string::npos || equals == 0 ? "'" + text + "' is no NAME=VALUE" : "";
}

}  // namespace callbook::cli
