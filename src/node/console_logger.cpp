#include "node/console_logger.h"

#include <chrono>
#include <string>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/log_text.h"

namespace callbook::node {
namespace {

class ConsoleLogger final : public base::Logger {
 public:
  ConsoleLogger(base::LogLevel least, LogFormat format)
      : least_(least),
        format_(format),
        logger_("callbook", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_pattern(format == LogFormat::kText
                            ? "%Y-%m-%dT%H:%M:%S.%e%z %l %v"
                            : R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})");
    logger_.set_level(level_of(least));
    logger_.flush_on(spdlog::level::trace);
  }

  void write(base::LogLevel level, std::string_view message) override {
    if (level >= least_) put(level, spdlog::log_clock::now(), message, message);
  }

  void write_line(const base::LogLine& line) override {
    if (line.level < least_) return;
    const spdlog::log_clock::time_point happened{std::chrono::milliseconds(line.wall_ms)};
    put(line.level, line.wall_ms == 0 ? spdlog::log_clock::now() : happened, line.text, line);
  }

  base::LogLevel least_level() const override { return least_; }

 private:
  /// `line`: what the JSON members are made of.
  template <typename Line>
  void put(base::LogLevel level, spdlog::log_clock::time_point time, std::string_view text,
           const Line& line) {
    std::string body;
    if (format_ == LogFormat::kText) {
      base::append_visible(body, text);
    } else {
      base::append_json_members(body, line);
    }
    logger_.log(time, spdlog::source_loc(), level_of(level), body);
  }

  static spdlog::level::level_enum level_of(base::LogLevel level) {
    switch (level) {
      case base::LogLevel::kTrace:
        return spdlog::level::trace;
      case base::LogLevel::kDebug:
        return spdlog::level::debug;
      case base::LogLevel::kInfo:
        return spdlog::level::info;
      case base::LogLevel::kWarn:
        return spdlog::level::warn;
      case base::LogLevel::kError:
        return spdlog::level::err;
    }
    return spdlog::level::info;
  }

  const base::LogLevel least_;
  const LogFormat format_;
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<base::Logger> make_console_logger(base::LogLevel least, LogFormat format) {
  return std::make_unique<ConsoleLogger>(least, format);
}

}  // namespace callbook::node
