#pragma once

#include "base/address.h"
#include "base/result.h"
#include "core/limits.h"
#include "core/registration.h"

namespace callbook::core {

// What is fixed of checks, besides kMaxChecks.
inline constexpr size_t kMaxCheckHeaders = 16;
inline constexpr size_t kMaxCheckHeaderBytes = 512;  ///< of a value; of a name kMaxNameBytes
inline constexpr size_t kMaxCheckRanges = 16;
inline constexpr size_t kMaxCheckHostBytes =
    base::kMaxAddressBytes;  ///< of `host` and `server_name`
inline constexpr size_t kMaxCheckPayloadBytes = 512;
inline constexpr size_t kMaxChecksBytes = 8 * 1024;  ///< of one instance's, as stored

/// What the checks of a registration must be like, if it has any. Errors name the field as the
/// native API does: "check.tcp.port" of the one that is named `check` and is alone, otherwise
/// "checks.web.http.path".
base::Status validate_checks(const Registration& registration, const Limits& limits);

}  // namespace callbook::core
