#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace callbook::base {

enum class LogLevel : uint8_t { kTrace, kDebug, kInfo, kWarn, kError };

/// One named value of a log line.
struct LogField {
  std::string_view name;  ///< a literal
  std::variant<std::string, int64_t, std::vector<std::string>> value;
};

/// A line of the log in parts, so that programs need not read the text. Texts may hold anything:
/// whoever writes the line escapes them (log_text.h).
struct LogLine {
  LogLevel level = LogLevel::kInfo;
  std::string_view event;        ///< what happened, in one stable word; a literal
  std::string text;              ///< the same for people, with everything in it that matters
  std::vector<LogField> fields;  ///< the same for programs
  int64_t wall_ms = 0;           ///< when it happened; 0: as it is written
};

/// Where a layer writes what an operator should read. Passed in by the owner; there is no global
/// one. Implementations must be callable from any thread.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void write(LogLevel level, std::string_view message) = 0;
  /// A line in parts. Unless overridden, only its text is kept.
  virtual void write_line(const LogLine& line) { write(line.level, line.text); }
  /// Lines below this level are dropped: they need not be made.
  virtual LogLevel least_level() const { return LogLevel::kTrace; }

  template <typename... Args>
  void debug(fmt::format_string<Args...> format, Args&&... args) {
    write_formatted(LogLevel::kDebug, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    write_formatted(LogLevel::kInfo, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void warn(fmt::format_string<Args...> format, Args&&... args) {
    write_formatted(LogLevel::kWarn, format, std::forward<Args>(args)...);
  }
  template <typename... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    write_formatted(LogLevel::kError, format, std::forward<Args>(args)...);
  }

 private:
  template <typename... Args>
  void write_formatted(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
    if (level >= least_level()) write(level, fmt::format(format, std::forward<Args>(args)...));
  }
};

}  // namespace callbook::base
