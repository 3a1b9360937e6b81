#include "node/console_logger.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace callbook::node {
namespace {

class ConsoleLogger final : public base::Logger {
 public:
  ConsoleLogger() : logger_("callbook", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
    logger_.flush_on(spdlog::level::trace);
  }

  void write(base::LogLevel level, std::string_view message) override {
    logger_.log(level_of(level), message);
  }

 private:
  static spdlog::level::level_enum level_of(base::LogLevel level) {
    switch (level) {
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

  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<base::Logger> make_console_logger() {
  return std::make_unique<ConsoleLogger>();
}

}  // namespace callbook::node
