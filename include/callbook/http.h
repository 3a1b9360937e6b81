#pragma once

#include <optional>
#include <string_view>

#include "callbook/call.h"
#include "callbook/guard.h"

namespace callbook {

// For calls over HTTP, with whatever server and client. At the provider: ask the guard before the
// handler, and answer a refusal with kRefusalStatus and the header kRefusalHeader: name_of(...).
// At the caller: give call() what outcome_of_http() makes of the answer, kNotSent if no connection
// came about, and kFailed if one broke off or the time was over.

/// The status of a refusal.
inline constexpr int kRefusalStatus = 503;

/// What an answer means; `refusal` is the value of its header kRefusalHeader, empty if it has none.
/// Every status is an answer, but for a refusal: a 503 that is none was served, or may have been.
inline Outcome outcome_of_http(int status, std::string_view refusal) {
  const bool refused = status == kRefusalStatus && refusal_from(refusal).has_value();
  return refused ? Outcome::kRefused : Outcome::kAnswered;
}

}  // namespace callbook
