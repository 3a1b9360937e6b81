#pragma once

#include <memory>

#include "base/log.h"

namespace callbook::node {

/// Writes log lines to standard error: time, level, message. Thread-safe.
std::unique_ptr<base::Logger> make_console_logger();

}  // namespace callbook::node
