#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/json_writer.h"
#include "net/http_message.h"

namespace callbook::native {

/// The HTTP status that the native API gives an error.
int status_of(const base::Error& error);

/// Appends the members of a problem (RFC 9457) that `error` makes, without the braces.
void append_problem(base::JsonWriter& json, int status, const base::Error& error);

/// A whole problem answer. `retry_after_ms` above 0 adds Retry-After and retry_after_ms.
net::HttpResponse problem(const base::Error& error, int64_t retry_after_ms = 0);
net::HttpResponse problem_with_status(int status, const base::Error& error,
                                      int64_t retry_after_ms = 0);

}  // namespace callbook::native
