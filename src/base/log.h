#pragma once

#include <cstdint>
#include <string_view>

#include <fmt/format.h>

namespace callbook::base {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };

/// Where a layer writes what an operator should read. Passed in by the owner; there is no global
/// one. Implementations must be callable from any thread.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void write(LogLevel level, std::string_view message) = 0;

  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
  }
};

}  // namespace callbook::base
