#pragma once

#include <cstdint>

#include <simdjson.h>

#include "base/result.h"
#include "core/check_rule.h"

namespace callbook::native {

struct CheckBody {
  core::CheckRule rule;
  int64_t interval_ms = core::kDefaultCheckIntervalMs;
};

/// Reads `{"tcp":{"port":N}}` or `{"http":{"path":P,"port":N}}`, with `interval_ms`, `timeout_ms`,
/// `failures`, `successes` and `remove_after_ms` beside it. Ranges are core's to judge.
base::Result<CheckBody> read_check(simdjson::ondemand::value value);

}  // namespace callbook::native
