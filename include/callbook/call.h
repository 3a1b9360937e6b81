#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "callbook/instance.h"

namespace callbook {

class Pick;
class Service;

/// What came of one attempt to call an instance.
enum class Outcome : uint8_t {
  kAnswered,  ///< it was served, whatever the answer says
  kRefused,   ///< the instance said that it does not take it (Refusal): it was not served
  kNotSent,   ///< no connection came about: it was not served
  kFailed     ///< broken off, or out of time: it may have been served
};

/// How a call may be repeated.
struct CallPolicy {
  /// For all attempts together.
  std::chrono::milliseconds deadline{5'000};
  /// Of one attempt; 0: as long as there is time.
  std::chrono::milliseconds attempt_timeout{0};
  uint32_t max_attempts = 5;
  /// It does no harm if it is served twice: repeated after kFailed too.
  bool idempotent = false;
  /// For Choice::kConsistentHash.
  std::string key = {};
  /// Only instances of which it says true.
  std::function<bool(const Instance&)> filter = {};
};

struct CallResult {
  Outcome outcome = Outcome::kNotSent;  ///< of the last attempt
  uint32_t attempts = 0;
  std::string error;  ///< why it was given up; empty if it was answered
  explicit operator bool() const { return outcome == Outcome::kAnswered; }
};

/// One attempt: calls the instance of `pick`, for at most `timeout`, and says what came of it.
using Attempt = std::function<Outcome(const Pick& pick, std::chrono::milliseconds timeout)>;

/// Calls an instance of `service`, and another one if that is safe: after kRefused and kNotSent,
/// and after kFailed if the call is idempotent; within the deadline, and within the retries that
/// the service has left (ServiceOptions::retry_share). While there is nobody to call it waits, up
/// to the deadline. Tells the service what came of each attempt. Blocks; thread-safe.
CallResult call(const Service& service, const CallPolicy& policy, const Attempt& attempt);

}  // namespace callbook
