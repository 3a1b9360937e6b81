#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "base/log.h"

namespace callbook::node {

enum class LogFormat : uint8_t {
  kText,  ///< time, level, text
  kJson   ///< an object a line: time, level, event, message, and what else there is by name
};
inline constexpr std::array<std::string_view, 2> kLogFormatNames = {"text", "json"};

/// Writes the lines of level `least` and above to standard error, each with its time and level. A
/// text may hold anything: what could forge a line or deceive its reader is escaped (log_text.h).
/// Thread-safe.
std::unique_ptr<base::Logger> make_console_logger(base::LogLevel least, LogFormat format);

}  // namespace callbook::node
