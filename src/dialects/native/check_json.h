#pragma once

#include <simdjson.h>

#include "base/result.h"
#include "core/check_set.h"

namespace callbook::native {

/// Reads the value of "check", the one that is named `check`: exactly one of "tcp", "http",
/// "https", "grpc" and "udp", each an object, with `interval_ms`, `timeout_ms`, `failures`,
/// `successes` and `remove_after_ms` beside it. Ranges are core's to judge. Errors name fields as
/// "check.http.path".
base::Result<core::CheckSet> read_check(simdjson::ondemand::value value);

/// Reads the value of "checks": the same by name. Errors name fields as "checks.web.http.path".
base::Result<core::CheckSet> read_checks(simdjson::ondemand::value value);

}  // namespace callbook::native
